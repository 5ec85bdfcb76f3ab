"""Carries out runs that take longer than a browser waits. They go on when the browser is closed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from provisioner.core.api.errors import raised_at
from provisioner.core.api.logs import Logger
from provisioner.services.runs import Run

log = Logger(__name__)


class Background:
    """Waits for runs, one after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="runs")

    def wait_for(self, run: Run) -> None:
        """Carry out a run from now on."""
        self._pool.submit(_drain, run)

    def close(self) -> None:
        """Wait until the runs have ended, or stopped between two steps."""
        self._pool.shutdown()


def _drain(run: Run) -> None:
    try:
        run.wait()
    except Exception as error:  # nobody waits for the result; what is left continues with the next resume
        log.error("console_run_broke_off", error=type(error).__name__, at=raised_at(error))
