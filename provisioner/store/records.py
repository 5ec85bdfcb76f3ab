"""Reads what the store knows.

Lists that may be long are read page by page, each page in a transaction of its own: whoever walks through them may
take hours over it, and a reader that keeps a transaction open for hours keeps SQLite's log from being folded back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, and_, func, or_, select, tuple_

from provisioner.core.api.rules import MetDeadline
from provisioner.core.engine.clock import KnownTimes
from provisioner.core.engine.ports import Schedule
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import (
    Account,
    AccountKind,
    AccountState,
    Handover,
    Operation,
    OperationKind,
    OperationState,
    Person,
    Step,
    TargetState,
    Unit,
)
from provisioner.store import ids, tree
from provisioner.store.audit import chain
from provisioner.store.audit.reader import AuditLogReader
from provisioner.store.db.chunks import CHUNK, chunks
from provisioner.store.db.database import Database
from provisioner.store.db.tables import (
    account_targets,
    accounts,
    events,
    handovers,
    leases,
    marks,
    operations,
    persons,
    rule_sets,
    schedule,
    steps,
    target_health,
    units,
)
from provisioner.store.ids import Named
from provisioner.store.journal import clock
from provisioner.store.journal.leases import Hold

Rows = Sequence[Row[Any]]


class StoredRecords:
    """All that is read from one store.

    The methods up to :meth:`unended_handovers` are what the engine needs,
    :class:`provisioner.core.engine.ports.Records`; the others serve commands and rules.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def units(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        """Return the units with these codes."""
        return {row.code: Unit(**row._asdict()) for row in self._among(select(units), units.c.code, codes)}

    def persons(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        """Return the persons with these ids, as imported."""
        return {row.id: Person(**row._asdict()) for row in self._among(select(persons), persons.c.id, ids)}

    def accounts(self, logins: Iterable[str], /) -> Mapping[str, Account]:
        """Return the accounts with these logins."""
        return {row.login: Account(**row._asdict()) for row in self._among(select(accounts), accounts.c.login, logins)}

    def unit_accounts(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        """Return the unit accounts of the units with these codes, by code.

        Should a unit have had several, it is one that is not closed.
        """
        closed_first = (accounts.c.state == AccountState.CLOSED).desc()
        query = select(accounts).where(accounts.c.kind == AccountKind.UNIT).order_by(closed_first, accounts.c.login)
        return {row.unit: Account(**row._asdict()) for row in self._among(query, accounts.c.unit, codes)}

    def target_states(self, login: str, /) -> Mapping[str, TargetState]:
        """Return what is known of one account on each target, by the target's name."""
        return self.all_target_states([login]).get(login, {})

    def unended(self, logins: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the operation of each of these accounts that has not ended, by login."""
        query = select(operations).where(operations.c.finished_at.is_(None))
        found = self._with_steps(self._among(query, operations.c.login, logins))
        return {operation.login: operation for operation in found}

    def deleted(self, logins: Iterable[str], /) -> Collection[str]:
        """Return those of these accounts that were deleted since they were closed."""
        query = (
            select(operations.c.login)
            .join(accounts, accounts.c.login == operations.c.login)
            .where(
                operations.c.kind == OperationKind.DELETE,
                operations.c.state == OperationState.DONE,
                operations.c.finished_at > accounts.c.closed_at,
            )
        )
        return {row.login for row in self._among(query, operations.c.login, logins)}

    def resumable(self, now: datetime, /) -> Iterator[Operation]:
        """Yield resumable operations, oldest first."""
        is_due = operations.c.next_try_at <= now
        to_drive = or_(
            operations.c.state == OperationState.RUNNING,
            and_(operations.c.state == OperationState.PLANNED, or_(is_due, operations.c.next_try_at.is_(None))),
            and_(operations.c.state == OperationState.INCOMPLETE, is_due),
        )
        query = (
            select(operations, leases.c.owner, leases.c.expires_at)
            .outerjoin_from(operations, leases, leases.c.login == operations.c.login)
            .where(operations.c.finished_at.is_(None), to_drive)
        )
        for page in self._pages(query, operations.c.created_at, operations.c.id):
            yield from self._with_steps([row for row in page if _is_free(row, now)])

    def marks(self, subjects: Iterable[str], /) -> Mapping[str, Sequence[MetDeadline]]:
        """Return which deadlines of these accounts or other subjects were met, by subject."""
        found: dict[str, list[MetDeadline]] = defaultdict(list)
        for row in self._among(select(marks), marks.c.subject, subjects):
            fields = row._asdict()
            found[fields.pop("subject")].append(MetDeadline(**fields))
        return found

    def accounts_of_holder(self, person_id: str, /) -> Sequence[Account]:
        """Return the accounts that this person holds and that are not closed."""
        found = self.find_accounts(holder=person_id)
        return [account for account in found if account.state is not AccountState.CLOSED]

    def units_of_custodian(self, person_id: str, /) -> Sequence[Unit]:
        """Return the units whose custodian this person is."""
        return self._some_units(select(units).where(units.c.custodian == person_id).order_by(units.c.code))

    def unended_handovers(self, person_id: str, /) -> Sequence[Operation]:
        """Return the handovers from or to this person that were begun and have not ended, the oldest first."""
        query = (
            select(operations)
            .where(
                operations.c.finished_at.is_(None),
                operations.c.kind == OperationKind.HANDOVER,
                operations.c.tries > 0,
                or_(operations.c.outgoing == person_id, operations.c.holder == person_id),
            )
            .order_by(operations.c.created_at, operations.c.id)
        )
        return list(self._with_steps(self._all(query)))

    # -- units -----------------------------------------------------------------------------------------------------

    def has_units(self) -> bool:
        """Whether there is any unit."""
        return bool(self._all(select(units.c.code).limit(1)))

    def all_units(self) -> Iterator[Unit]:
        """Yield every unit, by code."""
        for page in self._pages(select(units), units.c.code):
            yield from (Unit(**row._asdict()) for row in page)

    def children(self, code: str) -> Sequence[Unit]:
        """Return the units right below the one with this code, by code."""
        return self._some_units(select(units).where(units.c.parent == code).order_by(units.c.code))

    def subtree(self, code: str) -> Sequence[Unit]:
        """Return the unit with this code and all below it; each unit stands after its parent."""
        return self._some_units(tree.subtree(code))

    def unit_path(self, code: str) -> Sequence[Unit]:
        """Return the units from the top down to the one with this code."""
        return self._some_units(tree.path(code))

    # -- accounts --------------------------------------------------------------------------------------------------

    def find_accounts(
        self,
        *,
        state: AccountState | None = None,
        under: str | None = None,
        unit: str | None = None,
        holder: str | None = None,
        due_before: datetime | None = None,
    ) -> Iterator[Account]:
        """Yield accounts by login.

        Args:

            state: Only those in this state.

            under: Only those of the unit with this code and of the units below it.

            unit: Only those of the unit with this code.

            holder: Only those that the person with this id holds.

            due_before: Only those of which a rule wants something before this time.
        """
        query = select(accounts)
        if state is not None:
            query = query.where(accounts.c.state == state)
        if under is not None:
            query = query.where(accounts.c.unit.in_(tree.codes_under([under])))
        if unit is not None:
            query = query.where(accounts.c.unit == unit)
        if holder is not None:
            query = query.where(accounts.c.holder == holder)
        if due_before is not None:
            query = query.where(accounts.c.next_deadline < due_before)
        for page in self._pages(query, accounts.c.login):
            yield from (Account(**row._asdict()) for row in page)

    def accounts_under(self, codes: Iterable[str]) -> Mapping[str, Account]:
        """Return the accounts of these units and of all units below them, by login."""
        found: dict[str, Account] = {}
        for chunk in chunks(codes):
            query = select(accounts).where(accounts.c.unit.in_(tree.codes_under(chunk))).order_by(accounts.c.login)
            found |= {row.login: Account(**row._asdict()) for row in self._all(query)}
        return found

    def due_accounts(self, now: datetime) -> Iterator[Account]:
        """Yield the accounts whose deadline has come, the most urgent first. It costs what is due, not what exists."""
        query = select(accounts).where(accounts.c.next_deadline <= now)
        for page in self._pages(query, accounts.c.next_deadline, accounts.c.login):
            yield from (Account(**row._asdict()) for row in page)

    def known_times(self) -> KnownTimes | None:
        """Return when the store was used; ``None`` if it never was."""
        with self._database.read() as connection:
            return clock.read(connection)

    def rule_sets_since(self) -> Mapping[str, datetime]:
        """Return since when each rule set holds, by its name."""
        return {row.name: row.since for row in self._all(select(rule_sets))}

    def schedule(self) -> Schedule:
        """Return which rule sets the stored deadlines were computed with."""
        found = self._all(select(schedule.c.fingerprint, schedule.c.cursor))
        return Schedule(**found[0]._asdict()) if found else Schedule()

    def accounts_after(self, login: str) -> Iterator[Sequence[Account]]:
        """Yield all accounts whose logins come after this one, in the order of their logins, page by page."""
        for page in self._pages(select(accounts).where(accounts.c.login > login), accounts.c.login):
            yield [Account(**row._asdict()) for row in page]

    def all_target_states(self, logins: Iterable[str]) -> Mapping[str, Mapping[str, TargetState]]:
        """Return what is known of these accounts on each target, by login and by the target's name."""
        states: dict[str, dict[str, TargetState]] = defaultdict(dict)
        for row in self._among(select(account_targets), account_targets.c.login, logins):
            states[row.login][row.target] = row.state
        return states

    def count_accounts(self) -> Mapping[AccountState, int]:
        """Return how many accounts there are in each state that occurs."""
        return self._count(accounts.c.state)

    # -- operations ------------------------------------------------------------------------------------------------

    def ids(self, kind: Named, beginning: str, *, at_most: int) -> Sequence[str]:
        """Return the ids of this kind that have this beginning, in their order, and no more than *at_most*."""
        return ids.find(self._database, kind, beginning, at_most)

    def operations(self, ids: Iterable[str]) -> Mapping[str, Operation]:
        """Return the operations with these ids."""
        found = self._with_steps(self._among(select(operations), operations.c.id, ids))
        return {operation.id: operation for operation in found}

    def find_operations(
        self,
        *,
        login: str | None = None,
        state: OperationState | None = None,
        under: str | None = None,
        unended: bool = False,
    ) -> Iterator[Operation]:
        """Yield operations, the latest first.

        Args:

            login: Only those of this account.

            state: Only those in this state.

            under: Only those of accounts of the unit with this code and of the units below it.

            unended: Only those that have not ended.
        """
        query = select(operations)
        if under is not None:
            own = select(accounts.c.login).where(accounts.c.unit.in_(tree.codes_under([under])))
            query = query.where(operations.c.login.in_(own))
        if unended:
            query = query.where(operations.c.finished_at.is_(None))
        if login is not None:
            query = query.where(operations.c.login == login)
        if state is not None:
            query = query.where(operations.c.state == state)
        for page in self._pages(query, operations.c.created_at, operations.c.id, latest_first=True):
            yield from self._with_steps(page)

    def count_unended(self) -> Mapping[OperationState, int]:
        """Return how many operations have not ended, by state; it costs what has not ended, not what exists."""
        return self._count(operations.c.state, operations.c.finished_at.is_(None))

    def held_until(self, operation: Operation, now: datetime) -> datetime | None:
        """Return until when a process that works on an operation holds its account; ``None`` if none does."""
        query = select(leases).where(leases.c.login == operation.login, leases.c.operation_id == operation.id)
        holds = [Hold(row.operation_id, owner=row.owner, expires_at=row.expires_at) for row in self._all(query)]
        return next((hold.expires_at for hold in holds if not hold.is_free(now)), None)

    def count_operations(self) -> Mapping[OperationState, int]:
        """Return how many operations there are in each state that occurs."""
        return self._count(operations.c.state)

    # -- handovers -------------------------------------------------------------------------------------------------

    def handovers(self, operation_ids: Iterable[str]) -> Mapping[str, Handover]:
        """Return the records of the handovers that these operations were, by the operation's id."""
        found = self._among(select(handovers), handovers.c.operation_id, operation_ids)
        return {row.operation_id: Handover(**row._asdict()) for row in found}

    def find_handovers(self, *, login: str | None = None, person: str | None = None) -> Iterator[Handover]:
        """Yield the records of handovers, the latest first.

        Args:

            login: Only those of this account.

            person: Only those from or to the person with this id.
        """
        query = select(handovers)
        if login is not None:
            query = query.where(handovers.c.login == login)
        if person is not None:
            query = query.where(or_(handovers.c.outgoing == person, handovers.c.incoming == person))
        for page in self._pages(query, handovers.c.finished_at, handovers.c.operation_id, latest_first=True):
            yield from (Handover(**row._asdict()) for row in page)

    # -- targets and channels --------------------------------------------------------------------------------------

    def health(self, name: str, /) -> TargetHealth | None:
        """Return what is known of one target or channel; ``None`` if it works."""
        found = self._all(select(target_health).where(target_health.c.name == name))
        return TargetHealth(**found[0]._asdict()) if found else None

    def all_health(self) -> Sequence[TargetHealth]:
        """Return what is known of every target and channel that does not work, by name."""
        rows = self._all(select(target_health).order_by(target_health.c.name))
        return [TargetHealth(**row._asdict()) for row in rows]

    # -- the audit log -------------------------------------------------------------------------------------------------

    def events(
        self, *, after: int = 0, login: str | None = None, operation_id: str | None = None
    ) -> Iterator[chain.AuditEntry]:
        """Yield the audit log in its order.

        Args:

            after: Only what comes after this place.

            login: Only what happened to this account.

            operation_id: Only what happened in this operation.
        """
        query = select(events).where(events.c.seq > after)
        if login is not None:
            query = query.where(events.c.login == login)
        if operation_id is not None:
            query = query.where(events.c.operation_id == operation_id)
        for page in self._pages(query, events.c.seq):
            yield from (chain.AuditEntry(**row._asdict()) for row in page)

    @property
    def audit_log(self) -> AuditLogReader:
        """The audit log as auditors read it, who believe nothing."""
        return AuditLogReader(self._database)

    def verify_chain(self) -> int | None:
        """Return the place of the first event that is missing or was tampered with; ``None`` if all is as written."""
        finding = self.audit_log.verify().finding
        return finding.seq if finding else None

    # -- how it is read --------------------------------------------------------------------------------------------

    def _among(self, query: Select[Any], column: ColumnElement[str], values: Iterable[str]) -> Iterator[Row[Any]]:
        """Yield the rows in which *column* is one of *values*."""
        for chunk in chunks(dict.fromkeys(values)):
            yield from self._all(query.where(column.in_(chunk)))

    def _pages(self, query: Select[Any], *key: Column[Any], latest_first: bool = False) -> Iterator[Rows]:
        """Yield the rows in the order of *key*, which is unique, page by page."""
        order = [column.desc() if latest_first else column for column in key]
        query = query.order_by(*order).limit(CHUNK)
        page = self._all(query)
        while page:
            yield page
            last = [getattr(page[-1], column.name) for column in key]
            beyond = tuple_(*key) < last if latest_first else tuple_(*key) > last
            page = self._all(query.where(beyond)) if len(page) == CHUNK else ()

    def _all(self, query: Select[Any]) -> Rows:
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _with_steps(self, rows: Iterable[Row[Any]]) -> Iterator[Operation]:
        """Yield the operations of these rows, with their steps."""
        rows = list(rows)
        steps_of: dict[str, list[Step]] = defaultdict(list)
        query = select(steps).order_by(steps.c.operation_id, steps.c.position)
        for row in self._among(query, steps.c.operation_id, (row.id for row in rows)):
            fields = row._asdict()
            del fields["position"]
            steps_of[fields.pop("operation_id")].append(Step(**fields))
        for row in rows:
            fields = {column.name: getattr(row, column.name) for column in operations.columns}
            yield Operation(**fields, steps=tuple(steps_of[row.id]))

    def _some_units(self, query: Select[Any]) -> Sequence[Unit]:
        return [Unit(**row._asdict()) for row in self._all(query)]

    def _count(self, column: ColumnElement[Any], *only: ColumnElement[bool]) -> Mapping[Any, int]:
        query = select(column.label("value"), func.count().label("total")).where(*only).group_by(column)
        return {row.value: row.total for row in self._all(query)}


def _is_free(row: Row[Any], now: datetime) -> bool:
    return Hold(operation_id=row.id, owner=row.owner, expires_at=row.expires_at).is_free(now)
