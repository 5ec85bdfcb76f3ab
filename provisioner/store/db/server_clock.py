"""The time of a database server, for processes whose own clocks differ.

The server is asked once a minute. In between, the time is counted by a clock that nobody sets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.errors import StoreError
from provisioner.core.api.fencing import elapsed

#: After how many seconds the server is asked again.
INTERVAL = 60.0


@attrs.frozen
class _Reading:
    """The time of the server, and when it was read by the other clock."""

    time: datetime
    at: float


@attrs.define(eq=False)
class ServerClock:
    """The time of a server, in UTC, for any number of threads. It is never ahead of the server.

    Args:

        read: Asks the server.

        elapsed: Seconds of a clock that nobody sets.
    """

    _read: Callable[[], datetime]
    _elapsed: Callable[[], float] = elapsed
    #: It is replaced as a whole, so that other threads may read it.
    _reading: _Reading | None = attrs.field(default=None, init=False)
    _ask_at: float = attrs.field(default=0.0, init=False)

    def __call__(self) -> datetime:
        """Return the time.

        Raises:

            StoreError: The server was never asked, and cannot be.
        """
        reading = self._reading
        if reading is None or self._elapsed() >= self._ask_at:
            reading = self._ask(reading)
        return reading.time + timedelta(seconds=self._elapsed() - reading.at)

    def _ask(self, former: _Reading | None) -> _Reading:
        """Ask the server; if it doesn't answer, what it said before still holds."""
        self._ask_at = self._elapsed() + INTERVAL
        try:
            reading = _Reading(self._read(), self._elapsed())
        except StoreError:
            if former is None:
                raise
            return former
        self._reading = reading
        return reading
