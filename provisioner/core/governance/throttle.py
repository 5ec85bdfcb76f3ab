"""How often something can fail, such as a log-in or the use of a token."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from datetime import datetime, timedelta
from itertools import islice

#: How many keys whose tries are over a throttle forgets with each try: more than a try adds.
_FORGOTTEN = 2


class Throttle:
    """Limits how often something can fail within a period. It is safe to share between threads.

    A try counts from its beginning, so many at the same time are no way around the limit. It no longer counts if it
    did not fail. A try takes the same time however many keys there are.

    Args:

        limit: The number of failed tries within the period.

        period: The period.
    """

    def __init__(self, limit: int, period: timedelta) -> None:
        self._limit = limit
        self._period = period
        self._lock = threading.Lock()
        #: In the order of the last try of each key.
        self._tries: OrderedDict[Hashable, deque[datetime]] = OrderedDict()

    def try_at(self, key: Hashable, at: datetime) -> bool:
        """Count a try, and return whether it may be made.

        Args:

            key: What tries are counted for.

            at: The time, in UTC.
        """
        with self._lock:
            for known in (key, *islice(self._tries, _FORGOTTEN)):
                self._forget(known, at)
            if len(self._tries.get(key, ())) >= self._limit:
                return False
            self._tries.setdefault(key, deque()).append(at)
            self._tries.move_to_end(key)
            return True

    def uncount(self, key: Hashable, at: datetime) -> None:
        """Uncount a try that did not fail."""
        with self._lock:
            if at in self._tries.get(key, ()):
                self._tries[key].remove(at)

    def free_at(self, key: Hashable, at: datetime) -> datetime | None:
        """Return when the next try may be made; ``None`` if it may be made now."""
        with self._lock:
            self._forget(key, at)
            tries = self._tries.get(key, ())
            return tries[0] + self._period if tries and len(tries) >= self._limit else None

    def _forget(self, key: Hashable, at: datetime) -> None:
        """Forget tries that are over, and those of a clock that was ahead by more than a period."""
        tries = self._tries.get(key)
        if tries is None:
            return
        while tries and abs(at - tries[0]) >= self._period:
            tries.popleft()
        if not tries:
            del self._tries[key]
