"""Maintenance: a period in which a target or channel is not called, without alarms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.errors import InMaintenanceError, StoreError
from provisioner.core.api.events import Event
from provisioner.core.api.logs import Logger
from provisioner.core.model import StepError

log = Logger(__name__)

#: How long a process uses the maintenance data that it has read.
REFRESH = timedelta(seconds=5)


@attrs.frozen(kw_only=True)
class Maintenance:
    """The maintenance of one target or channel."""

    #: The name of the target or channel.
    name: str
    since: datetime
    until: datetime
    #: Who started it.
    actor: str
    reason: str = ""

    def error(self) -> InMaintenanceError:
        """Return the error of a call during the maintenance."""
        error = InMaintenanceError(
            "{target} is in maintenance until {end}",
            cure="no action is needed: 'provisioner resume' or the next sweep continues afterwards",
            target=self.name,
            end=self.until,
        )
        error.target, error.until = self.name, self.until
        return error


@attrs.frozen(kw_only=True)
class MaintenanceBegan(Event):
    """The maintenance of a target or channel started, or its end was changed."""

    kind = "maintenance_began"

    #: The name of the target or channel.
    target: str
    until: datetime
    reason: str = ""


@attrs.frozen(kw_only=True)
class MaintenanceEnded(Event):
    """The maintenance of a target or channel ended early. Operations that wait for it can continue."""

    kind = "maintenance_ended"

    #: The name of the target or channel.
    target: str


@attrs.frozen(kw_only=True)
class OperationPutOff(Event):
    """An operation in the journal waits for the end of a maintenance, or until an earlier password can't arrive.

    Meanwhile, its account is free.
    """

    kind = "operation_put_off"

    next_try_at: datetime
    error: StepError


@attrs.define(eq=False, kw_only=True)
class Calendar:
    """Returns which targets and channels are in maintenance now. Threads can share it.

    Args:

        read: Returns the stored maintenance, of this process or another.

        now: The clock.
    """

    _read: Callable[[], Sequence[Maintenance]] = tuple
    _now: Callable[[], datetime]
    _known: Mapping[str, Maintenance] = attrs.field(factory=dict, init=False)
    _known_at: datetime | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def look(self) -> None:
        """Read the current data. If it can't be read, the previous data is used."""
        with self._lock:
            self._known_at = self._now()
            try:
                self._known = {maintenance.name: maintenance for maintenance in self._read()}
            except StoreError as error:
                log.warning("maintenance_not_known", reason=str(error))

    def maintenance(self, name: str) -> Maintenance | None:
        """Return the maintenance of a target or channel; ``None`` if it can be called."""
        now = self._now()
        if self._known_at is None or not self._known_at <= now < self._known_at + REFRESH:
            self.look()
        found = self._known.get(name)
        return found if found and now < found.until else None
