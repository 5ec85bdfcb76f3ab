"""Many values, in a private file: they are read again and again, and memory holds a page of them.

The file has no name, so nobody else can open it, and it is gone when the process ends, however it ends.
"""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Generic, TypeVar

from provisioner.core.api.errors import StoreError

ItemT = TypeVar("ItemT")

#: How many octets are kept in memory.
_IN_MEMORY = 256 * 1024

#: How many values are written and read together.
_PAGE = 500


class Spool(Collection[ItemT], Generic[ItemT]):
    """Values in the order in which they were added.

    Args:

        values: The first values.

    Raises:

        StoreError: The folder for temporary files can't be written to.
    """

    def __init__(self, values: Iterable[ItemT] = ()) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)
        self._count = 0
        self.extend(values)

    def extend(self, values: Iterable[ItemT]) -> None:
        """Add values.

        Raises:

            StoreError: The folder for temporary files can't be written to.
        """
        rest = iter(values)
        while page := list(islice(rest, _PAGE)):
            self._write(page)

    def _write(self, page: list[ItemT]) -> None:
        try:
            self._file.seek(0, 2)
            pickle.dump(page, self._file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise no_room(error.strerror or "") from None
        self._count += len(page)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ItemT]:
        place, left = 0, self._count
        while left:
            self._file.seek(place)
            page: list[ItemT] = pickle.load(self._file)  # noqa: S301 - nobody else can write to the file
            place, left = self._file.tell(), left - len(page)
            yield from page

    def __contains__(self, value: object) -> bool:
        return any(each == value for each in self)


def no_room(reason: str) -> StoreError:
    """Return the error of a temporary file that can't be written."""
    return StoreError(
        "a temporary file cannot be written: {reason}",
        cure="make room in the folder for temporary files, or set TMPDIR to another folder",
        reason=reason,
    )
