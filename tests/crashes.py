"""Crashes of the process at a write of the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from provisioner.core.api.events import Event


def crash_before(kind: type[Event]) -> Callable[[Sequence[Event]], None]:
    """Return a function for ``on_record`` of the harness that ends the process before such an event is stored."""

    def crash(events: Sequence[Event]) -> None:
        if any(isinstance(event, kind) for event in events):
            raise KeyboardInterrupt

    return crash
