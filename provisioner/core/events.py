"""What happens to operations, as facts. The journal stores them; observers see them once they are durable.

Each event says all that it changes, so that the state in the store is what the events made of it.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from provisioner.core.model import Account, Handover, Operation, OperationState, Step, StepError, TargetState


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened."""

    #: When, in UTC.
    at: datetime
    operation_id: str
    #: The login of the account.
    login: str
    #: Who asked for the operation.
    actor: str


@attrs.frozen(kw_only=True)
class OperationPlanned(Event):
    """An operation was written down, to be carried out."""

    operation: Operation
    #: The account it is about, as it is now.
    account: Account


@attrs.frozen(kw_only=True)
class OperationStarted(Event):
    """A process began an operation or took it over, and holds the account from here on.

    The operation's steps start anew; those of an earlier try live on in the trail of events only.
    """

    #: Counts the tries, from 1. It must be one more than the journal knows of; otherwise somebody else began the
    #: operation after it was read, and it cannot be started with what was known then.
    tries: int


@attrs.frozen(kw_only=True)
class StepBegun(Event):
    """A hook is about to be called."""

    #: The place of the step in the operation, from 0.
    position: int
    step: Step


@attrs.frozen(kw_only=True)
class StepEnded(Event):
    """A hook answered, or failed to."""

    position: int
    step: Step
    #: What the account is on this target now; ``None`` if the step says nothing of that.
    target_state: TargetState | None = None


@attrs.frozen(kw_only=True)
class TargetQuarantined(Event):
    """A target or channel failed for so long that it is left alone until somebody resumes it.

    It belongs to no operation: observers see it, and it is not in the journal.
    """

    operation_id: str = ""
    login: str = ""
    actor: str = ""
    #: The name of the target or channel.
    target: str
    failing_since: datetime
    error: StepError


@attrs.frozen(kw_only=True)
class OperationEnded(Event):
    """An operation came to an end, or to a stop with a next try. The account is free again."""

    state: OperationState
    #: The account as it is from now on.
    account: Account
    next_try_at: datetime | None = None
    #: Why it is not done.
    error: StepError | None = None
    #: The record of the handover that this was, if it was one and is done. The incoming person is the unit's
    #: custodian from now on.
    handover: Handover | None = None
