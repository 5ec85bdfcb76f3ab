"""Operations, with their steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from provisioner.core.model import Operation, OperationKind, OperationState, Step
from provisioner.store import tree
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.tables import accounts, leases, operations, steps
from provisioner.store.journal.leases import Hold


class StoredOperations:
    """The operations of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the operations with these ids, by id. What does not exist is left out."""
        found = with_steps(self._reader, self._reader.among(select(operations), operations.c.id, ids))
        return {operation.id: operation for operation in found}

    def unended(self, logins: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the operation of each of these accounts that has not ended, by login."""
        query = select(operations).where(operations.c.finished_at.is_(None))
        found = with_steps(self._reader, self._reader.among(query, operations.c.login, logins))
        return {operation.login: operation for operation in found}

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
        return list(with_steps(self._reader, self._reader.all(query)))

    def resumable(self, now: datetime, /, *, among: Collection[str] | None = None) -> Iterator[Operation]:
        """Yield resumable operations, oldest first.

        These are the planned ones, unless they wait for something, the running ones whose lease is free to take, and
        the incomplete ones whose next try is due at *now*.

        Args:

            now: The time.

            among: The IDs of some operations; ``None`` for all.
        """
        is_due = operations.c.next_try_at <= now
        to_drive = or_(
            operations.c.state == OperationState.RUNNING,
            and_(operations.c.state == OperationState.PLANNED, or_(is_due, operations.c.next_try_at.is_(None))),
            and_(operations.c.state == OperationState.INCOMPLETE, is_due),
        )
        yield from self._free(to_drive if among is None else and_(to_drive, operations.c.id.in_(among)), now)

    def interrupted(self, now: datetime, /) -> Iterator[Operation]:
        """Yield the operations that were started, haven't ended, and aren't held by a process, oldest first."""
        yield from self._free(operations.c.state.in_([OperationState.RUNNING, OperationState.INCOMPLETE]), now)

    def _free(self, condition: ColumnElement[bool], now: datetime) -> Iterator[Operation]:
        """Yield the operations that haven't ended, and whose lease is free to take, oldest first."""
        query = (
            select(operations, leases.c.owner, leases.c.expires_at)
            .outerjoin_from(operations, leases, leases.c.login == operations.c.login)
            .where(operations.c.finished_at.is_(None), condition)
        )
        time = self._lease_time(now)
        for page in self._reader.pages(query, operations.c.created_at, operations.c.id):
            yield from with_steps(self._reader, [row for row in page if _is_free(row, time)])

    def find(
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
        for page in self._reader.pages(query, operations.c.created_at, operations.c.id, latest_first=True):
            yield from with_steps(self._reader, page)

    def count(self) -> Mapping[OperationState, int]:
        """Return how many operations there are in each state that occurs."""
        return self._reader.count(operations.c.state)

    def count_unended(self) -> Mapping[OperationState, int]:
        """Return how many operations have not ended, by state; it costs what has not ended, not what exists."""
        return self._reader.count(operations.c.state, operations.c.finished_at.is_(None))

    def count_kinds(self) -> Mapping[tuple[OperationKind, OperationState], int]:
        """Return how many operations of each kind there are in each state that occurs."""
        columns = (operations.c.kind, operations.c.state)
        rows = self._reader.all(select(*columns, func.count().label("total")).group_by(*columns))
        return {(row.kind, row.state): row.total for row in rows}

    def oldest_unended(self) -> datetime | None:
        """Return when the oldest operation that has not ended was planned, apart from those of held runs."""
        query = select(func.min(operations.c.created_at).label("oldest")).where(
            operations.c.finished_at.is_(None), operations.c.state != OperationState.STAGED
        )
        found: datetime | None = self._reader.all(query)[0].oldest
        return found

    def count_failed(self, since: datetime, /) -> int:
        """Return how many of the operations that were planned since then have failed, or were rolled back."""
        query = select(func.count().label("total")).where(
            operations.c.created_at >= since, operations.c.state.in_([OperationState.FAILED, OperationState.UNDONE])
        )
        return int(self._reader.all(query.select_from(operations))[0].total)

    def held_until(self, operation: Operation, now: datetime) -> datetime | None:
        """Return until when a process that works on an operation holds its account; ``None`` if none does."""
        query = select(leases).where(leases.c.login == operation.login, leases.c.operation_id == operation.id)
        holds = [Hold(row.operation_id, owner=row.owner, expires_at=row.expires_at) for row in self._reader.all(query)]
        time = self._lease_time(now)
        return next((hold.expires_at for hold in holds if not hold.is_free(time)), None)

    def _lease_time(self, now: datetime) -> datetime:
        with self._database.read() as connection:
            return self._database.time_on(connection, lambda: now)


def with_steps(reader: Reader, rows: Iterable[Row[Any]]) -> Iterator[Operation]:
    """Yield the operations of these rows, with their steps."""
    rows = list(rows)
    steps_of: dict[str, list[Step]] = defaultdict(list)
    query = select(steps).order_by(steps.c.operation_id, steps.c.position)
    for row in reader.among(query, steps.c.operation_id, (row.id for row in rows)):
        fields = row._asdict()
        del fields["position"]
        steps_of[fields.pop("operation_id")].append(Step(**fields))
    for row in rows:
        fields = {column.name: getattr(row, column.name) for column in operations.columns}
        yield Operation(**fields, steps=tuple(steps_of[row.id]))


def _is_free(row: Row[Any], now: datetime) -> bool:
    return Hold(operation_id=row.id, owner=row.owner, expires_at=row.expires_at).is_free(now)
