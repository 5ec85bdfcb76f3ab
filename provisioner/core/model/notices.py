"""What became of the last notice about a deadline."""

from __future__ import annotations

from datetime import datetime

import attrs

from provisioner.core.model.accounts import Action
from provisioner.core.model.deliveries import MessageState
from provisioner.core.model.validators import require_utc

#: How often a notice is sent at most while it is unknown whether it arrived, or after it was not delivered.
MOST_ATTEMPTS = 2

#: The states of a notice that a gateway took and that was not delivered.
UNDELIVERED = frozenset({MessageState.REJECTED, MessageState.EXPIRED})


@attrs.frozen(kw_only=True)
class NoticeDelivery:
    """The last notice about one kind of deadline of an account or another subject. Several can share one message."""

    #: The login of an account, or the name of another subject with deadlines.
    subject: str
    rule_set: str
    action: Action
    #: The time of the deadline.
    at: datetime = attrs.field(validator=require_utc)
    #: The ID that the gateway was given.
    id: str
    #: The ID of the receiver.
    person: str
    state: MessageState = MessageState.SENDING
    #: How often it was sent, or may have been.
    attempts: int = 1
    #: When it was last sent.
    sent_at: datetime = attrs.field(validator=require_utc)
    #: The name of the channel.
    channel: str | None = None
    #: The gateway's reference.
    reference: str | None = None

    @property
    def is_refused(self) -> bool:
        """Whether a gateway took it, and it was not delivered."""
        return self.state in UNDELIVERED

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is unknown if it was sent."""
        return self.state in {MessageState.SENDING, MessageState.UNKNOWN}

    @property
    def is_under_way(self) -> bool:
        """Whether the process that sends it hasn't stored the answer, although a report may have been quicker."""
        return self.channel is None and self.state is not MessageState.UNKNOWN
