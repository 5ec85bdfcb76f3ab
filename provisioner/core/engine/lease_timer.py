"""Ends a process that was suspended for longer than its leases, before it does anything else.

The comparison before each request (:mod:`provisioner.core.api.fencing`) leaves a gap: a busy process can lose the
processor between the comparison and the bytes of the request. A timer of the kernel has no such gap. It runs while the
process is suspended, and its signal ends the process before the next instruction. It belongs to processes that
something starts again, such as workers.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import attrs

from provisioner.core.api.fencing import elapsed

#: A timer of no seconds would be off.
_AT_ONCE = 1e-6


@attrs.define(eq=False)
class LeaseTimer:
    """The timer of a process for the leases of all its stores.

    It uses the process's only real-time timer (``setitimer``), and SIGALRM must have its default action.

    Args:

        clock: Seconds of the clock by which leases are counted.
    """

    _clock: Callable[[], float] = elapsed
    #: When the first lease of each owner runs out.
    _ends: dict[str, float] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def set(self, owner: str, until: float | None) -> None:
        """Let the process end at a time, unless this is called again before.

        Args:

            owner: Who holds the leases.

            until: When the first of them runs out, by the clock; ``None`` if there are none.
        """
        with self._lock:
            if until is None:
                self._ends.pop(owner, None)
            else:
                self._ends[owner] = until
            left = max(min(self._ends.values()) - self._clock(), _AT_ONCE) if self._ends else 0.0
            signal.setitimer(signal.ITIMER_REAL, left)
