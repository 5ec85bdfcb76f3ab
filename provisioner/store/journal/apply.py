"""What each event changes, as statements that many events share.

Events are collected, and each statement then runs once for all of its rows. The statements run in the order in which
they stand here, which is also the order in which the events of one operation happen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.sql.dml import UpdateBase

from provisioner.core.api.errors import BusyError
from provisioner.core.api.events import (
    ClockConfirmed,
    DeadlineMet,
    DeliveryHandedOver,
    DutyConfirmed,
    Event,
    NoticeBegun,
    NoticeEnded,
    OperationEnded,
    OperationPlanned,
    OperationStarted,
    RulesChanged,
    StepBegun,
    StepEnded,
    TimesCorrected,
)
from provisioner.core.gateways.gateway import DELIVER
from provisioner.core.model import OperationState, Outcome, Step
from provisioner.store import deliveries, marks, notices, routines, schedule
from provisioner.store.db.ports import Transaction, Values
from provisioner.store.db.rows import MUST_FIND, Change, add, as_row, given_rows, put
from provisioner.store.db.tables import (
    account_sessions,
    account_targets,
    accounts,
    handovers,
    leases,
    operations,
    steps,
    units,
)
from provisioner.store.journal import clock

_ADD_ACCOUNT = add(accounts)
_ADD_OPERATION = insert(operations)
_STARTED = given_rows(this=operations.c.id, tries=operations.c.tries)
_START = (
    update(operations)
    .where(operations.c.id == _STARTED.c.this)
    .values(state=OperationState.RUNNING, tries=_STARTED.c.tries, next_try_at=None, error=None)
)
_CLEAR_STEPS = delete(steps).where(steps.c.operation_id.in_(select(given_rows(this=operations.c.id).c.this)))
_TAKE_LEASE = put(leases)
_PUT_STEP = put(steps)
_PUT_TARGET = put(account_targets)
_PUT_SESSIONS = put(account_sessions)
_END_COLUMNS = ("state", "finished_at", "next_try_at", "error")
_ENDED = given_rows(this=operations.c.id, **{name: operations.c[name] for name in _END_COLUMNS})
_END = (
    update(operations).where(operations.c.id == _ENDED.c.this).values({name: _ENDED.c[name] for name in _END_COLUMNS})
)
_PUT_ACCOUNT = put(accounts)
_KEEP_HANDOVER = insert(handovers)
_SET_CUSTODIAN = update(units).where(units.c.code == bindparam("this")).values(custodian=bindparam("custodian"))
_FREE_LEASE = delete(leases).where(leases.c.login.in_(select(given_rows(this=leases.c.login).c.this)))

_IN_ORDER = (
    _ADD_ACCOUNT,
    _ADD_OPERATION,
    _START,
    _CLEAR_STEPS,
    _TAKE_LEASE,
    _PUT_STEP,
    deliveries.BEGIN,
    deliveries.WITHDRAW,
    deliveries.HAND_OVER,
    deliveries.PUT_PARTS,
    _PUT_TARGET,
    _END,
    _PUT_ACCOUNT,
    _PUT_SESSIONS,
    _KEEP_HANDOVER,
    _SET_CUSTODIAN,
    _FREE_LEASE,
    notices.WITHDRAW,
    notices.GO_BACK,
    notices.END,
    notices.BEGIN,
    marks.MEET,
)


#: What events change that belong to no operation, and are in the module of the events of operations.
_CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    DutyConfirmed: marks.confirmed,
    RulesChanged: schedule.changed,
    ClockConfirmed: clock.confirmed,
    TimesCorrected: clock.corrected,
    **deliveries.CHANGES,
    **notices.CHANGES,
    **routines.CHANGES,
}

#: By the other modules of events: the module whose ``CHANGES`` say what they change. It is imported for the first of
#: these events, because most commands write none. Events that are found nowhere are kept in the audit log only.
_HOMES = {
    "core.engine.limits": "held_runs",
    "core.gateways.credentials": "credentials",
    "core.gateways.maintenance": "maintenance",
    "core.governance.access_requests": "access_requests",
    "core.governance.incidents": "incidents",
    "core.governance.roles": "role_assignments",
    "core.governance.tokens": "tokens",
    "core.reconcile.adoption": "adoption",
    "core.reconcile.differences": "comparisons",
}


def changes_of(kind: type[Event]) -> Callable[[Any], Iterable[Change]] | None:
    """Return what tells the changes of an event that belongs to no operation; ``None`` if it changes nothing."""
    home = _HOMES.get(kind.__module__.removeprefix("provisioner."))
    changes = import_module(f"provisioner.store.{home}").CHANGES if home else _CHANGES
    return changes.get(kind)


class Batch:
    """The changes of events that have been admitted, on their way into the database.

    Args:

        transaction: One that may write.

        owner: Who takes the leases.

        expires_at: When these leases run out.
    """

    def __init__(self, transaction: Transaction, *, owner: str, expires_at: datetime) -> None:
        self._transaction = transaction
        self._lease = {"owner": owner, "expires_at": expires_at}
        #: By statement, and by the key of the row: what a later event says of the same row takes its place.
        self._rows: dict[UpdateBase, dict[object, Values]] = defaultdict(dict)
        self._logins: set[str] = set()
        #: The time of the latest event.
        self.latest_at: datetime | None = None

    def add(self, event: Event) -> None:
        """Collect what *event* changes.

        Raises:

            BusyError: Somebody else has changed what it changes. Nothing of the transaction may be kept.
        """
        match event:
            case OperationPlanned():
                self._begin_anew(event)
                self._plan(event)
            case OperationStarted():
                self._begin_anew(event)
                self._start(event)
            case StepBegun():
                self._put_step(event.operation_id, event.position, event.step)
                self._begin_delivery(event)
            case StepEnded():
                self._put_step(event.operation_id, event.position, event.step)
                self._put_target(event)
                self._withdraw_delivery(event)
            case DeliveryHandedOver():
                self._hand_over(event)
            case OperationEnded():
                self._end(event)
            case NoticeBegun():
                self._begin_notice(event)
            case NoticeEnded():
                self._end_notice(event)
            case DeadlineMet():
                self._rows[marks.MEET][event.subject, event.deadline.rule_set, event.deadline.action] = marks.met(event)
            case _:
                self._change(event)
        self._logins.add(event.login)
        self.latest_at = max(self.latest_at or event.at, event.at)

    def store(self) -> None:
        """Run the statements."""
        for statement in _IN_ORDER:
            if rows := self._rows[statement]:
                self._write(statement, rows.values())
        self._rows.clear()
        self._logins.clear()

    def _change(self, event: Event) -> None:
        """Store what an event changes that belongs to no operation, after all that came before it."""
        if changes := changes_of(type(event)):
            self.store()
            self._make(changes(event))

    def _make(self, changes: Iterable[Change]) -> None:
        for statement, row in changes:
            self._write(statement, [row])

    def _write(self, statement: UpdateBase, rows: Collection[Values]) -> None:
        if not statement.get_execution_options().get(MUST_FIND):
            self._transaction.queue(statement, rows)
        elif self._transaction.run(statement, rows) < len(rows):
            raise BusyError("it was changed at the same time", cure="check it again")

    def _begin_anew(self, event: Event) -> None:
        """Store what is there of the same account first: its end would otherwise come after this beginning."""
        if event.login in self._logins:
            self.store()

    def _plan(self, event: OperationPlanned) -> None:
        row = as_row(event.operation)
        self._rows[_ADD_ACCOUNT][event.login] = as_row(event.account)
        self._rows[_ADD_OPERATION][event.operation_id] = row
        for position, step in enumerate(row.pop("steps")):
            self._put_step(event.operation_id, position, step)
        if event.undelivered:
            self.store()
            self._make([deliveries.taken_up(event)])

    def _start(self, event: OperationStarted) -> None:
        self._rows[_START][event.operation_id] = {"this": event.operation_id, "tries": event.tries}
        if not event.continues:
            self._rows[_CLEAR_STEPS][event.operation_id] = {"this": event.operation_id}
        lease = self._lease | {"login": event.login, "operation_id": event.operation_id}
        self._rows[_TAKE_LEASE][event.login] = lease

    def _put_step(self, operation_id: str, position: int, step: Step) -> None:
        key = operation_id, position
        values = step.name, step.hook, step.outcome, step.attempts, step.error, step.reference
        self._rows[_PUT_STEP][key] = key + values

    def _put_target(self, event: StepEnded) -> None:
        if event.target_state:
            key = event.login, event.step.name
            self._rows[_PUT_TARGET][key] = (*key, event.target_state)

    def _begin_delivery(self, event: StepBegun) -> None:
        if row := deliveries.begun(event):
            self._rows[deliveries.BEGIN][row["id"]] = row

    def _hand_over(self, event: DeliveryHandedOver) -> None:
        self._rows[deliveries.HAND_OVER][event.delivery] = deliveries.handed_over(event)
        for row in deliveries.parts_of(event):
            self._rows[deliveries.PUT_PARTS][row["channel"], row["part"]] = row

    def _withdraw_delivery(self, event: StepEnded) -> None:
        if event.step.hook == DELIVER and event.step.outcome is Outcome.NOT_APPLIED:
            self._rows[deliveries.WITHDRAW][event.step.reference] = deliveries.withdrawn(event)

    def _begin_notice(self, event: NoticeBegun) -> None:
        for row in notices.begun(event):
            self._rows[notices.BEGIN][row["subject"], row["rule_set"], row["action"]] = row

    def _end_notice(self, event: NoticeEnded) -> None:
        if self._rows[notices.BEGIN]:  # the end of one of these must not come before its beginning
            self.store()
        if event.state is None:
            statement, row = notices.withdrawn(event)
            self._rows[statement][event.notice] = row
        else:
            self._rows[notices.END][event.notice] = notices.ended(event, event.state)
            for part in notices.parts_of(event):
                self._rows[deliveries.PUT_PARTS][part["channel"], part["part"]] = part

    def _end(self, event: OperationEnded) -> None:
        self._rows[_END][event.operation_id] = {
            "this": event.operation_id,
            "state": event.state,
            "finished_at": event.at if event.state.ended else None,
            "next_try_at": event.next_try_at,
            "error": event.error,
        }
        self._rows[_PUT_ACCOUNT][event.login] = as_row(event.account)
        for target, state in event.sessions.items():
            sessions = {"login": event.login, "target": target, "state": state}
            self._rows[_PUT_SESSIONS][event.login, target] = sessions
        if event.handover:
            self._rows[_KEEP_HANDOVER][event.operation_id] = as_row(event.handover)
            custodian = {"this": event.handover.unit, "custodian": event.handover.incoming}
            self._rows[_SET_CUSTODIAN][event.handover.unit] = custodian
        self._rows[_FREE_LEASE][event.login] = {"this": event.login}
