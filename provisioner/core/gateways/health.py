"""What is remembered of targets and channels that fail, beyond the life of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import attrs

from provisioner.core.model import StepError


@attrs.frozen(kw_only=True)
class TargetHealth:
    """A target or channel that does not work. Of one that works, nothing is remembered."""

    name: str
    #: The first failure after which nothing has worked.
    failing_since: datetime
    #: How it failed the last time that was remembered.
    error: StepError
    #: Since when it is left alone until somebody resumes it; ``None`` if it still is tried.
    quarantined_at: datetime | None = None
    #: The reason of which somebody was told.
    noticed: str = ""


#: Turns what is known into what is known from now on; ``None`` stands for one that works.
Change = Callable[[TargetHealth | None], TargetHealth | None]


class Health(Protocol):
    """Remembers which targets and channels fail. Several processes may share one."""

    def get(self, name: str, /) -> TargetHealth | None:
        """Return what is known of one target or channel; ``None`` if it works.

        Raises:

            StoreError: It cannot be read.
        """

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        """Change what is known, with nobody else in between, and return it.

        Raises:

            StoreError: It cannot be written. Nothing was changed.
        """


class MemoryHealth:
    """Remembers as long as the process lives.

    Args:

        known: What is known at the beginning.
    """

    def __init__(self, known: Iterable[TargetHealth] = ()) -> None:
        self._known = {health.name: health for health in known}

    def get(self, name: str, /) -> TargetHealth | None:
        """Return what is known of one target or channel."""
        return self._known.get(name)

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        """Change what is known, and return it."""
        after = change(self._known.pop(name, None))
        if after:
            self._known[name] = after
        return after
