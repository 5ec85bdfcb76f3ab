"""Answers that are too long for one document, line by line on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

from provisioner.core.errors import InputError, Problem
from provisioner.core.text import Text


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
        _forget()
        return False
    except OSError as error:
        _forget()
        text = Text("{file} cannot be written: {reason}", {"file": "stdout", "reason": error.strerror})
        raise InputError([Problem(field="stdout", message=text)]) from None
    return True


def _forget() -> None:
    """Let what stdout still has in memory go nowhere when the program ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
