"""Sends messages without any secret to people: warnings and reminders.

A person gets one message about everything that is due at the same time. The journal knows of each message before it is
sent, and lets only one process begin it. After a crash or a lost answer, it is sent at most once more, with the same
ID; after a gateway took it and didn't deliver it, at most once more with another ID.
"""

from __future__ import annotations

import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import chain
from queue import Empty, SimpleQueue

import attrs

from provisioner.core.api.errors import (
    BusyError,
    DailyLimitError,
    ItemMisconfiguredError,
    LeaseLostError,
    MisconfiguredError,
    MissingError,
    ProvisionerError,
    RefusedError,
    TargetError,
    TransientError,
    UnknownOutcomeError,
    UnsupportedError,
    known_or_defect,
    step_error,
)
from provisioner.core.api.events import Event, NoticeBegun, NoticeChanged, NoticeEnded, NoticeItem
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.messages import DeliverNotice, DeliveryReceipt, DeliveryState
from provisioner.core.api.rules import Deadline
from provisioner.core.engine.allowances import Allowances
from provisioner.core.engine.delivery import deliver
from provisioner.core.engine.people import LookUp, People
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.gateway import Channel, able
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import MessageState, NoticeDelivery, Person
from provisioner.core.model.notices import MOST_ATTEMPTS
from provisioner.core.model.text import Text
from provisioner.core.policy import digest

#: Namespace of the IDs of notices, so that a gateway that supports IDs never treats one notice as two.
_IDS = uuid.UUID("6f0d3c52-31c5-4a0e-9d0e-3a4b8a3f4a86")

#: How many messages there are for each sending thread, at first and at most, when the journal has stored their
#: beginnings. The next ones follow when half of them are left.
_IN_ADVANCE, _MOST_IN_ADVANCE = 4, 16

#: While so many are sent more quickly than this, the next time there are twice as many. If the gateway is slow, there
#: are few: after a crash, it is unknown whether they were sent.
_QUICK = timedelta(seconds=1)


@attrs.frozen(kw_only=True)
class Notice:
    """A message to a person because of a deadline, or a part of one about several deadlines."""

    #: What it concerns: a login, or the name of another subject with deadlines.
    subject: str
    deadline: Deadline
    #: The same, if it is the login of an account.
    login: str = ""
    #: The ID of the person to notify; ``None`` if there is nobody.
    recipient: str | None
    #: Why it was not delivered; ``None`` if it was.
    error: ProvisionerError | None = None
    #: Whether a delivery was attempted, for which the recipient could be looked up.
    tried: bool = True
    #: The gateway's reference of the message.
    reference: str | None = None
    #: Whether it is sent although its channel has reached the daily limit.
    is_urgent: bool = False

    @property
    def name(self) -> str:
        """What distinguishes it from all other notices."""
        deadline = self.deadline
        return f"{self.subject} {deadline.rule_set} {deadline.action} {deadline.at.isoformat()}"

    @property
    def delivery_id(self) -> str:
        """The ID of a message about nothing else; the same on every attempt."""
        return _id_of(self.name)

    @property
    def item(self) -> NoticeItem:
        """The same for the journal."""
        deadline = self.deadline
        return NoticeItem(subject=self.subject, rule_set=deadline.rule_set, action=deadline.action, due_at=deadline.at)


@attrs.frozen(kw_only=True)
class _Message:
    """One message to one person."""

    id: str
    recipient: str | None
    notices: Sequence[Notice]
    #: The number of the attempt, from 1.
    attempt: int = 1
    #: Whether it waited for so long that it was checked again.
    is_late: bool = False

    def begun(self, at: datetime) -> NoticeBegun:
        return NoticeBegun(
            at=at,
            notice=self.id,
            recipient=self.recipient or "",
            attempt=self.attempt,
            items=tuple(notice.item for notice in self.notices),
        )


