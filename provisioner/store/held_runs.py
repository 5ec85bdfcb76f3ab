"""Held runs: what the events change, and what is read of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, func, select, update

from provisioner.core.api.events import Event
from provisioner.core.engine.limits import HeldRun, OperationHeld, RunDiscarded, RunHeld, RunReleased
from provisioner.core.model import (
    Operation,
    OperationState,
)
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, add, as_row
from provisioner.store.db.tables import accounts, operations, staged_runs
from provisioner.store.operations import with_steps

_KEEP = add(staged_runs)
_WAITING = and_(operations.c.staging == bindparam("run"), operations.c.state == OperationState.STAGED)
_RELEASE = update(operations).where(_WAITING).values(state=OperationState.PLANNED, error=None)
_DISCARD = (
    update(operations)
    .where(_WAITING)
    .values(state=OperationState.FAILED, finished_at=bindparam("at"), error=bindparam("why"))
)
_STAGE = (
    update(operations)
    .where(operations.c.id == bindparam("this"), operations.c.state == OperationState.PLANNED)
    .values(state=OperationState.STAGED, staging=bindparam("run"), error=bindparam("why"))
)

_HELD = select(operations.c.login).where(_WAITING).order_by(operations.c.created_at, operations.c.id)
#: With no unit for an account that isn't known.
_UNITS = (
    select(operations.c.staging, accounts.c.unit)
    .outerjoin(accounts, accounts.c.login == operations.c.login)
    .where(operations.c.staging.is_not(None), operations.c.state == OperationState.STAGED)
    .distinct()
)


def _kept(event: RunHeld) -> Iterable[Change]:
    yield _KEEP, as_row(event.run)


def _released(event: RunReleased) -> Iterable[Change]:
    yield _RELEASE, {"run": event.run}


def _discarded(event: RunDiscarded) -> Iterable[Change]:
    yield _DISCARD, {"run": event.run, "at": event.at, "why": event.error}


def _staged(event: OperationHeld) -> Iterable[Change]:
    yield _STAGE, {"this": event.operation_id, "run": event.run, "why": event.error}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    RunHeld: _kept,
    RunReleased: _released,
    RunDiscarded: _discarded,
    OperationHeld: _staged,
}


class StoredHeldRuns:
    """The runs that the mass-change limit holds, in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def operations(self, run: str, /) -> Sequence[Operation]:
        """Return the operations of a held run that still wait, the oldest first."""
        query = (
            select(operations)
            .where(operations.c.staging == run, operations.c.state == OperationState.STAGED)
            .order_by(operations.c.created_at, operations.c.id)
        )
        return list(with_steps(self._reader, self._reader.all(query)))

    def logins(self, run: str, /) -> Sequence[str]:
        """Return the accounts of the operations of a held run that still wait, the oldest first."""
        return [login for (login,) in self._reader.find(_HELD, run=run)]

    def units(self) -> Mapping[str, Collection[str | None]]:
        """Return the units of the accounts of each held run, by its ID; ``None`` for unknown accounts."""
        found = defaultdict[str, set[str | None]](set)
        for run, unit in self._reader.find(_UNITS):
            found[run].add(unit)
        return found

    def all(self) -> Sequence[HeldRun]:
        """Return the runs of which operations still wait, the oldest first, with how many they are."""
        held = and_(operations.c.staging == staged_runs.c.id, operations.c.state == OperationState.STAGED)
        waiting = select(func.count()).select_from(operations).where(held).scalar_subquery().label("waiting")
        query = select(staged_runs, waiting).order_by(staged_runs.c.at, staged_runs.c.id)
        return [_staged_run(**row._asdict()) for row in self._reader.all(query.where(waiting > 0))]


def _staged_run(*, waiting: int, **fields: Any) -> HeldRun:
    return HeldRun(**{**fields, "operations": waiting})
