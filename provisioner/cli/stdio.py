"""What reaches stdout and stderr: answers of the product, and nothing secret.

stdout is for the answer of a command, which may be one JSON document. What a plug-in prints while it is called, or from
a thread or a program of its own, goes to stderr. There every line is looked through for secrets: log lines, warnings,
tracebacks of threads and all else that libraries write.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

_STDOUT, _STDERR = 1, 2


def _mask(text: str) -> str:
    # Before the module is there, so is no secret; a command that needs none starts without it.
    masking = sys.modules.get("provisioner.core.model.masking")
    return masking.mask(text) if masking else text


def _is_in_plugin() -> bool:
    plugin_code = sys.modules.get("provisioner.core.gateways.plugin_code")
    return plugin_code is not None and plugin_code.is_running()


class _InFront:
    """A text stream in front of another, which answers all that is not about writing.

    Args:

        stream: The other.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str, /) -> int:
        """Write text."""
        return self.stream.write(text)

    def writelines(self, lines: Iterable[str], /) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)


class Masked(_InFront):
    """Masks secrets line by line. What is flushed before its line ends is masked as far as it is there."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._line = ""
        self._lock = threading.RLock()

    def write(self, text: str, /) -> int:
        """Write text, or keep it until its line ends."""
        with self._lock:
            whole, feed, self._line = (self._line + text).rpartition("\n")
            self._pass_on(whole + feed)
        return len(text)

    def flush(self) -> None:
        """Write what was kept."""
        with self._lock:
            rest, self._line = self._line, ""
            self._pass_on(rest)
            with suppress(OSError, ValueError):
                self.stream.flush()

    def _pass_on(self, text: str) -> None:
        """Write text, unless nobody takes it any more: what is said beside the work must not end it."""
        if text:
            with suppress(OSError, ValueError):
                self.stream.write(_mask(text))


class _Answers(_InFront):
    """Passes on what one thread writes outside of plug-ins; all else goes to another stream.

    Args:

        stream: Where answers go.

        others: Where all else goes.
    """

    def __init__(self, stream: TextIO, others: TextIO) -> None:
        super().__init__(stream)
        self._others = others
        self._thread = threading.get_ident()

    @property
    def buffer(self) -> Any:
        return self._chosen().buffer

    def write(self, text: str, /) -> int:
        """Write text to the one or the other."""
        return self._chosen().write(text)

    def flush(self) -> None:
        """Flush the one or the other."""
        self._chosen().flush()

    def _chosen(self) -> TextIO:
        ours = threading.get_ident() == self._thread and not _is_in_plugin()
        return self.stream if ours else self._others


@contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr until the end of the block. What is written to one that is closed is lost."""
    _open_closed()
    former = sys.stdout, sys.stderr
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stderr = cast("TextIO", Masked(sys.stderr or nowhere))
        sys.stdout = cast("TextIO", _Answers(sys.stdout or nowhere, sys.stderr))
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stdout, sys.stderr = former


@contextmanager
def away_from_stdout() -> Iterator[None]:
    """Let programs that plug-ins start write to stderr where they would write to stdout, until the end of the block."""
    answers: object = sys.stdout
    if not isinstance(answers, _Answers) or not _is_stdout(answers.stream):
        yield
        return
    answers.flush()
    kept, former = os.dup(_STDOUT), answers.stream
    answers.stream = os.fdopen(kept, "w", encoding=former.encoding, errors=former.errors, closefd=False)
    os.dup2(_STDERR, _STDOUT)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            answers.stream.flush()
        os.dup2(kept, _STDOUT)
        os.close(kept)
        answers.stream = former


def _open_closed() -> None:
    """Let closed standard streams lead nowhere. A store that got such a number would have messages written into it."""
    for number in range(_STDERR + 1):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _is_stdout(stream: TextIO) -> bool:
    with suppress(OSError, ValueError):
        return stream.fileno() == _STDOUT
    return False
