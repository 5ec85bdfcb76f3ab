"""What the mass-change limit and the health check count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, exists, func, literal, select

from provisioner.core.engine.limits import IN_TOTAL
from provisioner.core.engine.ports import Closings
from provisioner.core.model import AccountState, OperationKind, OperationState, TargetState
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.tables import CLOSINGS, account_targets, accounts, operations

_OPEN = accounts.c.state.in_([AccountState.OPEN, AccountState.INCOMPLETE])
_OPEN_THERE = account_targets.c.state.in_([TargetState.OPEN, TargetState.INCOMPLETE, TargetState.UNPROVED])


class StoredCensus:
    """Counts the accounts of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def closed_since(self, since: datetime, /) -> Mapping[str, Closings]:
        """Return what was closed or deleted since then or is about to be, by target and in total.

        An account that is open again or never was does not count, and neither does what somebody has released.
        """
        closed = _closed_since(since)
        withdrawn, is_closed_there = (
            closed.c.kind == OperationKind.WITHDRAW,
            account_targets.c.state == TargetState.CLOSED,
        )
        total = (
            _counted(literal(IN_TOTAL), closed, closed.c.state == AccountState.CLOSED)
            .select_from(closed)
            .where(~withdrawn)
        )
        there = (
            _counted(account_targets.c.target, closed, is_closed_there)
            .join_from(closed, account_targets, account_targets.c.login == closed.c.login)
            .where(~withdrawn | is_closed_there)
            .group_by(account_targets.c.target)
        )
        rows = [row for query in (total, there) for row in self._reader.all(query)]
        return {row.target: Closings(accounts=row.accounts, gone=row.gone) for row in rows}

    def count_open(self, target: str, at_most: int, /) -> int:
        """Return how many accounts are open on a target, or in total; no more than *at_most* are counted."""
        if target == IN_TOTAL:
            found = select(accounts.c.login).where(_OPEN)
        else:
            found = select(account_targets.c.login).where(account_targets.c.target == target, _OPEN_THERE)
        [row] = self._reader.all(select(func.count().label("total")).select_from(found.limit(at_most).subquery()))
        return int(row.total)

    def count_not_on(self, target: str, /) -> int:
        """Return how many open accounts are not open on a target."""
        there = exists().where(
            account_targets.c.login == accounts.c.login, account_targets.c.target == target, _OPEN_THERE
        )
        query = select(func.count().label("total")).select_from(accounts)
        [row] = self._reader.all(query.where(accounts.c.state == AccountState.OPEN, ~there))
        return int(row.total)


def _closed_since(since: datetime) -> Subquery:
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
        (accounts.c.state == AccountState.CLOSED) | (operations.c.kind == OperationKind.WITHDRAW),
    )
    under_way: Select[Any] = ours.where(CLOSINGS, operations.c.finished_at.is_(None))
    return ended.union_all(under_way).subquery()


def _counted(place: ColumnElement[str], closed: Subquery, is_closed: ColumnElement[bool]) -> Select[Any]:
    """Select a place, how many accounts there are, and how many of them were open and are not any more."""
    closes = closed.c.kind.in_([OperationKind.CLOSE, OperationKind.WITHDRAW])
    gone = case((and_(closes, is_closed), closed.c.login))
    counts = {"accounts": func.count(closed.c.login.distinct()), "gone": func.count(gone.distinct())}
    columns: Any = [place.label("target"), *(count.label(name) for name, count in counts.items())]
    return select(*columns)