@attrs.frozen(kw_only=True)
class _Result:
    """What became of a message."""

    message: _Message
    state: MessageState | None = None
    channel: str | None = None
    reference: str | None = None
    #: The gateway's IDs of its parts.
    parts: tuple[str, ...] = ()
    error: ProvisionerError | None = None
    tried: bool = True
    #: Whether it is checked and sent again, because it waited for too long.
    is_again: bool = False
    #: Whether the journal knows of the attempt.
    begun: bool = True
    #: Whether a channel refused it, or it has no text.
    is_refused: bool = False

    @property
    def is_told(self) -> bool:
        """Whether its deadlines are met: it was accepted, or may have been, as often as it may be sent."""
        if isinstance(self.error, UnknownOutcomeError):
            return self.message.attempt >= MOST_ATTEMPTS
        return self.error is None

    @property
    def is_told_apart(self) -> bool:
        """Whether its notices are sent one by one instead: what is refused about all may be accepted about each."""
        return self.is_refused and self.error is not None and len(self.message.notices) > 1

    def left(self) -> Iterator[_Message]:
        """Yield what is sent instead."""
        if self.is_again:
            yield attrs.evolve(self.message, is_late=True)
        for notice in self.message.notices if self.is_told_apart else ():
            yield attrs.evolve(self.message, id=notice.delivery_id, notices=[notice])

    @cached_property
    def notices(self) -> Sequence[Notice]:
        """The notices of the message, each with its result."""
        if self.is_told_apart or self.is_again:
            return ()
        return [
            attrs.evolve(notice, error=self.error, tried=self.tried, reference=self.reference)
            for notice in self.message.notices
        ]

    def ended(self, at: datetime) -> NoticeEnded:
        return NoticeEnded(
            at=at,
            notice=self.message.id,
            attempt=min(self.message.attempt, MOST_ATTEMPTS),
            state=self.state,
            channel=self.channel,
            reference=self.reference,
            parts=self.parts,
            error=step_error(self.error) if self.error else None,
        )


@attrs.frozen(kw_only=True)
class _Outcome:
    """What became of messages that were sent together."""

    results: Sequence[_Result]
    #: What is left to do, for each message by itself.
    left: Sequence[_Job] = ()


@attrs.frozen(kw_only=True)
class _Job:
    """Work for a thread: messages to send."""

    #: The number of messages.
    size: int
    run: Callable[[], _Outcome]


@attrs.define(eq=False)
class _Jobs:
    """The jobs under way, and those of whose results nobody was told yet. Used by one thread."""

    _running: dict[Future[_Outcome], _Job] = attrs.field(factory=dict, init=False)
    _untold: deque[Future[_Outcome]] = attrs.field(factory=deque, init=False)
    _finished: SimpleQueue[Future[_Outcome]] = attrs.field(factory=SimpleQueue, init=False)

    @property
    def under_way(self) -> int:
        """The number of messages under way."""
        return sum(job.size for job in self._running.values())

    def start(self, pool: ThreadPoolExecutor, job: _Job) -> None:
        """Let a thread do a job."""
        future = pool.submit(job.run)
        self._running[future] = job
        self._untold.append(future)
        future.add_done_callback(self._finished.put)

    def ended(self, pool: ThreadPoolExecutor, most: int) -> Sequence[_Result]:
        """Wait until at most so many messages are under way, and return the results of the others.

        All that are there are taken: the journal stores many together as quickly as one.
        """
        results: list[_Result] = []
        with suppress(Empty):
            while self._running:
                future = self._finished.get(block=self.under_way > most)
                del self._running[future]
                outcome = future.result()
                results += outcome.results
                for job in outcome.left:
                    self.start(pool, job)
        return results

    def told(self) -> Iterator[Notice]:
        """Yield the notices of the jobs that ended, in the order in which they were started."""
        while self._untold and self._untold[0] not in self._running:
            for result in self._untold.popleft().result().results:
                yield from result.notices


@attrs.frozen(kw_only=True)
class _Draft:
    """A message with its text."""

    message: _Message
    request: DeliverNotice


@attrs.frozen(kw_only=True)
class _FirstAttempt:
    """An attempt at a message together with others."""

    channel: Channel
    #: Ends the count of the message, if it was not sent.
    give_back: Callable[[], None]
    #: What the channel said about this message; ``None`` if it was not sent.
    receipt: DeliveryReceipt | None

    @property
    def is_taken(self) -> bool:
        """Whether the channel took the message."""
        return self.receipt is not None and self.receipt.state in {DeliveryState.ACCEPTED, DeliveryState.DELIVERED}


