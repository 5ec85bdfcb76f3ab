"""What happens to operations, as facts. The journal stores them; observers see them after they are stored.

Each event contains everything that it changes. The state in the store follows from the events. All times are in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import attrs

from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model import (
    Account,
    Handover,
    MessageState,
    Operation,
    OperationState,
    SessionsState,
    Step,
    StepError,
    TargetState,
)


@attrs.frozen(kw_only=True)
class Event:
    """A fact."""

    #: The name under which it is stored; a promise to readers of the audit log.
    kind: ClassVar[str]
    #: The time, in UTC.
    at: datetime
    #: Who did or requested it: the ID of a person, or the name of a policy.
    actor: str = ""
    #: The login of the account, if the event concerns one.
    login: str = ""
    #: The ID of the operation, if the event belongs to one.
    operation_id: str = ""


@attrs.frozen(kw_only=True)
class OperationEvent(Event):
    """A fact about an operation. Only the holder of the lease on its account may write it."""

    actor: str
    login: str
    operation_id: str


@attrs.frozen(kw_only=True)
class OperationPlanned(OperationEvent):
    """An operation was recorded and will be carried out."""

    kind = "operation_planned"

    operation: Operation
    #: The account in its current state.
    account: Account
    #: The ID of the message that was not reported as delivered, if the operation replaces its password. It can be
    #: recorded only if no other process has decided about that message.
    undelivered: str | None = None


@attrs.frozen(kw_only=True)
class OperationStarted(OperationEvent):
    """A process started an operation or took it over, and now holds the account.

    The steps of the operation start again, unless it continues. Those of an earlier attempt are only in the audit log.
    """

    kind = "operation_started"

    #: The number of the attempt, from 1. It must be one more than in the journal. Otherwise, another process started
    #: the operation after it was read, and it can't be started with outdated data.
    tries: int
    #: Whether only sessions are left to end, so that the other steps stay as they are.
    continues: bool = False


@attrs.frozen(kw_only=True)
class Recipient:
    """The receiver of a password, a mark of the mobile number, and the number of the message."""

    #: The ID of the person.
    person: str
    #: The same mark stands for the same number; see :mod:`provisioner.core.engine.master_data`.
    mobile_mark: str | None
    #: The number of the message among those of the account, from 1.
    number: int = 1


@attrs.frozen(kw_only=True)
class StepBegun(OperationEvent):
    """A hook that may change something is about to be called. Hooks that only read have no such event."""

    kind = "step_begun"

    #: The position of the step in the operation, from 0.
    position: int
    step: Step
    #: The receiver, if the step delivers a password.
    recipient: Recipient | None = None


@attrs.frozen(kw_only=True)
class StepEnded(OperationEvent):
    """A hook returned or raised an error."""

    kind = "step_ended"

    position: int
    step: Step
    #: The new state of the account on this target; ``None`` if the step doesn't show it.
    target_state: TargetState | None = None


@attrs.frozen(kw_only=True)
class TargetQuarantined(Event):
    """A target or channel failed for so long that calls are suspended until a person resumes it."""

    kind = "target_quarantined"

    #: The name of the target or channel.
    target: str
    #: The time of the first of the failures.
    failing_since: datetime
    error: StepError


@attrs.frozen(kw_only=True)
class TargetResumed(Event):
    """A person resumed a quarantined target or channel."""

    kind = "target_resumed"

    actor: str
    #: The name of the target or channel.
    target: str
    #: Whether the check before was skipped.
    forced: bool = False


@attrs.frozen(kw_only=True)
class OperationRetried(Event):
    """A person let an operation be tried again now. The operation keeps the actor who requested it."""

    kind = "operation_retried"

    actor: str
    login: str
    operation_id: str


@attrs.frozen(kw_only=True)
class OperationEnded(OperationEvent):
    """An operation ended, or stopped and has a time for its next attempt. The account is free again."""

    kind = "operation_ended"

    state: OperationState
    #: The account in its new state.
    account: Account
    #: The time of the next attempt; ``None`` if there is none, or if the operation can continue at any time.
    next_try_at: datetime | None = None
    #: Why the operation is not done.
    error: StepError | None = None
    #: The record of the handover, if the operation was one and the new password is delivered. The incoming person is
    #: now the unit's custodian.
    handover: Handover | None = None
    #: Whether sessions of the account are left, by target. Targets that were not asked to end any are left out.
    sessions: Mapping[str, SessionsState] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class DeliveryHandedOver(OperationEvent):
    """A gateway took a message with a password. Its delivery stays open until a report or the deadline."""

    kind = "delivery_handed_over"

    #: The ID of the message.
    delivery: str
    #: The name of the channel.
    channel: str
    #: Which gateway of the channel took it, and the ID that this gateway gave it, if the channel told.
    gateway: str | None = None
    reference: str | None = None
    #: ``handed_over``, or ``delivered`` if the gateway reported that at once.
    state: MessageState
    #: Until when a report is awaited; ``None`` if none will come.
    deadline: datetime | None = None
    #: The gateway's IDs of the parts of the message, if its reports name these.
    parts: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class DeliveryChanged(Event):
    """A report on a message with a password arrived, or its deadline passed."""

    kind = "delivery_changed"

    #: The ID of the message.
    delivery: str
    #: The name of the channel.
    channel: str
    state: MessageState


@attrs.frozen(kw_only=True)
class DeliverySettled(Event):
    """It was decided what to do about a message with a password that was not reported as delivered."""

    kind = "delivery_settled"

    #: The ID of the message.
    delivery: str
    #: The name of the channel.
    channel: str
    state: MessageState
    #: The ID of the operation that makes a new password, if there is one.
    renewal: str | None = None
    #: The ID of the person who was told, if somebody was.
    told: str | None = None


@attrs.frozen(kw_only=True)
class DeadlineMet(Event):
    """The action of a deadline was done."""

    kind = "deadline_met"

    #: What the deadline concerns: the login of an account, or the name of a certificate.
    subject: str
    deadline: Deadline
    #: The gateway's reference of the message that was sent, if there is one.
    reference: str | None = None


@attrs.frozen(kw_only=True)
class NoticeItem:
    """One of the deadlines that a notice is about."""

    #: What it concerns: the login of an account, or the name of another subject with deadlines.
    subject: str
    rule_set: str
    action: Action
    #: The time of the deadline.
    due_at: datetime


@attrs.frozen(kw_only=True)
class NoticeBegun(Event):
    """A notice is about to be sent. It is stored before, so that a crash leaves no doubt what may have been sent."""

    kind = "notice_begun"

    #: The ID of the message; the same on every attempt.
    notice: str
    #: The ID of the person who gets it.
    recipient: str
    #: The number of the attempt, from 1.
    attempt: int
    #: What it is about.
    items: tuple[NoticeItem, ...]


@attrs.frozen(kw_only=True)
class NoticeEnded(Event):
    """An attempt to send a notice ended."""

    kind = "notice_ended"

    #: The ID of the message.
    notice: str
    #: The number of the attempt.
    attempt: int
    #: What the gateway said; ``None`` if nothing was sent.
    state: MessageState | None
    #: The name of the channel that took it, or may have taken it.
    channel: str | None = None
    #: The gateway's reference of the message.
    reference: str | None = None
    #: The gateway's IDs of the parts of the message.
    parts: tuple[str, ...] = ()
    #: Why it was not sent, or why that is unknown.
    error: StepError | None = None


@attrs.frozen(kw_only=True)
class NoticeChanged(Event):
    """A report on a notice arrived."""

    kind = "notice_changed"

    #: The ID of the message.
    notice: str
    state: MessageState


@attrs.frozen(kw_only=True)
class NoticeReopened(Event):
    """A notice was not reported as delivered, so its deadlines are due again, and it is sent once more."""

    kind = "notice_reopened"

    #: The ID of the message.
    notice: str


@attrs.frozen(kw_only=True)
class ClockConfirmed(Event):
    """A person confirmed that the clock is right, although it contradicts the last use of the store."""

    kind = "clock_confirmed"

    actor: str
    #: The last time at which the store was used with a plausible clock.
    trusted_at: datetime


@attrs.frozen(kw_only=True)
class TimesCorrected(Event):
    """A clock that was ahead stored times in the future. They were replaced with the time of this event."""

    kind = "times_corrected"

    actor: str
    #: The latest of these times.
    latest_at: datetime


@attrs.frozen(kw_only=True)
class DutyConfirmed(Event):
    """A person confirmed that a duty was done."""

    kind = "duty_confirmed"

    #: What the duty concerns: the login of an account, or another subject with deadlines.
    subject: str
    rule_set: str
    action: Action = Action.DUTY


@attrs.frozen(kw_only=True)
class RulesChanged(Event):
    """The rule sets differ from those of the stored deadlines. All deadlines are recalculated."""

    kind = "rules_changed"

    #: Identifies everything on which the deadlines depend.
    fingerprint: str
    #: The names of the rule sets that apply now.
    rule_sets: tuple[str, ...]
    #: The names of the rule sets that no longer apply.
    gone: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class BackupBegan(Event):
    """The store was copied, and the copy is about to be written to a file. A restored copy lacks this event.

    So a restored store shows that it is older than its audit log was.
    """

    kind = "backup_began"

    actor: str
    #: The file, as it was given.
    file: str
    #: The place and the hash of the last entry that the copy has.
    seq: int
    hash: str


@attrs.frozen(kw_only=True)
class BackupMade(Event):
    """A backup of the store was written and checked."""

    kind = "backup_made"

    actor: str
    #: The file, as it was given.
    file: str
    began_at: datetime
    #: The place and the hash of the last entry that the copy has.
    seq: int
    hash: str
    #: The SHA-256 of the file, and its size in bytes.
    sha256: str
    size: int


@attrs.frozen(kw_only=True)
class StoreMoved(Event):
    """The store was moved to another database.

    It is the last event of the store that was moved, and the new store continues the audit log after it.
    """

    kind = "store_moved"

    actor: str
    #: The database that has the store now, without a password.
    destination: str
