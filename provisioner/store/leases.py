"""Who may do what to which account: one operation at a time, driven by one process at a time."""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import attrs
from sqlalchemy import Connection, bindparam, delete, select, update

from provisioner.core.errors import BusyError, LeaseLostError
from provisioner.core.events import Event, OperationEnded, OperationPlanned, OperationStarted
from provisioner.store.chunks import chunks
from provisioner.store.owners import owner_is_gone
from provisioner.store.tables import leases, operations


@attrs.frozen(kw_only=True)
class Hold:
    """The operation of one account that has not ended, and who drives it."""

    operation_id: str
    #: ``None`` if nobody does.
    owner: str | None = None
    expires_at: datetime | None = None

    def is_free(self, now: datetime) -> bool:
        """Whether somebody else may take it over."""
        return self.owner is None or self.expires_at is None or self.expires_at <= now or owner_is_gone(self.owner)


@attrs.define
class Holds:
    """The holds of some accounts as one transaction sees them, and as the events admitted so far leave them."""

    owner: str
    now: datetime
    #: When a lease that is taken now runs out.
    expires_at: datetime
    _by_login: dict[str, Hold | None]

    def __getitem__(self, login: str) -> Hold | None:
        return self._by_login.get(login)

    def admit(self, events: Iterable[Event]) -> None:
        """Follow all of these events, or none.

        Raises:

            BusyError: Another operation, or another process, holds the account.

            LeaseLostError: The operation of an event is not driven by this process.
        """
        ahead: ChainMap[str, Hold | None] = ChainMap({}, self._by_login)
        for event in events:
            ahead[event.login] = self._after(event, ahead.get(event.login))
        self._by_login.update(ahead.maps[0])

    def _after(self, event: Event, hold: Hold | None) -> Hold | None:
        if isinstance(event, OperationPlanned):
            return self._planned(event, hold)
        if isinstance(event, OperationStarted):
            return self._started(event, hold)
        if hold is None or (hold.owner, hold.operation_id) != (self.owner, event.operation_id):
            raise LeaseLostError(
                "operation {operation} on {login} was taken over by somebody else",
                cure="see what became of it with 'provisioner account show {login}'",
                operation=event.operation_id,
                login=event.login,
            )
        if isinstance(event, OperationEnded):
            return None if event.state.ended else Hold(operation_id=event.operation_id)
        return hold

    def _planned(self, event: OperationPlanned, hold: Hold | None) -> Hold:
        if hold:
            raise BusyError(
                "another operation on {login} has not ended",
                cure="wait for it, or run 'provisioner resume'",
                login=event.login,
            )
        return Hold(operation_id=event.operation_id)

    def _started(self, event: OperationStarted, hold: Hold | None) -> Hold:
        if hold is None or hold.operation_id != event.operation_id:
            raise BusyError(
                "operation {operation} on {login} has ended already, or was never planned",
                operation=event.operation_id,
                login=event.login,
            )
        if hold.owner != self.owner and not hold.is_free(self.now):
            raise BusyError(
                "{login} is held by another process until {until}",
                cure="wait for it; should the process be gone, the account is free by then",
                login=event.login,
                until=hold.expires_at,
            )
        return Hold(operation_id=event.operation_id, owner=self.owner, expires_at=self.expires_at)


@attrs.define(eq=False, kw_only=True)
class Leases:
    """The leases of this process. Used by the one thread that writes.

    A lease is renewed when a third of its life is over, so that one renewal may be late. Machines that share a store
    must agree on the time far better than that.
    """

    #: The name of this process.
    owner: str
    now: Callable[[], datetime]
    #: How long a lease lives if nobody renews it.
    ttl: timedelta
    _held: set[str] = attrs.field(factory=set, init=False)
    _renew_at: float = attrs.field(default=0.0, init=False)

    def read(self, connection: Connection, logins: Iterable[str]) -> Holds:
        """Return who holds these accounts."""
        by_login: dict[str, Hold | None] = {}
        for chunk in chunks(set(logins)):
            for login, operation_id, owner, expires_at in connection.execute(_HOLDS, {"logins": chunk}):
                by_login[login] = Hold(operation_id=operation_id, owner=owner, expires_at=expires_at)
        now = self.now()
        return Holds(owner=self.owner, now=now, expires_at=now + self.ttl, by_login=by_login)

    def note(self, holds: Holds, logins: Iterable[str]) -> None:
        """Remember which of these accounts this process holds, now that it is durable."""
        if not self._held:
            self._rest()
        for login in logins:
            hold = holds[login]
            if hold and hold.owner == self.owner:
                self._held.add(login)
            else:
                self._held.discard(login)

    def seconds_to_renewal(self) -> float | None:
        """Return how long nothing needs to be renewed; ``None`` if nothing is held."""
        return max(0.0, self._renew_at - time.monotonic()) if self._held else None

    def renew(self, connection: Connection) -> None:
        """Put off the end of all that is held, if it is time to."""
        if self.seconds_to_renewal() == 0:
            connection.execute(_RENEW, {"mine": self.owner, "expires_at": self.now() + self.ttl})
            self._rest()

    def release(self, connection: Connection) -> None:
        """Give up all that is held; nobody in this process drives it any more."""
        connection.execute(_RELEASE, {"mine": self.owner})
        self._held.clear()

    def _rest(self) -> None:
        self._renew_at = time.monotonic() + self.ttl.total_seconds() / 3


_HOLDS = (
    select(operations.c.login, operations.c.id, leases.c.owner, leases.c.expires_at)
    .outerjoin_from(operations, leases, leases.c.login == operations.c.login)
    .where(operations.c.finished_at.is_(None), operations.c.login.in_(bindparam("logins", expanding=True)))
)
_RENEW = update(leases).where(leases.c.owner == bindparam("mine"))
_RELEASE = delete(leases).where(leases.c.owner == bindparam("mine"))
