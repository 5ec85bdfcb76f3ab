"""Long lists, in pieces that a database takes as the values of one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

ValueT = TypeVar("ValueT")

#: Far below the limits of SQLite (32,766) and PostgreSQL (65,535), and long enough to be quick.
CHUNK = 500


def chunks(values: Iterable[ValueT], size: int = CHUNK) -> Iterator[list[ValueT]]:
    """Yield *values* in lists of at most :data:`CHUNK`, or another number."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


def power_of_two(count: int) -> int:
    """Return the power of two that is as large as *count*, or larger: lists of these lengths need few texts."""
    return 1 << (count - 1).bit_length()
