"""The store: the engine's journal and records, and what imports write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import bindparam, delete, select

from provisioner.core.api.events import Event
from provisioner.core.api.fencing import Lease, elapsed
from provisioner.core.gateways.health import Change, TargetHealth
from provisioner.core.model import Account, Person, Unit
from provisioner.store import master_data, schedule
from provisioner.store.access_requests import StoredForms
from provisioner.store.audit.chain import Head
from provisioner.store.audit.continuity import Continuity, HeadFile, goes_back_to
from provisioner.store.authority import StoredAuthority
from provisioner.store.db import schema
from provisioner.store.db.database import Database
from provisioner.store.db.rows import Row, as_row, put
from provisioner.store.db.tables import target_health
from provisioner.store.held_runs import StoredStaging
from provisioner.store.incidents import StoredTroubles
from provisioner.store.journal.clock import Times
from provisioner.store.journal.leases import Leases
from provisioner.store.journal.owners import new_owner
from provisioner.store.journal.writer import Writer
from provisioner.store.maintenance import StoredMaintenance
from provisioner.store.mobile_marks import MobileMarks

#: How long an account stays held when its process stops renewing the lease.
LEASE_TTL = timedelta(seconds=60)


def _utc_now() -> datetime:
    return datetime.now(UTC)


_HEALTH = select(target_health).where(target_health.c.name == bindparam("this"))
_PUT_HEALTH = put(target_health)
_FORGET_HEALTH = delete(target_health).where(target_health.c.name == bindparam("this"))


class Store(StoredAuthority, StoredForms, StoredMaintenance, StoredStaging, StoredTroubles):
    """A database with all that the product knows, for any number of threads and processes.

    It is the engine's :class:`~provisioner.core.engine.ports.Journal` and
    :class:`~provisioner.core.engine.ports.Records`, and the :class:`~provisioner.core.gateways.health.Health` of its
    breakers. Use it as a context manager, or close it: that frees the accounts that are still held.

    Args:

        database: A database with the tables of this version.

        now: The clock.

        lease_ttl: How long an account stays held when its process stops renewing the lease.

        elapsed: Seconds of a clock that is never set, by which this process counts what is left of its leases.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] = _utc_now,
        lease_ttl: timedelta = LEASE_TTL,
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        super().__init__(database)
        self._now = now
        #: Returns the mark of a mobile number.
        self.mobile_mark = MobileMarks(database.key_file)
        self._leases = Leases(owner=new_owner(), now=now, ttl=lease_ttl, clock=elapsed)
        self._head_file = HeadFile(database.head_file)
        self._writer = Writer(database, self._leases, Continuity(database.place, self._head_file))

    @classmethod
    def create(
        cls,
        url: str,
        *,
        now: Callable[[], datetime] = _utc_now,
        lease_ttl: timedelta = LEASE_TTL,
        elapsed: Callable[[], float] = elapsed,
    ) -> Self:
        """Open the store at *url*, after making it if it is not there; see :meth:`open`.

        Raises:

            StoreError: It cannot be made, or what is there is no store of this version.
        """
        database = Database(url)
        database.reserve()
        _prepare(database, schema.create)
        return cls(database, now=now, lease_ttl=lease_ttl, elapsed=elapsed)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        now: Callable[[], datetime] = _utc_now,
        lease_ttl: timedelta = LEASE_TTL,
        elapsed: Callable[[], float] = elapsed,
    ) -> Self:
        """Open the store at *url*.

        Args:

            url: Where it is, for example ``sqlite:////var/lib/provisioner/store.db``.

            now: The clock.

            lease_ttl: How long an account stays held when its process stops renewing the lease.

            elapsed: Seconds of a clock that is never set, by which this process counts what is left of its leases.

        Raises:

            StoreError: There is none, it is not of this version, or it cannot be read.
        """
        database = Database(url)
        _prepare(database, schema.require)
        return cls(database, now=now, lease_ttl=lease_ttl, elapsed=elapsed)

    @staticmethod
    def migrate(url: str) -> None:
        """Bring the store at *url* up to date, if it is not. Nobody may have it open meanwhile.

        Raises:

            StoreError: There is none, it is newer than this program, or it cannot be written. Nothing was changed.
        """
        schema.migrate(url)

    def write(self, *events: Event) -> None:
        """Store the events and all they change, in one transaction, and return when they are durable.

        Raises:

            BusyError: The operation cannot start, because somebody else holds the account.

            LeaseLostError: The operation is no longer ours. Nothing of these events was stored.

            StoreError: The store failed, or is closed. Nothing of these events was stored.
        """
        if events:
            self._writer.write(events)

    @property
    def head_file(self) -> Path:
        """The file beside the store that remembers how far its audit log went."""
        return self._head_file.path

    def lost_tail(self) -> Head | None:
        """Return where the audit log once ended, if this store ends earlier; ``None`` if no loss is known.

        Raises:

            StoreError: The store cannot be read.
        """
        known = self._head_file.read()
        with self._database.read() as connection:
            return None if known is None or goes_back_to(known, connection) else known

    @property
    def lease_ttl(self) -> timedelta:
        """How long an account stays held when its process stops renewing the lease."""
        return self._leases.ttl

    def lease(self, login: str, operation_id: str) -> Lease:
        """Return the lease of an operation that this process has begun."""
        return self._leases.lease(login, operation_id)

    def save_units(self, saved: Iterable[Unit], *, actor: str = "") -> Sequence[Event]:
        """Add these units, or write them over those with the same code, each change with its event; all or none.

        Args:

            saved: The units. Those that are known as they are change nothing.

            actor: Who changes them.

        Returns:

            The events, for the observers.

        Raises:

            StoreError: A parent does not exist, a unit would be above itself, or the store failed.
        """
        given = {unit.code: unit for unit in saved}
        if not given:
            return ()
        with self._database.write() as connection:
            return master_data.save_units(connection, given, at=self._now(), actor=actor)

    def save_persons(self, saved: Iterable[Person], *, actor: str = "") -> Sequence[Event]:
        """Add these persons, or write them over those with the same id, each change with its event; all or none.

        Args:

            saved: The persons. Those who are known as they are change nothing.

            actor: Who changes them.

        Returns:

            The events, for the observers.

        Raises:

            StoreError: The store, or the key for marks of numbers, failed.
        """
        given = {person.id: person for person in saved}
        if not given:
            return ()
        with self._database.write() as connection:
            return master_data.save_persons(connection, given, at=self._now(), actor=actor, mark=self.mobile_mark)

    def save_deadlines(self, planned: Iterable[Account], *, reached: str | None = None) -> None:
        """Store the next deadline of each of these accounts, unless it was changed since it was read.

        Args:

            planned: Accounts as they were read, with the deadline that follows from that.

            reached: The login up to which all deadlines are computed anew, while that is going on.

        Raises:

            StoreError: The store failed.
        """
        rows = [_as_deadline(account) for account in planned]
        with self._database.write() as connection:
            if rows:
                connection.execute(schedule.SET_DEADLINE, rows)
            if reached is not None:
                connection.execute(schedule.MOVE_CURSOR, {"reached": reached})

    def note_time(self, now: datetime) -> None:
        """Remember that the store was used now, whether anything was written or not.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            Times().note(connection, now)

    def end_rescheduling(self) -> None:
        """Note that all deadlines are computed.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            connection.execute(schedule.MOVE_CURSOR, {"reached": None})

    def change_health(self, name: str, change: Change, /) -> TargetHealth | None:
        """Change what is known of one target or channel, with nobody else in between, and return it.

        Raises:

            StoreError: The store failed. Nothing was changed.
        """
        with self._database.write() as connection:
            row = connection.execute(_HEALTH, {"this": name}).one_or_none()
            after = change(TargetHealth(**row._asdict()) if row else None)
            if after:
                connection.execute(_PUT_HEALTH, as_row(after))
            elif row:
                connection.execute(_FORGET_HEALTH, {"this": name})
        return after

    def close(self) -> None:
        """Finish what was handed over, free the accounts that are still held, and close the database."""
        self._writer.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _prepare(database: Database, prepare: Callable[[Database], None]) -> None:
    try:
        prepare(database)
        schema.check(database)
        database.hold_on()
    except BaseException:
        database.close()
        raise


def _as_deadline(account: Account) -> Row:
    return {
        "this": account.login,
        "as_state": account.state,
        "as_changed": account.password_changed_at,
        "deadline": account.next_deadline,
        "action": account.next_action,
        "closes": account.closes_at,
    }
