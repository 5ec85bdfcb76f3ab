"""Messages about deadlines: what is told together, under which ID, and what the journal is told of each.

A person gets one message about everything that is due at the same time, with the same ID on every attempt.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain

import attrs

from provisioner.core.api.errors import ProvisionerError, RefusedError, UnknownOutcomeError, step_error
from provisioner.core.api.events import Event, NoticeBegun, NoticeChanged, NoticeEnded, NoticeItem
from provisioner.core.api.rules import Deadline
from provisioner.core.model import MessageState, NoticeDelivery
from provisioner.core.model.notices import MOST_ATTEMPTS
from provisioner.core.policy import digest

#: Namespace of the IDs of notices, so that a gateway that supports IDs never treats one notice as two.
_IDS = uuid.UUID("6f0d3c52-31c5-4a0e-9d0e-3a4b8a3f4a86")


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
class NoticeMessage:
    """One message to one person."""

    id: str
    recipient: str | None
    notices: Sequence[Notice]
    #: The number of the attempt, from 1.
    attempt: int = 1
    #: The last one about the same; ``None`` if there is none.
    last: NoticeDelivery | None = None
    #: Whether it waited for so long that it was checked again.
    is_late: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether a gateway took the last one, so that it only remains to store that its deadlines are met."""
        return self.last is not None and not self.last.is_in_doubt and not self.last.is_refused

    @property
    def is_given_up(self) -> bool:
        """Whether it was sent as often as it may be."""
        return self.attempt > MOST_ATTEMPTS

    def begun(self, at: datetime) -> NoticeBegun:
        """Return the event of its beginning."""
        return NoticeBegun(
            at=at,
            notice=self.id,
            recipient=self.recipient or "",
            attempt=self.attempt,
            items=tuple(notice.item for notice in self.notices),
        )


@attrs.frozen(kw_only=True)
class NoticeResult:
    """What became of a message."""

    message: NoticeMessage
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
        """Whether its deadlines are met: it was accepted, or was sent as often as it may be."""
        if isinstance(self.error, UnknownOutcomeError):
            return self.message.attempt >= MOST_ATTEMPTS
        return self.error is None or self.message.is_given_up

    @property
    def is_in_parts(self) -> bool:
        """Whether reports on its parts can have arrived before the journal knew the parts."""
        return bool(self.parts) or self.message.is_taken

    @property
    def is_told_apart(self) -> bool:
        """Whether its notices are sent one by one instead: what is refused about all may be accepted about each."""
        return self.is_refused and self.error is not None and len(self.message.notices) > 1

    def left(self) -> Iterator[NoticeMessage]:
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

    def ends(self, at: datetime) -> Iterator[Event]:
        """Yield the events of its end."""
        yield NoticeEnded(
            at=at,
            notice=self.message.id,
            attempt=min(self.message.attempt, MOST_ATTEMPTS),
            state=self.state,
            channel=self.channel,
            reference=self.reference,
            parts=self.parts,
            error=step_error(self.error) if self.error else None,
        )
        if self._is_refused_again:
            yield NoticeChanged(at=at, notice=self.message.id, state=MessageState.REJECTED)

    @property
    def _is_refused_again(self) -> bool:
        """Whether it was refused at once after an attempt that was not delivered, so none is in doubt."""
        last = self.message.last
        return self.state is None and isinstance(self.error, RefusedError) and last is not None and last.is_refused


def messages_of(
    notices: Sequence[Notice], earlier: Mapping[str, Sequence[NoticeDelivery]], oldest: datetime
) -> Iterator[NoticeMessage]:
    """Put together what a person is told at once. What may have been sent before is the same message again.

    Args:

        notices: What people are told.

        earlier: The last notices about the same subjects, by subject.

        oldest: When a message that is still being sent was begun at the latest, if its process has ended.
    """
    fresh: dict[tuple[str, str], list[Notice]] = defaultdict(list)
    again: dict[tuple[str, int], list[tuple[Notice, NoticeDelivery]]] = defaultdict(list)
    for notice in notices:
        last = _last(notice, earlier.get(notice.subject, ()))
        if last is None:
            fresh[_key(notice)].append(notice)
        elif not last.is_under_way or last.sent_at <= oldest:
            again[last.id, last.attempts].append((notice, last))
    for some in again.values():
        yield _after(some[0][1], [notice for notice, _ in some])
    for found in (message for group in fresh.values() for message in _short_enough(group)):
        yield NoticeMessage(id=_id_of(*(notice.name for notice in found)), recipient=found[0].recipient, notices=found)


def _last(notice: Notice, earlier: Iterable[NoticeDelivery]) -> NoticeDelivery | None:
    """Return the last message about the same deadline to the same person."""
    deadline = notice.deadline
    key = (deadline.rule_set, deadline.action, deadline.at, notice.recipient)
    return next((last for last in earlier if (last.rule_set, last.action, last.at, last.person) == key), None)


def _after(last: NoticeDelivery, notices: Sequence[Notice]) -> NoticeMessage:
    """Return the next attempt: with another ID after a refusal, which a gateway that knows IDs would repeat."""
    message = NoticeMessage(
        id=last.id, recipient=notices[0].recipient, notices=notices, attempt=last.attempts + 1, last=last
    )
    if last.is_refused and not message.is_given_up:
        return attrs.evolve(message, id=_id_of(last.id, "again"))
    return message


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
