"""Runs that are held back, and what the mass-change limit counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, bindparam, case, func, literal, select, update

from provisioner.core.api.events import Event
from provisioner.core.engine.limits import IN_TOTAL, OperationStaged, RunDiscarded, RunReleased, RunStaged, StagedRun
from provisioner.core.engine.ports import Shut
from provisioner.core.model import (
    AccountState,
    Operation,
    OperationKind,
    OperationState,
    TargetState,
)
from provisioner.store.db.rows import Change, add, as_row
from provisioner.store.db.tables import CLOSINGS, account_targets, accounts, operations, staged_runs
from provisioner.store.records import StoredRecords

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


def _kept(event: RunStaged) -> Iterable[Change]:
    yield _KEEP, as_row(event.run)


def _released(event: RunReleased) -> Iterable[Change]:
    yield _RELEASE, {"run": event.run}


def _discarded(event: RunDiscarded) -> Iterable[Change]:
    yield _DISCARD, {"run": event.run, "at": event.at, "why": event.error}


def _staged(event: OperationStaged) -> Iterable[Change]:
    yield _STAGE, {"this": event.operation_id, "run": event.run, "why": event.error}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    RunStaged: _kept,
    RunReleased: _released,
    RunDiscarded: _discarded,
    OperationStaged: _staged,
}

_OPEN = accounts.c.state.in_([AccountState.OPEN, AccountState.INCOMPLETE])
_OPEN_THERE = account_targets.c.state.in_([TargetState.OPEN, TargetState.INCOMPLETE, TargetState.UNPROVED])


class StoredStaging(StoredRecords):
    """What is read of runs that are held back; and the :class:`~provisioner.core.engine.limits.Census`."""

    def staged_operations(self, run: str, /) -> Sequence[Operation]:
        """Return the operations that still wait of a run that was held back, the oldest first."""
        query = (
            select(operations)
            .where(operations.c.staging == run, operations.c.state == OperationState.STAGED)
            .order_by(operations.c.created_at, operations.c.id)
        )
        return list(self._with_steps(self._all(query)))

    def staged_runs(self) -> Sequence[StagedRun]:
        """Return the runs of which something still waits, the oldest first, with how much that is."""
        held = and_(operations.c.staging == staged_runs.c.id, operations.c.state == OperationState.STAGED)
        waiting = select(func.count()).select_from(operations).where(held).scalar_subquery().label("waiting")
        query = select(staged_runs, waiting).order_by(staged_runs.c.at, staged_runs.c.id)
        return [_staged_run(**row._asdict()) for row in self._all(query.where(waiting > 0))]

    def shut_since(self, since: datetime, /) -> Mapping[str, Shut]:
        """Return what was closed or deleted since then or is about to be, by target and in total.

        An account that is open again or never was does not count, and neither does what somebody has released.
        """
        shut = _shut_since(since)
        total = _counted(literal(IN_TOTAL), shut, shut.c.state == AccountState.CLOSED).select_from(shut)
        there = (
            _counted(account_targets.c.target, shut, account_targets.c.state == TargetState.CLOSED)
            .join_from(shut, account_targets, account_targets.c.login == shut.c.login)
            .group_by(account_targets.c.target)
        )
        rows = [row for query in (total, there) for row in self._all(query)]
        return {row.target: Shut(accounts=row.accounts, gone=row.gone) for row in rows}

    def count_open(self, target: str, at_most: int, /) -> int:
        """Return how many accounts are open on a target, or in total; no more than *at_most* are counted."""
        if target == IN_TOTAL:
            found = select(accounts.c.login).where(_OPEN)
        else:
            found = select(account_targets.c.login).where(account_targets.c.target == target, _OPEN_THERE)
        [row] = self._all(select(func.count().label("total")).select_from(found.limit(at_most).subquery()))
        return int(row.total)


def _staged_run(*, waiting: int, **fields: Any) -> StagedRun:
    return StagedRun(**{**fields, "operations": waiting})


def _shut_since(since: datetime) -> Subquery:
    """Select the closings and deletions that count: those that ended since then, and those that are under way."""
    columns = (operations.c.login, operations.c.kind, accounts.c.state)
    ours = (
        select(*columns)
        .join(accounts, accounts.c.login == operations.c.login)
        .where(operations.c.staging.is_(None), accounts.c.opened_at.is_not(None))
    )
    ended: Select[Any] = ours.where(
        CLOSINGS,
        operations.c.finished_at > since,
        operations.c.state == OperationState.DONE,
        accounts.c.state == AccountState.CLOSED,
    )
    under_way: Select[Any] = ours.where(CLOSINGS, operations.c.finished_at.is_(None))
    return ended.union_all(under_way).subquery()


def _counted(place: ColumnElement[str], shut: Subquery, closed: ColumnElement[bool]) -> Select[Any]:
    """Select a place, how many accounts there are, and how many of them were open and are not any more."""
    gone = case((and_(shut.c.kind == OperationKind.CLOSE, closed), shut.c.login))
    counts = {"accounts": func.count(shut.c.login.distinct()), "gone": func.count(gone.distinct())}
    columns: Any = [place.label("target"), *(count.label(name) for name, count in counts.items())]
    return select(*columns)
