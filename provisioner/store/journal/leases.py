"""Who may do what to which account: one operation at a time, driven by one process at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self

import attrs
from sqlalchemy import and_, bindparam, delete, literal_column, select, update

from provisioner.core.api.errors import BusyError, LeaseLostError
from provisioner.core.api.events import Event, OperationEnded, OperationEvent, OperationPlanned, OperationStarted
from provisioner.core.api.fencing import Lease, elapsed
from provisioner.core.engine.limits import OperationHeld
from provisioner.core.model import Account, AccountState, OperationState
from provisioner.store.db.ports import Transaction
from provisioner.store.db.tables import accounts, leases, operations
from provisioner.store.journal.owners import owner_is_gone

#: The share of a lease's life that a process does not count on.
MARGIN = 0.1


#: No lease lives for longer than this.
LONGEST_LEASE = timedelta(minutes=10)


@attrs.frozen
class Hold:
    """The operation of one account that has not ended, and who drives it."""

    operation_id: str
    #: How often the operation was begun.
    tries: int = 0
    #: ``None`` if nobody does.
    owner: str | None = None
    expires_at: datetime | None = None
    #: Whether it waits for the release of its run.
    is_staged: bool = False
    #: Where this process holds it: until when that is certain, by its own clock, and whether it was taken from another
    #: process that may still be alive.
    safe_until: float = attrs.field(default=0.0, eq=False)
    contested: bool = attrs.field(default=False, eq=False)

    def is_free(self, now: datetime) -> bool:
        """Whether another process may take it over.

        The end of a lease that no clock can have set rightly is not believed. Who takes over waits in any case until
        the other process must have found that out.
        """
        if self.owner is None or self.expires_at is None or owner_is_gone(self.owner):
            return True
        return self.expires_at <= now or self.expires_at > now + LONGEST_LEASE

    def is_contested(self, owner: str) -> bool:
        """Whether *owner* would take it from another process that may still be alive."""
        return self.owner not in {None, owner} and not owner_is_gone(self.owner or "")


@attrs.frozen
class AccountSnapshot:
    """How one account stands: what a plan rests on, and the operation that is under way."""

    state: AccountState | None = None
    holder: str | None = None
    password_changed_at: datetime | None = None
    hold: Hold | None = None

    @classmethod
    def of(cls, account: Account, hold: Hold | None) -> Self:
        """Return how *account* stands with this hold."""
        return cls(account.state, account.holder, account.password_changed_at, hold)

    def is_the_one_of(self, account: Account) -> bool:
        """Whether a plan that was made for *account* as it is there still fits."""
        return self == AccountSnapshot.of(account, self.hold)


@attrs.define
class AccountSnapshots:
    """How some accounts stand as one transaction sees them, and as the events admitted so far leave them."""

    owner: str
    now: datetime
    #: When a lease that is taken now runs out, for others.
    expires_at: datetime
    #: When it runs out for this process, by its own clock.
    safe_until: float
    _by_login: dict[str, AccountSnapshot]

    def hold(self, login: str) -> Hold | None:
        """Return who holds the account."""
        return self._by_login.get(login, AccountSnapshot()).hold

    def admit(self, events: Sequence[Event]) -> None:
        """Follow all of these events, or none.

        Raises:

            BusyError: Another operation, or another process, holds the account, or has changed what the events rest
                on.

            LeaseLostError: The operation of an event is not driven by this process.
        """
        ahead: dict[str, AccountSnapshot] = {}
        replaced = {event.operation_id for event in events if isinstance(event, OperationEnded) and event.state.ended}
        for event in events:
            if isinstance(event, (OperationEvent, OperationHeld)):
                snapshot = ahead.get(event.login) or self._by_login.get(event.login) or AccountSnapshot()
                if isinstance(event, OperationStarted) and event.operation_id not in replaced:
                    _require_released(event, snapshot.hold)
                ahead[event.login] = self._after(event, snapshot)
        self._by_login.update(ahead)

    def _after(self, event: OperationEvent | OperationHeld, snapshot: AccountSnapshot) -> AccountSnapshot:
        if isinstance(event, OperationPlanned):
            return self._planned(event, snapshot)
        if isinstance(event, OperationStarted):
            return attrs.evolve(snapshot, hold=self._started(event, snapshot.hold))
        hold = snapshot.hold
        if isinstance(event, OperationHeld):
            return attrs.evolve(snapshot, hold=hold and attrs.evolve(hold, is_staged=True))
        if hold is None or (hold.owner, hold.operation_id) != (self.owner, event.operation_id):
            raise LeaseLostError(
                "operation {operation} on {login} was taken over by another process",
                cure="check it with 'provisioner account show {login}'",
                operation=event.operation_id,
                login=event.login,
            )
        if isinstance(event, OperationEnded):
            left = None if event.state.ended else Hold(event.operation_id, hold.tries)
            return AccountSnapshot.of(event.account, left)
        return snapshot

    def _planned(self, event: OperationPlanned, snapshot: AccountSnapshot) -> AccountSnapshot:
        if snapshot.hold:
            raise BusyError(
                "another operation on {login} is not finished",
                cure="wait for it, or run 'provisioner resume'",
                login=event.login,
            )
        account = event.account
        if snapshot.state and not snapshot.is_the_one_of(account):
            # The plan may be to send a password to somebody who has handed the account over meanwhile, or to renew
            # one that was renewed by another sweep.
            raise BusyError(
                "{login} was changed by another process",
                cure="check the account, and run the command again",
                login=event.login,
            )
        is_staged = event.operation.state is OperationState.STAGED
        return AccountSnapshot.of(account, Hold(event.operation_id, event.operation.tries, is_staged=is_staged))

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
                cure="wait; if the process has ended, the account is free by then",
                login=event.login,
                until=hold.expires_at,
            )
        if event.tries != hold.tries + 1:
            # It was planned before another process started the operation, so the effects of that attempt are unknown
            # here.
            raise BusyError(
                "another process has started operation {operation} on {login}",
                cure="run 'provisioner resume'",
                operation=event.operation_id,
                login=event.login,
            )
        return Hold(
            event.operation_id,
            event.tries,
            self.owner,
            self.expires_at,
            safe_until=self.safe_until,
            contested=hold.is_contested(self.owner),
        )


def _require_released(event: OperationStarted, hold: Hold | None) -> None:
    """Check that an operation is not held. It may have been read before it was.

    Raises:

        BusyError: It waits for the release of its run.
    """
    if hold and hold.is_staged:
        raise BusyError(
            "operation {operation} on {login} is held with its run",
            cure="another person has to check it with 'provisioner policy staged' and release it",
            operation=event.operation_id,
            login=event.login,
        )


@attrs.define(eq=False, kw_only=True)
class Leases:
    """The leases of this process. One thread writes them; any thread may ask what is left of one.

    A lease is renewed when a third of its life is over, so that one renewal may be late. Machines that share a store
    must agree on the time far better than that.

    What is left of a lease is counted by a clock of the process, from a moment *before* the lease was written, and a
    tenth of its life less. So it has expired for this process before another one can take it.
    """

    #: The name of this process.
    owner: str
    #: The time by which leases run out.
    time: Callable[[Transaction], datetime]
    #: How long a lease lives if nobody renews it.
    ttl: timedelta
    clock: Callable[[], float] = elapsed
    #: Is told when the first lease runs out if it is not renewed; ``None`` when nothing is held.
    watch: Callable[[float | None], None] = lambda _: None
    #: By login. It is replaced as a whole, so that other threads may read it.
    _held: Mapping[str, Hold] = attrs.field(factory=dict, init=False)
    _renew_at: float = attrs.field(default=0.0, init=False)

    def lease(self, login: str, operation_id: str) -> Lease:
        """Return the lease for this operation."""
        tries: int | None = None

        def left() -> float:
            nonlocal tries
            hold = self._held.get(login)
            if hold is None or hold.operation_id != operation_id:
                return 0.0
            tries = tries or hold.tries  # the lease is taken with the first step, after this was called
            return self._left(hold) if hold.tries == tries else 0.0

        hold = self._held.get(login)
        return Lease(left=left, contested=hold is not None and hold.contested)

    def read(self, transaction: Transaction, logins: Iterable[str]) -> AccountSnapshots:
        """Return how these accounts stand."""
        rows = transaction.find_among(_STANDINGS, "logins", set(logins))
        by_login = {
            login: AccountSnapshot(state, holder, changed, Hold(operation_id, *hold) if operation_id else None)
            for login, state, holder, changed, operation_id, *hold in rows
        }
        safe_until = self._safe_until()
        now = self.time(transaction)
        return AccountSnapshots(
            owner=self.owner, now=now, expires_at=now + self.ttl, safe_until=safe_until, by_login=by_login
        )

    def note(self, snapshots: AccountSnapshots, logins: Iterable[str], renewed: Mapping[str, Hold]) -> None:
        """Remember which of these accounts this process holds, now that it is durable.

        Args:

            snapshots: How they stand.

            logins: The accounts.

            renewed: What :meth:`renew` answered in the same transaction.
        """
        if not self._held:
            self._rest()
        held = dict(renewed)
        for login in logins:
            hold = snapshots.hold(login)
            if hold is None or hold.owner != self.owner:
                held.pop(login, None)
            elif hold.safe_until:
                held[login] = hold
        self.keep(held)

    def keep(self, held: Mapping[str, Hold]) -> None:
        """Remember that this is what this process holds, now that it is durable."""
        self._held = held
        self.watch(min((hold.safe_until for hold in held.values()), default=None))

    def seconds_to_renewal(self) -> float | None:
        """Return how long nothing needs to be renewed; ``None`` if nothing is held."""
        return max(0.0, self._renew_at - time.monotonic()) if self._held else None

    def renew(self, transaction: Transaction) -> Mapping[str, Hold]:
        """Put off the end of what is held, if it is time to, and return what this process then holds.

        A lease that has expired is not renewed, and neither is one that another process has taken.
        """
        if self.seconds_to_renewal() != 0:
            return self._held
        alive = {login: hold for login, hold in self._held.items() if self._left(hold) > 0}
        safe_until = self._safe_until()
        renewal = {"mine": self.owner, "expires_at": self.time(transaction) + self.ttl}
        transaction.queue(_RENEW, [renewal | {"this": login} for login in alive])
        ours = {login for (login,) in transaction.find(_OURS, mine=self.owner)}
        self._rest()
        return {login: attrs.evolve(hold, safe_until=safe_until) for login, hold in alive.items() if login in ours}

    def release(self, transaction: Transaction) -> Mapping[str, Hold]:
        """Give up all that is held; nothing in this process works on it any more."""
        transaction.queue(_RELEASE, [{"mine": self.owner}])
        return {}

    def _left(self, hold: Hold) -> float:
        return hold.safe_until - self.clock()

    def _safe_until(self) -> float:
        """Return until when a lease is safe that is written from now on."""
        return self.clock() + self.ttl.total_seconds() * (1 - MARGIN)

    def _rest(self) -> None:
        self._renew_at = time.monotonic() + self.ttl.total_seconds() / 3


_STANDINGS = (
    select(
        accounts.c.login,
        accounts.c.state,
        accounts.c.holder,
        accounts.c.password_changed_at,
        operations.c.id,
        operations.c.tries,
        leases.c.owner,
        leases.c.expires_at,
        operations.c.state == literal_column(f"'{OperationState.STAGED.value}'"),
    )
    .select_from(
        accounts.outerjoin(
            operations, and_(operations.c.login == accounts.c.login, operations.c.finished_at.is_(None))
        ).outerjoin(leases, and_(leases.c.login == accounts.c.login, leases.c.operation_id == operations.c.id))
    )
    .where(accounts.c.login.in_(bindparam("logins", expanding=True)))
)
_RENEW = (
    update(leases)
    .where(leases.c.owner == bindparam("mine"), leases.c.login == bindparam("this"))
    .values(expires_at=bindparam("expires_at"))
)
_OURS = select(leases.c.login).where(leases.c.owner == bindparam("mine"))
_RELEASE = delete(leases).where(leases.c.owner == bindparam("mine"))
