"""The standard streams: what becomes of those that are closed or full, and answers too long for one document."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, TextIO, cast

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text


def open_standard_streams() -> None:
    """Check that the program can write to its standard streams, whatever they are.

    One that it was started without leads nowhere. Its number would otherwise be given to the next file that is opened,
    for example the store, and whatever is written to the number would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # this is the lowest number that is free
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))
    sys.stdout = cast("TextIO", _Indifferent(sys.stdout))
    sys.stderr = cast("TextIO", _Indifferent(sys.stderr))


class _Indifferent:
    """A stream that can always be written to; see :func:`indifferent`. Also libraries and plug-ins write to it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with indifferent(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with indifferent(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def indifferent(stream: IO[Any]) -> Iterator[None]:
    """Go on when an answer cannot be written: nobody reads it, the terminal is gone, or the disk is full.

    The work, and its exit code, do not depend on that.
    """
    try:
        yield
    except OSError:
        _forget(stream)


def _forget(stream: IO[Any]) -> None:
    """Let what a stream still has in memory, and what comes later, go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_lines(lines: Iterable[bytes]) -> bool:
    """Write lines to stdout, and return whether somebody took them all.

    Raises:

        InputError: They cannot be written, for example because the disk is full.
    """
    stdout = sys.stdout.buffer
    try:
        for line in lines:
            stdout.write(line)
        stdout.flush()
    except BrokenPipeError:
        _forget(sys.stdout)
        return False
    except OSError as error:
        _forget(sys.stdout)
        text = Text("{file} cannot be written: {reason}", {"file": "stdout", "reason": error.strerror})
        raise InputError([Problem(field="stdout", message=text)]) from None
    return True
