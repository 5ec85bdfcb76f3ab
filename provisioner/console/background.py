"""Carries out runs that take longer than a browser waits. They go on when the browser is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from provisioner.core.api.errors import StoppedError, raised_at
from provisioner.core.api.logs import Logger
from provisioner.services.runs import Run

log = Logger(__name__)

ResultT = TypeVar("ResultT")

#: How many runs are carried out at the same time. The others wait; they are in the journal when they begin.
_MOST = 4


class Background:
    """Waits for runs, and for answers that take long."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="runs")
        self._stopped = threading.Event()
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="looking")

    def wait_for(self, *runs: Run) -> Future[Exception | None]:
        """Carry out runs from now on, one after the other.

        Returns:

            Ends with the runs; its result is the error with which one of them broke off.
        """
        return self._pool.submit(_drain, runs)

    def look(self, look: Callable[[], ResultT]) -> Future[ResultT]:
        """Find out something that takes long, after what others have asked for.

        Args:

            look: Does it, and changes nothing.
        """
        return self._looking.submit(look)

    def repeat(self, act: Callable[[], object], *, every: float) -> None:
        """Do something again and again, until the console stops. What fails is tried again the next time.

        Args:

            act: Does it.

            every: After how many seconds it is done, and done again.
        """

        def run() -> None:
            while not self._stopped.wait(every):
                try:
                    act()
                except Exception as error:
                    log.warning("console_routine_failed", error=type(error).__name__, at=raised_at(error))

        threading.Thread(target=run, name="routines", daemon=True).start()

    def pace(self, longest: float) -> Callable[[], None]:
        """Return a function that a calculation calls at each of its steps, and that ends it when it has to end.

        Args:

            longest: How long the calculation may take from its first step on, in seconds.

        Returns:

            Raises StoppedError if the calculation takes longer, or if the console ends.
        """
        ends_at: float | None = None

        def keep_up() -> None:
            nonlocal ends_at
            now = time.monotonic()
            ends_at = ends_at or now + longest
            if self._stopped.is_set() or now > ends_at:
                raise StoppedError(
                    "the calculation takes longer than {count} seconds, or the console is being stopped",
                    cure="try it again later",
                    count=int(longest),
                )

        return keep_up

    def close(self) -> None:
        """Wait until the runs and the looks have ended, or stopped between two steps."""
        self._stopped.set()
        self._looking.shutdown(cancel_futures=True)
        self._pool.shutdown()


def _drain(runs: Iterable[Run]) -> Exception | None:
    broken = None
    for run in runs:
        try:
            run.wait()
        except Exception as error:  # what is left continues with the next resume
            log.error("console_run_broke_off", error=type(error).__name__, at=raised_at(error))
            broken = error
    return broken
