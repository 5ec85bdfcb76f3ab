"""Errors of the parts of a routine, which are raised when all other parts are done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import attrs

from provisioner.core.api.errors import StoreError

ItemT = TypeVar("ItemT")


@attrs.define(eq=False)
class Failures:
    """The errors so far, in their order."""

    _errors: list[Exception] = attrs.field(factory=list, init=False)

    def trying(self, part: Iterator[ItemT]) -> Iterator[ItemT]:
        """Do a part of the routine, and note its error.

        Raises:

            StoreError: The store failed, and nothing more can be done.
        """
        try:
            yield from part
        except StoreError:
            raise
        except Exception as error:
            self._errors.append(error)

    def raise_first(self) -> None:
        """Raise the first error, if there is one.

        Raises:

            Exception: The error.
        """
        if self._errors:
            raise self._errors[0]
