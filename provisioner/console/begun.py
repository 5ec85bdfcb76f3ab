"""What people have begun and read when it has ended, in the memory of the one process that serves the console."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import date, datetime
from typing import Generic, TypeVar

import attrs

from provisioner.services.policy import Forecast
from provisioner.services.reconcile import ComparisonResult

ItemT = TypeVar("ItemT")

#: How many are kept, one for each person; the oldest is dropped.
_MOST = 10


@attrs.frozen(kw_only=True)
class BegunComparison:
    """A comparison of the targets that somebody has begun.

    Its differences contain data of people. The store keeps only how many there were.
    """

    began_at: datetime
    #: The code of the unit to which it is restricted; ``None`` if it is not.
    unit: str | None
    #: Ends with the comparison.
    under_way: Future[ComparisonResult]


@attrs.frozen(kw_only=True)
class BegunForecast:
    """A forecast of what the rules do, which somebody has asked for."""

    began_at: datetime
    #: The first day.
    day: date
    #: The IDs of the roles that the person had.
    roles: frozenset[str]
    #: Ends with the forecast.
    under_way: Future[Forecast]


class LastOfPersons(Generic[ItemT]):
    """Keeps the last thing that each person has begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, ItemT] = {}

    def of(self, person: str) -> ItemT | None:
        """Return the last thing that a person has begun; ``None`` if there is none."""
        with self._lock:
            return self._last.get(person)

    def keep(self, person: str, item: ItemT) -> None:
        """Keep something, in place of what the person has begun before."""
        with self._lock:
            self._last.pop(person, None)
            self._last[person] = item
            for other in list(self._last)[:-_MOST]:
                del self._last[other]

    def drop(self, person: str) -> None:
        """Forget the last thing that a person has begun."""
        with self._lock:
            self._last.pop(person, None)
