"""Maintenance: somebody works on a target or channel, so it is not called until that is over, and nobody is alarmed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs
import structlog

from provisioner.core.api.errors import InMaintenanceError, StoreError
from provisioner.core.api.events import Event
from provisioner.core.model import StepError

log = structlog.stdlib.get_logger(__name__)

#: How long a process relies on what it read of maintenance before it reads again.
REFRESH = timedelta(seconds=5)


@attrs.frozen(kw_only=True)
class Maintenance:
    """One target or channel that is not to be called for a while."""

    #: The name of the target or channel.
    name: str
    since: datetime
    until: datetime
    #: Who said so.
    actor: str
    reason: str = ""

    def error(self) -> InMaintenanceError:
        """Return what a call that is not made raises."""
        error = InMaintenanceError(
            "{target} is in maintenance until {end}",
            cure="nothing needs to be done: 'provisioner resume' or the next sweep carries on after that",
            target=self.name,
            end=self.until,
        )
        error.target, error.until = self.name, self.until
        return error


@attrs.frozen(kw_only=True)
class MaintenanceBegan(Event):
    """A target or channel is not to be called for a while, or for another while than was said before."""

    kind = "maintenance_began"

    #: The name of the target or channel.
    target: str
    until: datetime
    reason: str = ""


@attrs.frozen(kw_only=True)
class MaintenanceEnded(Event):
    """A target or channel may be called again before the time that was given; what waits for it may go on."""

    kind = "maintenance_ended"

    #: The name of the target or channel.
    target: str


@attrs.frozen(kw_only=True)
class OperationPutOff(Event):
    """An operation that is in the journal waits for the end of a maintenance. Nobody holds its account meanwhile."""

    kind = "operation_put_off"

    next_try_at: datetime
    error: StepError


@attrs.define(eq=False, kw_only=True)
class Calendar:
    """Tells which targets and channels are in maintenance now. Threads may share one.

    Args:

        read: Returns what was said of maintenance, in this process or another.

        now: The clock.
    """

    _read: Callable[[], Sequence[Maintenance]] = tuple
    _now: Callable[[], datetime]
    _known: Mapping[str, Maintenance] = attrs.field(factory=dict, init=False)
    _known_at: datetime | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def look(self) -> None:
        """Read what is known now. If it cannot be read, what was known holds."""
        with self._lock:
            self._known_at = self._now()
            try:
                self._known = {maintenance.name: maintenance for maintenance in self._read()}
            except StoreError as error:
                log.warning("maintenance_not_known", reason=str(error))

    def maintenance(self, name: str) -> Maintenance | None:
        """Return the maintenance of a target or channel; ``None`` if it may be called."""
        now = self._now()
        if self._known_at is None or not self._known_at <= now < self._known_at + REFRESH:
            self.look()
        found = self._known.get(name)
        return found if found and now < found.until else None
