"""What SIGINT and SIGTERM do while accounts are being changed: they end the work between two steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_between_steps(message: str) -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; no signal ends the program in the middle of a step.

    Args:

        message: What to say on stderr then.
    """
    stop = threading.Event()

    def asked(*_: object) -> None:
        if not stop.is_set():
            # Not print: the signal may come in the middle of one.
            os.write(2, f"\n{message}\n".encode())
            stop.set()

    former = {number: signal.signal(number, asked) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
