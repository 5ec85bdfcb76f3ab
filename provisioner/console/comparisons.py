"""The comparisons that people have begun, in the memory of the one process that serves the console."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import datetime

import attrs

from provisioner.services.reconcile import ComparisonResult

#: How many comparisons are kept, one for each person; the oldest is dropped.
_MOST = 10


@attrs.frozen(kw_only=True)
class BegunComparison:
    """A comparison that somebody has begun."""

    began_at: datetime
    #: The code of the unit to which it is restricted; ``None`` if it is not.
    unit: str | None
    #: Ends with the comparison.
    under_way: Future[ComparisonResult]


class Comparisons:
    """Keeps the last comparison of each person, so that the differences can be read.

    They contain data of people. The store keeps only how many there were.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, BegunComparison] = {}

    def of(self, person: str) -> BegunComparison | None:
        """Return the last comparison that a person has begun; ``None`` if there is none."""
        with self._lock:
            return self._last.get(person)

    def keep(self, person: str, comparison: BegunComparison) -> None:
        """Keep a comparison, in place of the one that the person has begun before."""
        with self._lock:
            self._last.pop(person, None)
            self._last[person] = comparison
            for other in list(self._last)[:-_MOST]:
                del self._last[other]
