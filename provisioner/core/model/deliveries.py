"""What becomes of a message with a password after a gateway took it.

The reports on a message arrive in any order, late, and more than once. Therefore the states have one order, and a
message always has the strongest state that was reported: the same reports give the same state in whatever order they
arrive. That a message did not reach its owner is stronger than that it did, because then another password is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import takewhile

import attrs

from provisioner.core.model.mobile import NumberKind
from provisioner.core.model.validators import require_utc


class MessageState(StrEnum):
    """The state of a message, from the weakest to the strongest."""

    #: A gateway is being asked to send it. After a crash, nobody knows whether the gateway took it.
    SENDING = "sending"
    #: The gateway took it.
    HANDED_OVER = "handed_over"
    #: The phone network took it from the gateway.
    ACCEPTED = "accepted"
    #: No report arrived before the deadline.
    UNKNOWN = "unknown"
    #: The phone network took it, and did not report its delivery before the deadline.
    EXPIRED = "expired"
    #: It is on the phone.
    DELIVERED = "delivered"
    #: The phone network or the phone refused it.
    REJECTED = "rejected"

    @property
    def rank(self) -> int:
        """Its place in the order of strength."""
        return _RANKS[self]

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected."""
        return self.rank >= MessageState.UNKNOWN.rank

    @property
    def is_undelivered(self) -> bool:
        """Whether its owner has to be assumed not to have it."""
        return self.is_final and self is not MessageState.DELIVERED

    @property
    def at_deadline(self) -> MessageState:
        """The state of the message when its deadline has passed."""
        if self.is_final:
            return self
        return MessageState.EXPIRED if self is MessageState.ACCEPTED else MessageState.UNKNOWN

    def after(self, report: MessageState) -> MessageState:
        """Return the state of the message after a report: the stronger one.

        Args:

            report: What was reported.
        """
        return max(self, report, key=lambda state: state.rank)


def of_parts(states: Iterable[MessageState | None]) -> MessageState | None:
    """Return the state of a message that was sent in parts: a phone shows it when it has all of them.

    Args:

        states: What was reported on each part; ``None`` for a part without a report.

    Returns:

        The state, or ``None`` if there is no report.
    """
    found = list(states)
    if any(state and state.is_undelivered for state in found):
        return max((state for state in found if state and state.is_undelivered), key=lambda state: state.rank)
    if found and all(state is MessageState.DELIVERED for state in found):
        return MessageState.DELIVERED
    return MessageState.ACCEPTED if any(found) else None


_RANKS = {state: rank for rank, state in enumerate(MessageState)}


@attrs.frozen(kw_only=True)
class PasswordDelivery:
    """One message with a password."""

    #: The ID that the gateway was given.
    id: str
    operation_id: str
    login: str
    #: The name of the channel.
    channel: str
    #: Which gateway of the channel took it, and the ID that this gateway gave it.
    gateway: str | None = None
    reference: str | None = None
    #: The ID of the receiver.
    person: str
    #: The mark of the mobile number.
    mobile_mark: str | None = None
    #: The number of the message among those of the account, from 1. It is in the text, so that the order can be read
    #: from the phone.
    number: int
    state: MessageState = MessageState.SENDING
    sent_at: datetime = attrs.field(validator=require_utc)
    #: When the gateway took it.
    handed_over_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: When the phone network reported that it took it.
    accepted_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: When it reached its final state.
    ended_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: Until when a report is awaited; ``None`` if the gateway sends no reports and can't be asked.
    deadline: datetime | None = attrs.field(default=None, validator=require_utc)
    #: When the gateway is asked about it next, and how often it was asked.
    next_ask_at: datetime | None = attrs.field(default=None, validator=require_utc)
    asked: int = 0
    #: When it was decided what to do about it, after it was not delivered.
    settled_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: The ID of the operation that makes a new password, if that was decided.
    renewal: str | None = None

    @property
    def way(self) -> str:
        """The channel, and the gateway of the channel if it told which one took the message."""
        return f"{self.channel}/{self.gateway}" if self.gateway else self.channel

    @property
    def is_open(self) -> bool:
        """Whether a report is awaited."""
        return self.deadline is not None and not self.state.is_final


def failures(
    latest_first: Iterable[PasswordDelivery],
    marks: Mapping[NumberKind, str | None],
    kind_of: Callable[[str], NumberKind] = lambda _: NumberKind.MOBILE,
) -> Sequence[PasswordDelivery]:
    """Return the messages to the same numbers that were not delivered since the last one that was, the latest first.

    Messages of which a crash left nobody knowing whether they were sent don't count.

    Args:

        latest_first: The messages of an account.

        marks: The marks of the numbers. A kind that is left out has the number of its latest message.

        kind_of: Returns to which number a channel sends, by its name.
    """
    known = dict(marks)

    def is_to_same_number(delivery: PasswordDelivery) -> bool:
        mark = known.setdefault(kind_of(delivery.channel), delivery.mobile_mark)
        return delivery.mobile_mark == mark

    taken: Iterator[PasswordDelivery] = (
        delivery for delivery in latest_first if delivery.state is not MessageState.SENDING
    )
    return list(takewhile(lambda delivery: delivery.state.is_undelivered and is_to_same_number(delivery), taken))