@attrs.frozen(kw_only=True)
class Purpose:
    """What follows from notices.

    Args:

        met: Returns the event of a notice that was delivered.

        still_due: Returns those of these notices that are still due. Called before they are sent.
    """

    met: Callable[[Notice], Event]
    still_due: Callable[[Sequence[Notice]], Sequence[Notice]]


@attrs.define(eq=False, kw_only=True)
class Notifier:
    """Sends notices to people.

    Args:

        people: Looks up persons.

        channels: The channels, in the order in which they are tried.

        retry: The retry policy.

        say: Translates a text into the language of messages to people.

        record: Writes events into the journal.

        earlier: Returns the last notices about these subjects, by subject.

        reported: Returns what was reported on the parts of these messages, by the ID of the message.

        now: The clock.

        carries: Whether a person gets notices over a channel, given its name.

        good_for: How long after the last check a notice may be sent. If it waited for longer, or the process was
            suspended, it is checked again: it may be outdated, and another sweep may have sent it.
    """

    people: People
    channels: Sequence[Channel]
    retry: Retry
    say: Callable[[Text], str]
    record: Recorder
    earlier: Callable[[Iterable[str]], Mapping[str, Sequence[NoticeDelivery]]]
    now: Callable[[], datetime]
    reported: Callable[[Collection[str]], Mapping[str, MessageState]] = lambda _: {}
    carries: Callable[[str, Person], bool] = lambda *_: True
    good_for: timedelta = timedelta(minutes=1)
    #: How many messages the channels may send.
    allowances: Allowances = attrs.field(factory=Allowances)

    def tell(self, notices: Sequence[Notice], purpose: Purpose, *, checked: Lease | None = None) -> Iterator[Notice]:
        """Deliver these notices, several at the same time, and yield each with its result, when that is stored.

        Notices that are no longer due, and those that another process may be sending now, are left out. If the program
        is stopped, notices that were not started are left out too.

        Args:

            notices: The notices.

            purpose: What follows from them.

            checked: A lease of :attr:`good_for` that starts when it was checked that they are due; ``None`` to check it
                now.

        Raises:

            StoreError: The store failed. Messages under way are sent, and nothing more.
        """
        known = self.people.look_up({notice.recipient for notice in notices if notice.recipient})
        waiting = deque(self._messages(notices))
        workers, advance = max((channel.parallel for channel in self._able), default=1), _IN_ADVANCE
        jobs = _Jobs()
        done: Sequence[_Result] = ()
        with ThreadPoolExecutor(workers, thread_name_prefix="notices") as pool:
            while waiting or jobs.under_way or done:
                if waiting and (checked is None or 2 * checked.left() < self.good_for.total_seconds()):
                    checked = Lease.of(self.good_for)
                    waiting = deque(_still_due(waiting, purpose))
                begin, since = partial(self._job, known=known, lease=checked), self.now()
                ready = self._recorded(self._next(waiting, advance * workers - jobs.under_way), done, purpose, known)
                for messages in self._together(ready, known):
                    jobs.start(pool, begin(messages))
                yield from jobs.told()
                done = jobs.ended(pool, advance * workers // 2 if waiting else jobs.under_way - 1)
                advance = min(2 * advance, _MOST_IN_ADVANCE) if self.now() - since < _QUICK else _IN_ADVANCE
                waiting += (message for result in done for message in result.left())
                checked = None if any(result.is_again for result in done) else checked

    @property
    def _longest_send(self) -> timedelta:
        """How long it takes at most until the journal knows what became of a message that it knows to be begun."""
        slowest = max((channel.longest_call for channel in self._able), default=timedelta())
        return self.good_for + self.retry.policy.total + 2 * slowest

    def _recorded(
        self, messages: Sequence[_Message], done: Sequence[_Result], purpose: Purpose, known: LookUp
    ) -> Sequence[_Message]:
        """Record ends and beginnings, and return the messages that no other process has begun."""
        ends = list(self._ends(done, purpose))
        begins = [message.begun(self.now()) for message in messages if _obstacle(message, known) is None]
        try:
            self.record(*ends, *begins)
        except BusyError:
            self.record(*ends)
            messages = [message for message in messages if self._is_free(message, known)]
        self._note_early_reports(done)
        return messages

    def _is_free(self, message: _Message, known: LookUp) -> bool:
        """Record the beginning of a message, and return whether no other process has begun it."""
        try:
            self.record(*([message.begun(self.now())] if _obstacle(message, known) is None else []))
        except BusyError:
            return False
        return True

    def _note_early_reports(self, done: Iterable[_Result]) -> None:
        """Record reports on parts that arrived before the journal knew the parts."""
        results = {result.message.id: result for result in done if result.parts}
        for notice, state in self.reported(results.keys()).items() if results else ():
            self.record(NoticeChanged(at=self.now(), notice=notice, state=state))

    def _together(self, messages: Iterable[_Message], known: LookUp) -> Iterator[Sequence[_Message]]:
        """Divide messages into those that a channel takes at once. What can't be sent stands by itself."""
        able, batches = self._able, defaultdict[str, list[_Message]](list)
        for message in messages:
            channel = (
                None if _obstacle(message, known) else self._first_of(able, known.persons[message.recipient or ""])
            )
            if channel is None or not channel.takes_batches:
                yield [message]
                continue
            batch = batches[channel.name]
            batch.append(message)
            if len(batch) == channel.largest_batch:
                yield batches.pop(channel.name)
        yield from batches.values()

    def _first_of(self, channels: Iterable[Channel], recipient: Person) -> Channel | None:
        """Return the first of these channels that a person chose; ``None`` if it may not send to this person."""
        channel = next((channel for channel in channels if self.carries(channel.name, recipient)), None)
        return channel if channel and channel.obstacle(recipient) is None else None

    def _job(self, messages: Sequence[_Message], *, known: LookUp, lease: Lease | None) -> _Job:
        return _Job(size=len(messages), run=partial(self._outcome, messages, known, lease))

    def _messages(self, notices: Sequence[Notice]) -> Iterator[_Message]:
        """Put together what a person is told at once. What may have been sent before is the same message again."""
        fresh: dict[tuple[str, str], list[Notice]] = defaultdict(list)
        again: dict[tuple[str, int], list[Notice]] = defaultdict(list)
        earlier, oldest = self.earlier({notice.subject for notice in notices}), self.now() - self._longest_send
        for notice in notices:
            last = _last(notice, earlier.get(notice.subject, ()))
            if last is None:
                fresh[_key(notice)].append(notice)
            elif last.state is not MessageState.SENDING or last.sent_at <= oldest:
                again[_id_after(last), last.attempts + 1].append(notice)
        for (message_id, attempt), some in again.items():
            yield _Message(id=message_id, recipient=some[0].recipient, notices=some, attempt=attempt)
        for some in (message for found in fresh.values() for message in _short_enough(found)):
            yield _Message(id=_id_of(*(notice.name for notice in some)), recipient=some[0].recipient, notices=some)

    def _next(self, waiting: deque[_Message], room: int) -> Sequence[_Message]:
        """Take messages to send next."""
        if self.retry.stop.is_set():
            waiting.clear()
        return [waiting.popleft() for _ in range(min(room, len(waiting)))]

    def _ends(self, done: Iterable[_Result], purpose: Purpose) -> Iterator[Event]:
        for result in done:
            if result.begun:
                yield result.ended(self.now())
            if result.is_told:
                yield from map(purpose.met, result.notices)

    def _outcome(self, messages: Sequence[_Message], known: LookUp, lease: Lease | None) -> _Outcome:
        """Send messages, in a thread of their own."""
        if self.retry.stop.is_set():
            return _Outcome(results=[_Result(message=attrs.evolve(message, notices=())) for message in messages])
        drafts = [_obstacle(message, known) or self._draft(message, known) for message in messages]
        results = [draft for draft in drafts if isinstance(draft, _Result)]
        sendable = [draft for draft in drafts if isinstance(draft, _Draft)]
        if len(sendable) < 2:  # noqa: PLR2004 - one is not sent together with others
            return _Outcome(results=[*results, *(self._result(draft, lease, None) for draft in sendable)])
        first, left = self._first_attempts(sendable, lease), list[_Job]()
        for draft in sendable:
            attempt = first.get(draft.message.id)
            if attempt and attempt.is_taken:
                results.append(self._result(draft, lease, attempt))
            else:
                left.append(_Job(size=1, run=partial(self._outcome_of, draft, lease, attempt)))
        return _Outcome(results=results, left=left)

    def _outcome_of(self, draft: _Draft, lease: Lease | None, first: _FirstAttempt | None) -> _Outcome:
        return _Outcome(results=[self._result(draft, lease, first)])

    def _draft(self, message: _Message, known: LookUp) -> _Draft | _Result:
        reminders = [digest.Reminder(notice.subject, notice.deadline) for notice in message.notices]
        try:
            text, *shorter = digest.texts(reminders, self.say)
        except Exception as error:
            return _without_text(message, error)
        recipient = known.persons[message.recipient or ""]
        request = DeliverNotice(delivery_id=message.id, recipient=recipient, text=text, shorter=tuple(shorter))
        return _Draft(message=message, request=request)

    def _first_attempts(self, drafts: Sequence[_Draft], lease: Lease | None) -> Mapping[str, _FirstAttempt]:
        """Send messages at once over the channel that all of them are sent over first.

        What doesn't succeed is left to the attempt at a single message, which decides what becomes of it.
        """
        channel = self._first_of(self._able, drafts[0].request.recipient)
        if channel is None:
            return {}
        places = {}
        for draft in drafts:
            with suppress(DailyLimitError):
                places[draft.message.id] = self._place(channel, draft.message)
        requests = [draft.request for draft in drafts if draft.message.id in places]
        receipts = self._receipts(channel, requests, lease) if requests else {}
        return {
            message_id: _FirstAttempt(channel=channel, give_back=give_back, receipt=receipts.get(message_id))
            for message_id, give_back in places.items()
        }

    def _receipts(
        self, channel: Channel, requests: Sequence[DeliverNotice], lease: Lease | None
    ) -> Mapping[str, DeliveryReceipt]:
        """Return what a channel said about each of several messages, by its ID; nothing if it took none of them."""
        try:
            with fenced(requests[0].delivery_id, lease) if lease else nullcontext():
                receipts = channel.notify_all(requests)
        except UnknownOutcomeError as error:
            unknown = DeliveryReceipt(state=DeliveryState.UNKNOWN, detail=error.text)
            return dict.fromkeys((request.delivery_id for request in requests), unknown)
        except (TargetError, LeaseLostError):
            return {}
        return {one: receipt for one, receipt in receipts.items() if receipt.state is not DeliveryState.MISSING}

    def _result(self, draft: _Draft, lease: Lease | None, first: _FirstAttempt | None) -> _Result:
        """Send a message, or determine what its first attempt led to."""
        try:
            with fenced(draft.message.id, lease) if lease else nullcontext():
                return self._sent(draft, first)
        except LeaseLostError:
            return _unsent(draft.message)
        except Exception as error:
            return _without_text(draft.message, error)

    def _sent(self, draft: _Draft, first: _FirstAttempt | None) -> _Result:
        """Send a message over the first channel that accepts it."""
        message, request = draft.message, draft.request
        error: TargetError = UnsupportedError("no channel supports messages of this kind")
        is_refused = is_held_up = False
        for channel in self._able:
            if not self.carries(channel.name, request.recipient):
                continue
            try:
                return self._sent_over(channel, draft, first if first and first.channel is channel else None)
            except DailyLimitError as failure:  # our own obstacle: the person can be reached
                error, is_held_up = failure, True
            except (RefusedError, TransientError, MisconfiguredError, ItemMisconfiguredError) as failure:
                error, is_refused = failure, is_refused or isinstance(failure, RefusedError)
            except TargetError as failure:
                return _Result(message=message, state=_state_after(failure), channel=channel.name, error=failure)
        return _Result(message=message, error=error, tried=not is_held_up, is_refused=is_refused)

    def _sent_over(self, channel: Channel, draft: _Draft, first: _FirstAttempt | None) -> _Result:
        message, request = draft.message, draft.request
        give_back = first.give_back if first else self._place(channel, message)
        known = [first.receipt] if first and first.receipt else []
        try:
            receipt = self.retry.call(
                lambda _: deliver(
                    lambda: known.pop() if known else channel.notify(request), channel, message.id, self.retry
                )
            )
        except (TargetError, LeaseLostError) as error:
            if not isinstance(error, UnknownOutcomeError):
                give_back()
            raise
        is_delivered = receipt.state is DeliveryState.DELIVERED
        return _Result(
            message=message,
            state=MessageState.DELIVERED if is_delivered else MessageState.HANDED_OVER,
            channel=channel.name,
            reference=receipt.reference,
            parts=receipt.parts,
        )

    def _place(self, channel: Channel, message: _Message) -> Callable[[], None]:
        """Count a message, and return what ends its count.

        Raises:

            DailyLimitError: The channel may send no more messages today.
        """
        return self.allowances.take(channel.name, beyond=any(notice.is_urgent for notice in message.notices))

    @property
    def _able(self) -> list[Channel]:
        return able(self.channels, "notice_deliver")


def _unsent(message: _Message) -> _Result:
    """Return what becomes of a message that waited for too long: it is checked once more."""
    if not message.is_late:
        return _Result(message=message, is_again=True)
    late = TransientError("the notice waited for too long", cure="no action is needed: the next sweep sends it")
    return _Result(message=message, error=late, tried=False)


def _without_text(message: _Message, error: Exception) -> _Result:
    return _Result(message=message, error=known_or_defect(error), tried=False, is_refused=True)


def _still_due(messages: Iterable[_Message], purpose: Purpose) -> Iterator[_Message]:
    """Yield the messages without what is no longer due."""
    taken = list(messages)
    due = {notice.name for notice in purpose.still_due([notice for message in taken for notice in message.notices])}
    for message in taken:
        if left := [notice for notice in message.notices if notice.name in due]:
            yield attrs.evolve(message, notices=left)


def _obstacle(message: _Message, known: LookUp) -> _Result | None:
    """Return why a message can't be sent; ``None`` if it can."""
    if message.attempt > MOST_ATTEMPTS:
        error = UnknownOutcomeError("it is unknown whether the notice arrived; it is not sent again")
        return _Result(message=message, state=MessageState.UNKNOWN, error=error)
    if failure := known.errors.get(message.recipient or ""):
        return _Result(message=message, error=failure, tried=False, begun=False)
    if (message.recipient or "") not in known.persons:
        missing = MissingError("there is nobody to notify", cure="name a known custodian")
        return _Result(message=message, error=missing, begun=False)
    return None


def _last(notice: Notice, earlier: Iterable[NoticeDelivery]) -> NoticeDelivery | None:
    """Return the message with which a notice may have been sent before, or was sent and not delivered."""
    deadline = notice.deadline
    key = (deadline.rule_set, deadline.action, deadline.at, notice.recipient)
    found = (last for last in earlier if (last.rule_set, last.action, last.at, last.person) == key)
    return next((last for last in found if last.is_in_doubt or last.is_refused), None)


def _id_after(last: NoticeDelivery) -> str:
    """Return the ID of the next attempt: another one after a refusal, which a gateway that knows IDs would repeat."""
    return _id_of(last.id, "again") if last.is_refused else last.id


def _short_enough(notices: Iterable[Notice]) -> Iterator[list[Notice]]:
    """Divide what a person is told, so that each message has no more headlines than fit into it."""
    by_headline: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        by_headline[repr(notice.deadline.digest)].append(notice)
    groups = list(by_headline.values())
    for start in range(0, len(groups), digest.MOST_HEADLINES):
        yield list(chain.from_iterable(groups[start : start + digest.MOST_HEADLINES]))


def _key(notice: Notice) -> tuple[str, str]:
    """Return what notices have in common that share a message."""
    return (notice.recipient, "") if notice.deadline.digest and notice.recipient else ("", notice.name)


def _id_of(*names: str) -> str:
    return str(uuid.uuid5(_IDS, "\n".join(sorted(names))))


def _state_after(error: TargetError) -> MessageState | None:
    return MessageState.UNKNOWN if isinstance(error, UnknownOutcomeError) else None
