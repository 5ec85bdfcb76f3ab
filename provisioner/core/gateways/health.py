"""Stored failures of targets and channels, for all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import attrs

from provisioner.core.model import StepError


@attrs.frozen(kw_only=True)
class TargetHealth:
    """A target or channel that fails. Nothing is stored for one that works."""

    name: str
    #: The first failure without a success since.
    failing_since: datetime
    #: The last stored failure.
    error: StepError
    #: Since when it is quarantined; ``None`` if it is not.
    quarantined_at: datetime | None = None
    #: The reason for which an event was written.
    noticed: str = ""


#: Returns the new state for a stored state; ``None`` is the state of a target that works.
Change = Callable[[TargetHealth | None], TargetHealth | None]


class Health(Protocol):
    """Stores which targets and channels fail. Several processes can share it."""

    def get(self, name: str, /) -> TargetHealth | None:
        """Return the stored state of one target or channel; ``None`` if it works.

        Raises:

            StoreError: The state can't be read.
        """

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        """Change the stored state in one transaction, and return it.

        Raises:

            StoreError: The state can't be written. Nothing was changed.
        """


class MemoryHealth:
    """Keeps the state for the life of the process.

    Args:

        known: The initial state.
    """

    def __init__(self, known: Iterable[TargetHealth] = ()) -> None:
        self._known = {health.name: health for health in known}

    def get(self, name: str, /) -> TargetHealth | None:
        """Return the state of one target or channel."""
        return self._known.get(name)

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        """Change the state, and return it."""
        after = change(self._known.pop(name, None))
        if after:
            self._known[name] = after
        return after
