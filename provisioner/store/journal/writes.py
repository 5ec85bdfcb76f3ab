"""Whether anything was written to the journal on behalf of somebody who asked for something.

Every change of a system is written down before it is made. So if nothing was written, nothing was changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_WRITTEN: ContextVar[threading.Event | None] = ContextVar("written", default=None)


@contextmanager
def noted_writes() -> Iterator[threading.Event]:
    """Yield an event that is set when the block, or a thread with its context, writes to the journal."""
    written = threading.Event()
    token = _WRITTEN.set(written)
    try:
        yield written
    finally:
        _WRITTEN.reset(token)


def note_write() -> None:
    """Set the event of the context, if it has one."""
    if written := _WRITTEN.get():
        written.set()
