"""Sends messages without any secret to people: warnings and reminders.

A person gets one message about everything that is due at the same time. The journal knows of each message before it is
sent, and lets only one process begin it. After a crash or a lost answer, it is sent at most once more, with the same
ID; after a gateway took it and didn't deliver it, at most once more with another ID.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from functools import partial

import attrs

from provisioner.core.api.errors import (
    BusyError,
    DailyLimitError,
    ItemMisconfiguredError,
    LeaseLostError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    TargetError,
    TransientError,
    UnknownOutcomeError,
    UnsupportedError,
    known_or_defect,
)
from provisioner.core.api.events import Event, NoticeChanged
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.messages import DeliverNotice, DeliveryReceipt, DeliveryState
from provisioner.core.engine.allowances import Allowances
from provisioner.core.engine.delivery import deliver
from provisioner.core.engine.people import LookUp, People
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.gateway import Channel, able
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import MessageState, NoticeDelivery, Person
from provisioner.core.model.text import Text
from provisioner.core.policy import digest
from provisioner.core.policy.notice_jobs import NoticeJob, NoticeJobs, SentTogether
from provisioner.core.policy.notice_messages import Notice, NoticeMessage, NoticeResult, messages_of

#: How many messages there are for each sending thread, at first and at most, when the journal has stored their
#: beginnings. The next ones follow when half of them are left.
_IN_ADVANCE, _MOST_IN_ADVANCE = 4, 32

#: While so many are sent more quickly than this, the next time there are twice as many. If the gateway is slow, there
#: are few: after a crash, it is unknown whether they were sent.
_QUICK = timedelta(seconds=1)


@attrs.frozen(kw_only=True)
class _Draft:
    """A message with its text."""

    message: NoticeMessage
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
    #: How many messages there are for each sending thread now.
    _advance: int = attrs.field(default=_IN_ADVANCE, init=False)

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
        waiting = deque(
            messages_of(notices, self.earlier({notice.subject for notice in notices}), self.now() - self._longest_send)
        )
        workers = max((channel.parallel for channel in self._able), default=1)
        jobs = NoticeJobs()
        done: Sequence[NoticeResult] = ()
        with ThreadPoolExecutor(workers, thread_name_prefix="notices") as pool:
            while waiting or jobs.under_way or done:
                if waiting and (checked is None or 2 * checked.left() < self.good_for.total_seconds()):
                    checked = Lease.of(self.good_for)
                    waiting = deque(_still_due(waiting, purpose))
                begin, since, most = partial(self._job, known=known, lease=checked), self.now(), self._advance * workers
                ready = self._recorded(self._next(waiting, most - jobs.under_way), done, purpose, known)
                for messages in self._together(ready, known):
                    jobs.start(pool, begin(messages))
                yield from jobs.told()
                done = jobs.ended(pool, most // 2 if waiting else jobs.under_way - 1)
                is_quick = self.now() - since < _QUICK
                self._advance = min(2 * self._advance, _MOST_IN_ADVANCE) if is_quick else _IN_ADVANCE
                waiting += (message for result in done for message in result.left())
                checked = None if any(result.is_again for result in done) else checked

    @property
    def _longest_send(self) -> timedelta:
        """How long it takes at most until the journal knows what became of a message that it knows to be begun."""
        slowest = max((channel.longest_call for channel in self._able), default=timedelta())
        return self.good_for + self.retry.policy.total + 2 * slowest

    def _recorded(
        self, messages: Sequence[NoticeMessage], done: Sequence[NoticeResult], purpose: Purpose, known: LookUp
    ) -> Sequence[NoticeMessage]:
        """Record ends and beginnings, and return the messages that no other process has begun."""
        ends = list(self._ends(done, purpose))
        begins = [message.begun(self.now()) for message in messages if _obstacle(message, known) is None]
        try:
            self.record(*ends, *begins)
        except BusyError:
            self.record(*ends)
            messages = [message for message in messages if self._is_free(message, known)]
        self._end_in_parts([result for result in done if result.is_in_parts], purpose)
        return messages

    def _is_free(self, message: NoticeMessage, known: LookUp) -> bool:
        """Record the beginning of a message, and return whether no other process has begun it."""
        try:
            self.record(*([message.begun(self.now())] if _obstacle(message, known) is None else []))
        except BusyError:
            return False
        return True

    def _end_in_parts(self, done: Sequence[NoticeResult], purpose: Purpose) -> None:
        """Record reports on parts that arrived before the journal knew the parts.

        The deadlines are met only with them: if the process ends before, the next sweep looks for reports again.
        """
        if not done:
            return
        now, reported = self.now(), self.reported({result.message.id for result in done})
        changes = [NoticeChanged(at=now, notice=notice, state=state) for notice, state in reported.items()]
        self.record(*changes, *(event for result in done for event in _met(result, purpose)))

    def _together(self, messages: Iterable[NoticeMessage], known: LookUp) -> Iterator[Sequence[NoticeMessage]]:
        """Divide messages into those that a channel takes at once. What can't be sent stands by itself."""
        able, batches = self._able, defaultdict[str, list[NoticeMessage]](list)
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

    def _job(self, messages: Sequence[NoticeMessage], *, known: LookUp, lease: Lease | None) -> NoticeJob:
        return NoticeJob(size=len(messages), run=partial(self._outcome, messages, known, lease))

    def _next(self, waiting: deque[NoticeMessage], room: int) -> Sequence[NoticeMessage]:
        """Take messages to send next."""
        if self.retry.stop.is_set():
            waiting.clear()
        return [waiting.popleft() for _ in range(min(room, len(waiting)))]

    def _ends(self, done: Iterable[NoticeResult], purpose: Purpose) -> Iterator[Event]:
        for result in done:
            if result.begun:
                yield from result.ends(self.now())
            if not result.is_in_parts:
                yield from _met(result, purpose)

    def _outcome(self, messages: Sequence[NoticeMessage], known: LookUp, lease: Lease | None) -> SentTogether:
        """Send messages, in a thread of their own."""
        if self.retry.stop.is_set():
            return SentTogether(
                results=[NoticeResult(message=attrs.evolve(message, notices=())) for message in messages]
            )
        drafts = [_obstacle(message, known) or self._draft(message, known) for message in messages]
        results = [draft for draft in drafts if isinstance(draft, NoticeResult)]
        sendable = [draft for draft in drafts if isinstance(draft, _Draft)]
        if len(sendable) < 2:  # noqa: PLR2004 - one is not sent together with others
            return SentTogether(results=[*results, *(self._result(draft, lease, None) for draft in sendable)])
        first, left = self._first_attempts(sendable, lease), list[NoticeJob]()
        for draft in sendable:
            attempt = first.get(draft.message.id)
            if attempt and attempt.is_taken:
                results.append(self._result(draft, lease, attempt))
            else:
                left.append(NoticeJob(size=1, run=partial(self._outcome_of, draft, lease, attempt)))
        return SentTogether(results=results, left=left)

    def _outcome_of(self, draft: _Draft, lease: Lease | None, first: _FirstAttempt | None) -> SentTogether:
        return SentTogether(results=[self._result(draft, lease, first)])

    def _draft(self, message: NoticeMessage, known: LookUp) -> _Draft | NoticeResult:
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

    def _result(self, draft: _Draft, lease: Lease | None, first: _FirstAttempt | None) -> NoticeResult:
        """Send a message, or determine what its first attempt led to."""
        try:
            with fenced(draft.message.id, lease) if lease else nullcontext():
                return self._sent(draft, first)
        except LeaseLostError:
            return _unsent(draft.message)
        except Exception as error:
            return _without_text(draft.message, error)

    def _sent(self, draft: _Draft, first: _FirstAttempt | None) -> NoticeResult:
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
                return NoticeResult(message=message, state=_state_after(failure), channel=channel.name, error=failure)
        return NoticeResult(message=message, error=error, tried=not is_held_up, is_refused=is_refused)

    def _sent_over(self, channel: Channel, draft: _Draft, first: _FirstAttempt | None) -> NoticeResult:
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
        return NoticeResult(
            message=message,
            state=MessageState.DELIVERED if is_delivered else MessageState.HANDED_OVER,
            channel=channel.name,
            reference=receipt.reference,
            parts=receipt.parts,
        )

    def _place(self, channel: Channel, message: NoticeMessage) -> Callable[[], None]:
        """Count a message, and return what ends its count.

        Raises:

            DailyLimitError: The channel may send no more messages today.
        """
        return self.allowances.take(channel.name, beyond=any(notice.is_urgent for notice in message.notices))

    @property
    def _able(self) -> list[Channel]:
        return able(self.channels, "notice_deliver")


