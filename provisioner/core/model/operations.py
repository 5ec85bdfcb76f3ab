"""Operations on accounts, their steps and their results."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.model.text import Text, as_text
from provisioner.core.model.validators import require_utc


class OperationKind(StrEnum):
    """What an operation does to an account."""

    CREATE = "create"
    CLOSE = "close"
    REOPEN = "reopen"
    ROTATE = "rotate"
    HANDOVER = "handover"
    #: Delete a closed account from the targets. Only a retention rule requires it.
    DELETE = "delete"
    #: Bring the attributes and entitlements of an open account up to date. Its password stays.
    UPDATE = "update"
    #: Close an open account on the targets whose scope no longer includes it. It stays open on the others.
    WITHDRAW = "withdraw"


class OperationState(StrEnum):
    """The state of an operation."""

    #: Recorded, and not started.
    PLANNED = "planned"
    #: Started. If its process ended, ``resume`` takes it over.
    RUNNING = "running"
    #: Everything is done and verified.
    DONE = "done"
    #: Refused permanently by one target, and rolled back on the others.
    UNDONE = "undone"
    #: Not finished; it has a time for its next attempt.
    INCOMPLETE = "incomplete"
    #: Refused permanently before anything was changed.
    FAILED = "failed"
    #: Held by the mass-change limit until it is released.
    STAGED = "staged"

    @property
    def ended(self) -> bool:
        """Whether it has nothing left to do."""
        return self in {OperationState.DONE, OperationState.UNDONE, OperationState.FAILED}


class Outcome(StrEnum):
    """The effect of a call on the system that it was sent to."""

    #: The change was made.
    APPLIED = "applied"
    #: Everything was in the requested state already.
    UNCHANGED = "unchanged"
    #: The change was not made.
    NOT_APPLIED = "not_applied"
    #: The effect is unknown; a probe has to find out.
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class StepError:
    """Why a step or an operation failed, as it is stored. A message may be a sentence."""

    #: The name of the error's class in :mod:`provisioner.core.api.errors`.
    name: str
    message: Text = attrs.field(converter=as_text)
    cure: Text = attrs.field(default=Text(""), converter=as_text)


@attrs.frozen(kw_only=True)
class Step:
    """One call of a hook of one target or channel for one operation."""

    #: The name of the target or channel.
    name: str
    #: The name of the hook.
    hook: str
    #: ``None`` while the step is running.
    outcome: Outcome | None = None
    #: The number of attempts.
    attempts: int = 0
    error: StepError | None = None
    #: The other system's reference, for example a gateway's message ID.
    reference: str | None = None


@attrs.frozen(kw_only=True)
class Operation:
    """One change of one account, from plan to end."""

    id: str
    kind: OperationKind
    login: str
    #: Who requested it: the ID of a person, or the name of the policy.
    actor: str
    created_at: datetime = attrs.field(validator=require_utc)
    #: The reason that the person or policy gave.
    reason: str = ""
    state: OperationState = OperationState.PLANNED
    #: The holder after the operation, to whom the password is sent.
    holder: str | None = None
    #: In a handover, the former holder.
    outgoing: str | None = None
    #: The access request that it executes, if there is one.
    request: str | None = None
    #: The held run that it is a part of, if there is one.
    staging: str | None = None
    #: The number of attempts.
    tries: int = 0
    finished_at: datetime | None = attrs.field(default=None, validator=require_utc)
    next_try_at: datetime | None = attrs.field(default=None, validator=require_utc)
    steps: tuple[Step, ...] = ()
    #: Why it is not done, if it was attempted.
    error: StepError | None = None


@attrs.frozen(kw_only=True)
class Handover:
    """The record of a handover, for both persons (000 m.5/e; 003 m.12/4).

    Names are those of that day.
    """

    #: The ID of the operation that carried it out.
    operation_id: str
    login: str
    mail: str
    #: The code and the name of the unit.
    unit: str
    unit_name: str
    #: The former holder; ``None`` if there was none.
    outgoing: str | None
    outgoing_name: str | None
    incoming: str
    incoming_name: str
    actor: str
    reason: str
    #: When it was requested, and when the incoming person's password was tested and sent.
    begun_at: datetime = attrs.field(validator=require_utc)
    finished_at: datetime = attrs.field(validator=require_utc)
