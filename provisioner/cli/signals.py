"""What signals do while accounts are being changed: the first one ends the work between two steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Asks to stop between two steps. The second signal ends the program immediately.
URGENT = (signal.SIGINT, signal.SIGTERM)

#: Ask to stop between two steps. SIGHUP does no more than that, however often it comes: a terminal that closes and the
#: shell in it both send one, and systemd sends one right after SIGTERM.
SIGNALS = (*URGENT, signal.SIGHUP)

#: Wakes the main thread. By default, the system ignores it, and so does the program once nothing is stopped any more.
WAKE = signal.SIGURG


@contextmanager
def stop_between_steps(message: str) -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; that signal does not end the program in the middle of a step.

    A signal that the program was started to ignore, as by ``nohup``, stays ignored. After a signal, SIGHUP is ignored
    until the program ends: what was done is still to be written down.

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
        with _main_thread_woken():
            yield stop
    finally:
        for number in handled:
            is_ignored = stop.is_set() and number is signal.SIGHUP
            signal.signal(number, signal.SIG_IGN if is_ignored else former[number])


@contextmanager
def _main_thread_woken() -> Iterator[None]:
    """Wake the main thread when a signal reaches another one.

    Only the main thread runs handlers. The system hands the second of two signals that come together to any thread, and
    the main one, which waits for the others, would not notice it.
    """
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    former_handler = signal.signal(WAKE, lambda *_: None)
    former_fd = signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    waker = threading.Thread(target=_wake_main_thread, args=(receiver,), name="signals", daemon=True)
    waker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former_fd)
        os.close(sender)
        waker.join()
        os.close(receiver)
        signal.signal(WAKE, former_handler)


def _wake_main_thread(receiver: int) -> None:
    """Send :data:`WAKE` to the main thread after each other signal, until the other end of the pipe is closed."""
    while numbers := os.read(receiver, 64):
        if set(numbers) != {WAKE}:
            signal.pthread_kill(threading.main_thread().ident or 0, WAKE)