def _met(result: NoticeResult, purpose: Purpose) -> Iterable[Event]:
    return map(purpose.met, result.notices) if result.is_told else ()


def _unsent(message: NoticeMessage) -> NoticeResult:
    """Return what becomes of a message that waited for too long: it is checked once more."""
    if not message.is_late:
        return NoticeResult(message=message, is_again=True)
    late = TransientError("the notice waited for too long", cure="no action is needed: the next sweep sends it")
    return NoticeResult(message=message, error=late, tried=False)


def _without_text(message: NoticeMessage, error: Exception) -> NoticeResult:
    return NoticeResult(message=message, error=known_or_defect(error), tried=False, is_refused=True)


def _still_due(messages: Iterable[NoticeMessage], purpose: Purpose) -> Iterator[NoticeMessage]:
    """Yield the messages without what is no longer due."""
    taken = list(messages)
    due = {notice.name for notice in purpose.still_due([notice for message in taken for notice in message.notices])}
    for message in taken:
        if left := [notice for notice in message.notices if notice.name in due]:
            yield attrs.evolve(message, notices=left)


def _obstacle(message: NoticeMessage, known: LookUp) -> NoticeResult | None:
    """Return why a message can't be sent; ``None`` if it can."""
    if message.last and message.is_taken:
        return NoticeResult(message=message, reference=message.last.reference, begun=False)
    if message.is_given_up:
        return _given_up(message)
    if failure := known.errors.get(message.recipient or ""):
        return NoticeResult(message=message, error=failure, tried=False, begun=False)
    if (message.recipient or "") not in known.persons:
        missing = MissingError("there is nobody to notify", cure="name a known custodian")
        return NoticeResult(message=message, error=missing, begun=False)
    return None


def _given_up(message: NoticeMessage) -> NoticeResult:
    """Return what becomes of a message that was sent as often as it may be."""
    if message.last and message.last.is_refused:
        refused = RefusedError("the notice was not reported as delivered; it is not sent again")
        return NoticeResult(message=message, state=message.last.state, error=refused)
    error = UnknownOutcomeError("it is unknown whether the notice arrived; it is not sent again")
    return NoticeResult(message=message, state=MessageState.UNKNOWN, error=error)


def _state_after(error: TargetError) -> MessageState | None:
    return MessageState.UNKNOWN if isinstance(error, UnknownOutcomeError) else None
