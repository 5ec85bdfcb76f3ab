"""A list as it was read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, TypeVar

import attrs

from provisioner.core.api.errors import Problem

ItemT = TypeVar("ItemT")


@attrs.frozen(kw_only=True)
class Manifest(Generic[ItemT]):
    """The units or persons of a file, and where each of them stands."""

    #: The file's name, as it was given.
    file: str
    items: Collection[ItemT]
    #: The line of each item by its key, counted from 1, if it can be told.
    lines: Mapping[str, int | None]
    #: What may be right, and should be looked at, in the order of the lines.
    warnings: Sequence[Problem] = ()
    #: Whether the file seems to end too early. What it lacks may be in the rest.
    may_be_truncated: bool = False
