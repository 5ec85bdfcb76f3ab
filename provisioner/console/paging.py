"""Parts of long lists: a page shows one, and says that it is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Self, TypeVar

import attrs

ItemT = TypeVar("ItemT")

#: How many items a part has at most.
_SIZE = 50

#: The longest number of a part that is read.
_DIGITS = 6


@attrs.frozen(kw_only=True)
class Part(Generic[ItemT]):
    """A part of a list."""

    items: Sequence[ItemT]
    #: The field of the query that chooses the part, and its number, from 1.
    field: str
    number: int
    #: How many items the whole list has.
    total: int

    @classmethod
    def of(cls, whole: Sequence[ItemT], query: Mapping[str, str], field: str) -> Self:
        """Return the part of a list that a query asks for, or else the first one.

        Args:

            whole: The whole list.

            query: The query of the address.

            field: The field of the query that chooses the part.
        """
        wanted = query.get(field, "")
        number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) <= _DIGITS else 1
        number = number if 0 < number <= _parts(len(whole)) else 1
        begin = (number - 1) * _SIZE
        return cls(items=whole[begin : begin + _SIZE], field=field, number=number, total=len(whole))

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole list."""
        return len(self.items) == self.total

    @property
    def first(self) -> int:
        """The place of its first item in the list, from 1."""
        return (self.number - 1) * _SIZE + 1

    @property
    def last(self) -> int:
        """The place of its last item in the list."""
        return self.first + len(self.items) - 1

    @property
    def has_next(self) -> bool:
        """Whether another part follows."""
        return self.last < self.total


def _parts(total: int) -> int:
    return -(-total // _SIZE)
