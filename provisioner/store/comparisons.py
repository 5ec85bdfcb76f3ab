"""The comparisons of targets with the journal, all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from provisioner.core.api.events import Event
from provisioner.core.reconcile.differences import TargetCompared
from provisioner.core.reconcile.history import PastComparison
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, put
from provisioner.store.db.tables import comparisons

_PUT = put(comparisons)


def _compared(event: TargetCompared) -> Iterable[Change]:
    yield (
        _PUT,
        {
            "target": event.target,
            "started_at": event.started_at,
            "ended_at": event.at,
            "listed": event.listed,
            "differences": dict(event.differences),
            "unit": event.unit,
            "error": event.error,
        },
    )


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {TargetCompared: _compared}


class StoredComparisons:
    """The comparisons of one store. Those that were restricted to a unit are kept, and are no part of the history.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def last(self, target: str) -> PastComparison | None:
        """Return the last comparison of a target, also if it is incomplete; ``None`` if there was none."""
        return next(iter(self._latest(target, 1)), None)

    def trend(self, target: str, limit: int) -> Sequence[PastComparison]:
        """Return the last complete comparisons of a target, the latest last.

        Args:

            target: The target.

            limit: How many.
        """
        return self._latest(target, limit, comparisons.c.error.is_(None))[::-1]

    def _latest(self, target: str, limit: int, *only: Any) -> Sequence[PastComparison]:
        query = select(comparisons).where(comparisons.c.target == target, comparisons.c.unit.is_(None), *only)
        rows = self._reader.all(query.order_by(comparisons.c.started_at.desc()).limit(limit))
        return [PastComparison(**row._asdict()) for row in rows]
