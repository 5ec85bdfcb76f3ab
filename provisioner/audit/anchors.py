"""Anchors: heads of the audit log, stored where persons who can change the store can't change them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from provisioner import files
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text
from provisioner.store.audit.canonical import iso
from provisioner.store.audit.chain import Head

#: A place and a hash; the text after them is for people.
_ANCHOR = re.compile(r"(0|[1-9][0-9]{0,18}):([0-9a-f]{64})(?:\s.*)?", re.IGNORECASE)


def anchor_line(head: Head, at: datetime) -> str:
    """Return an anchor as one line.

    Args:

        head: The end of the audit log.

        at: When it was there.
    """
    return f"{head.seq}:{head.hash} {iso(at)}"


def parse_anchor(line: str) -> Head:
    """Return the anchor in one line.

    Raises:

        ValueError: There is none.
    """
    found = _ANCHOR.fullmatch(line.strip())
    if found is None:
        raise ValueError("this is no anchor")
    return Head(seq=int(found[1]), hash=found[2].lower())


def read_anchors(file: Path) -> list[Head]:
    """Return the anchors in a file: one in each line, beside empty lines and those that begin with ``#``.

    Raises:

        InputError: The file cannot be read, or some of its lines are no anchors; all of them are named.
    """
    anchors, problems = [], []
    for number, line in enumerate(_lines(file), start=1):
        try:
            anchors.append(parse_anchor(line))
        except ValueError:
            if line.strip() and not line.startswith("#"):
                problems.append(_problem(file, number, Text("it is not an anchor, such as 12:9f86d0… with 64 digits")))
    if problems:
        raise InputError(problems)
    return anchors


def append_anchor(file: Path, line: str) -> None:
    """Add an anchor to a file, which is made if it is not there.

    Raises:

        InputError: It cannot be written.
    """
    try:
        files.append(file, f"{line}\n")
    except OSError as error:
        text = Text("{file} cannot be written: {reason}", {"file": file, "reason": error.strerror})
        raise InputError([_problem(file, None, text)]) from None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError([_problem(file, None, unreadable(error))]) from None


def unreadable(error: OSError) -> Text:
    """Return why a file cannot be read."""
    return Text("it cannot be read: {reason}", {"reason": error.strerror})


def _problem(file: Path, line: int | None, message: Text) -> Problem:
    return Problem(file=str(file), line=line, field="anchor", message=message)
