"""What signals do while accounts are being changed: the first one ends the work between two steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Asks to stop between two steps. The second one ends the program at once: whoever sends it does not want to wait.
URGENT = (signal.SIGINT, signal.SIGTERM)

#: Ask to stop between two steps. SIGHUP does no more than that, however often it comes: a terminal that closes and the
#: shell in it both send one, and systemd sends one right after SIGTERM.
SIGNALS = (*URGENT, signal.SIGHUP)


@contextmanager
def stop_between_steps(message: str) -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; that signal does not end the program in the middle of a step.

    A signal that the program was started to ignore, as by ``nohup``, stays ignored.

    Args:

        message: What to say on stderr then.
    """
    stop = threading.Event()

    def asked(number: int, _: object) -> None:
        first = not stop.is_set()
        stop.set()
        if number in URGENT:
            for other in URGENT:
                # Not another handler, which would have to wait for what does not answer.
                signal.signal(other, signal.SIG_DFL)
        if first:
            # Not print: the signal may come in the middle of one. There may be no terminal any more.
            with suppress(OSError):
                os.write(2, f"\n{message}\n".encode())

    former = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number, handler in former.items() if handler is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, asked)
    try:
        yield stop
    finally:
        for number in handled:
            signal.signal(number, former[number])
