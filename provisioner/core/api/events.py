"""What happens to operations, as facts. The journal stores them; observers see them once they are durable.

Each event says all that it changes, so that the state in the store is what the events made of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import attrs

from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model import Account, Handover, Operation, OperationState, Step, StepError, TargetState


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened."""

    #: The name under which it is kept; a promise to whoever reads the audit log.
    kind: ClassVar[str]
    #: When, in UTC.
    at: datetime
    #: Who did it or asked for it: a person's id, or the name of a policy.
    actor: str = ""
    #: The account it is about, if it is about one.
    login: str = ""
    #: The operation it belongs to, if it belongs to one.
    operation_id: str = ""


@attrs.frozen(kw_only=True)
class OperationEvent(Event):
    """Something that happened to an operation. Only who holds its account may write it."""

    actor: str
    login: str
    operation_id: str


@attrs.frozen(kw_only=True)
class OperationPlanned(OperationEvent):
    """An operation was written down, to be carried out."""

    kind = "operation_planned"

    operation: Operation
    #: The account it is about, as it is now.
    account: Account


@attrs.frozen(kw_only=True)
class OperationStarted(OperationEvent):
    """A process began an operation or took it over, and holds the account from here on.

    The operation's steps start anew; those of an earlier try live on in the audit log only.
    """

    kind = "operation_started"

    #: Counts the tries, from 1. It must be one more than the journal knows of; otherwise somebody else began the
    #: operation after it was read, and it cannot be started with what was known then.
    tries: int


@attrs.frozen(kw_only=True)
class Recipient:
    """To whom a password is sent, and a mark of the number that it is sent to."""

    #: The id of the person.
    person: str
    #: The same for the same number; see :mod:`provisioner.core.engine.master_data`.
    mobile_mark: str | None


@attrs.frozen(kw_only=True)
class StepBegun(OperationEvent):
    """A hook that may change something is about to be called. Hooks that only read have no such event."""

    kind = "step_begun"

    #: The place of the step in the operation, from 0.
    position: int
    step: Step
    #: If the step delivers a password, to whom.
    recipient: Recipient | None = None


@attrs.frozen(kw_only=True)
class StepEnded(OperationEvent):
    """A hook answered, or failed to."""

    kind = "step_ended"

    position: int
    step: Step
    #: What the account is on this target now; ``None`` if the step says nothing of that.
    target_state: TargetState | None = None


@attrs.frozen(kw_only=True)
class TargetQuarantined(Event):
    """A target or channel failed for so long that it is left alone until somebody resumes it."""

    kind = "target_quarantined"

    #: The name of the target or channel.
    target: str
    failing_since: datetime
    error: StepError


@attrs.frozen(kw_only=True)
class TargetResumed(Event):
    """Somebody had a quarantined target or channel called again."""

    kind = "target_resumed"

    actor: str
    #: The name of the target or channel.
    target: str
    #: Whether it was not checked before.
    forced: bool = False


@attrs.frozen(kw_only=True)
class OperationEnded(OperationEvent):
    """An operation came to an end, or to a stop with a next try. The account is free again."""

    kind = "operation_ended"

    state: OperationState
    #: The account as it is from now on.
    account: Account
    next_try_at: datetime | None = None
    #: Why it is not done.
    error: StepError | None = None
    #: The record of the handover that this was, if it was one and is done. The incoming person is the unit's
    #: custodian from now on.
    handover: Handover | None = None


@attrs.frozen(kw_only=True)
class DeadlineMet(Event):
    """What a deadline asked for was done."""

    kind = "deadline_met"

    #: What it is a deadline of: the login of an account, or the name of a certificate.
    subject: str
    deadline: Deadline
    #: What the other side calls the message that was sent, if one was.
    reference: str | None = None


@attrs.frozen(kw_only=True)
class ClockConfirmed(Event):
    """Somebody said that the clock is right, although it does not fit with when the store was used before."""

    kind = "clock_confirmed"

    actor: str
    #: When the store was used last, as far as that fitted with what came before.
    trusted_at: datetime


@attrs.frozen(kw_only=True)
class TimesCorrected(Event):
    """Times that had not come were stored by a clock that was ahead. They count as the time of this event now."""

    kind = "times_corrected"

    actor: str
    #: The latest of them.
    latest_at: datetime


@attrs.frozen(kw_only=True)
class DutyConfirmed(Event):
    """Somebody says that a duty was done."""

    kind = "duty_confirmed"

    subject: str
    rule_set: str
    action: Action = Action.DUTY


@attrs.frozen(kw_only=True)
class RulesChanged(Event):
    """The rule sets are not those that the stored deadlines were computed with. All are computed anew."""

    kind = "rules_changed"

    #: Stands for everything that the deadlines depend on.
    fingerprint: str
    #: The names of the rule sets that hold from now on.
    rule_sets: tuple[str, ...]
    #: The names of those that do not hold any more.
    gone: tuple[str, ...] = ()
