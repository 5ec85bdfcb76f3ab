"""A clock that moves only when it is told to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Answers the same time until it is moved on. Safe to share between threads.

    Args:

        start: Where it stands at first, in UTC.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)) -> None:
        self._start = self._now = start
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time."""
        with self._lock:
            return self._now

    def elapsed(self) -> float:
        """Return how many seconds it was moved on by now."""
        return (self() - self._start).total_seconds()

    def advance(self, by: timedelta) -> datetime:
        """Move on, and return the new time."""
        with self._lock:
            self._now += by
            return self._now
