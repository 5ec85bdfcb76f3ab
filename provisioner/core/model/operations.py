"""What is done to accounts, step by step, and what became of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.model.text import Text, as_text
from provisioner.core.model.validators import require_utc


class OperationKind(StrEnum):
    """What is done to an account."""

    CREATE = "create"
    CLOSE = "close"
    REOPEN = "reopen"
    ROTATE = "rotate"
    HANDOVER = "handover"
    #: Delete what the targets have of a closed account. Only a retention rule asks for it.
    DELETE = "delete"


class OperationState(StrEnum):
    """Where an operation stands."""

    #: Written down, not begun.
    PLANNED = "planned"
    #: Begun; if its process is gone, ``resume`` takes it over.
    RUNNING = "running"
    #: Everything happened and was proved.
    DONE = "done"
    #: Refused for good by one target, and taken back on the others.
    UNDONE = "undone"
    #: Stuck half-way; it has a next try.
    INCOMPLETE = "incomplete"
    #: Refused for good before anything had changed.
    FAILED = "failed"
    #: Held back by the mass-change limit until somebody releases it.
    STAGED = "staged"

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self in {OperationState.DONE, OperationState.UNDONE, OperationState.FAILED}


class Outcome(StrEnum):
    """What a call did to the system it was sent to."""

    #: The change was made.
    APPLIED = "applied"
    #: Everything was already as asked.
    UNCHANGED = "unchanged"
    #: The change was not made.
    NOT_APPLIED = "not_applied"
    #: Nobody knows yet; a probe has to tell.
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class StepError:
    """Why a step or an operation did not do what it should, as it is stored. A sentence may stand for a message."""

    #: The name of the error's class in :mod:`provisioner.core.api.errors`.
    name: str
    message: Text = attrs.field(converter=as_text)
    cure: Text = attrs.field(default=Text(""), converter=as_text)


@attrs.frozen(kw_only=True)
class Step:
    """One hook called on one target or channel for one operation."""

    #: The name of the target or channel.
    name: str
    #: The name of the hook.
    hook: str
    #: ``None`` while the step is under way.
    outcome: Outcome | None = None
    #: How often it was tried so far.
    attempts: int = 0
    error: StepError | None = None
    #: What the other side calls it, for example a gateway's message id.
    reference: str | None = None


@attrs.frozen(kw_only=True)
class Operation:
    """One create, close, reopen, rotate or handover of one account, from plan to end."""

    id: str
    kind: OperationKind
    login: str
    #: Who asked for it: a person's id, or the name of the policy.
    actor: str
    created_at: datetime = attrs.field(validator=require_utc)
    #: Why, in the words of whoever asked.
    reason: str = ""
    state: OperationState = OperationState.PLANNED
    #: Who holds the account when the operation is done; the password goes to this person.
    holder: str | None = None
    #: In a handover, who held it before.
    outgoing: str | None = None
    #: The request form that it carries out, if there is one.
    request: str | None = None
    #: The run that was held back by the mass-change limit, if it is a part of one.
    staging: str | None = None
    #: How often it was begun.
    tries: int = 0
    finished_at: datetime | None = attrs.field(default=None, validator=require_utc)
    next_try_at: datetime | None = attrs.field(default=None, validator=require_utc)
    steps: tuple[Step, ...] = ()
    #: Why it is not done, if it was tried.
    error: StepError | None = None


@attrs.frozen(kw_only=True)
class Handover:
    """The record of a handover that took place, for both sides to keep (000 m.5/e; 003 m.12/4).

    Names are kept as they were on that day.
    """

    #: The operation that carried it out.
    operation_id: str
    login: str
    mail: str
    #: The code and the name of the unit.
    unit: str
    unit_name: str
    #: Who held the account before; ``None`` if nobody did.
    outgoing: str | None
    outgoing_name: str | None
    incoming: str
    incoming_name: str
    actor: str
    reason: str
    #: When it was asked for, and when the incoming person's password was proved and on its way.
    begun_at: datetime = attrs.field(validator=require_utc)
    finished_at: datetime = attrs.field(validator=require_utc)
