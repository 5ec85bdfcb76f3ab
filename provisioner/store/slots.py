"""Which worker runs which routine: a slot is taken once, in the store, by the time of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import attrs
from sqlalchemy import bindparam, select, update

from provisioner.core.model.routines import WorkerRoutine
from provisioner.store.db.database import Database
from provisioner.store.db.ports import Transaction
from provisioner.store.db.rows import put
from provisioner.store.db.tables import slots
from provisioner.store.db.transaction import DriverTransaction
from provisioner.store.journal.leases import LONGEST_LEASE
from provisioner.store.journal.owners import owner_is_gone

_READ = select(slots.c.slot_at, slots.c.owner, slots.c.expires_at).where(slots.c.routine == bindparam("this"))
_TAKE = put(slots)
_MINE = (slots.c.routine == bindparam("this"), slots.c.owner == bindparam("mine"))
_RENEW = update(slots).where(*_MINE).values(expires_at=bindparam("expires_at"))
_END = update(slots).where(*_MINE).values(owner=None, expires_at=None)


@attrs.frozen
class _LastSlot:
    """The last slot of a routine that was taken."""

    slot_at: datetime
    #: The process that has not finished it; ``None`` if it was finished.
    owner: str | None
    expires_at: datetime | None

    def is_held(self, now: datetime) -> bool:
        """Whether a process works on it that may be alive."""
        if self.owner is None or self.expires_at is None or owner_is_gone(self.owner):
            return False
        return now < self.expires_at <= now + LONGEST_LEASE


class StoredSlots:
    """The slots of routines in one store.

    Args:

        database: An open store.

        owner: The name of this process.

        now: The clock of this process. PostgreSQL uses its own.

        ttl: How long a slot stays with a process that stops renewing it.
    """

    def __init__(self, database: Database, *, owner: str, now: Callable[[], datetime], ttl: timedelta) -> None:
        self._database = database
        self._owner = owner
        self._now = now
        self._ttl = ttl

    def take(
        self, routine: WorkerRoutine, latest: Callable[[datetime], datetime], *, furthest: timedelta
    ) -> datetime | None:
        """Take the latest slot of a routine, unless another process has taken it.

        A slot whose process has ended without finishing it is taken again. While a process works on a slot, no later
        one of the same routine is taken.

        Args:

            routine: The routine.

            latest: Returns the latest slot at a time, both in UTC.

            furthest: How far ahead of the time a slot may be that was taken before the clock was set back. One that is
                further ahead was taken by a clock that was wrong, and does not count.

        Returns:

            The slot in UTC; ``None`` if there is nothing to do.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            if self._open(DriverTransaction(connection), routine, latest, furthest) is None:
                return None
        with self._database.write() as connection:
            transaction = DriverTransaction(connection)
            found = self._open(transaction, routine, latest, furthest)
            if found is None:
                return None
            slot, now = found
            row = {"routine": routine, "slot_at": slot, "owner": self._owner, "expires_at": now + self._ttl}
            transaction.run(_TAKE, [row])
            return slot

    def renew(self, routine: WorkerRoutine) -> None:
        """Keep the slot of a routine for longer, if this process has it.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            transaction = DriverTransaction(connection)
            expires_at = self._database.time(transaction, self._now) + self._ttl
            transaction.run(_RENEW, [{"this": routine, "mine": self._owner, "expires_at": expires_at}])

    def end(self, routine: WorkerRoutine) -> None:
        """Note that the slot of a routine is finished, if this process has it.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            DriverTransaction(connection).run(_END, [{"this": routine, "mine": self._owner}])

    def give_back(self, routine: WorkerRoutine) -> None:
        """Let another process take the slot of a routine again, if this process has it.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            transaction = DriverTransaction(connection)
            now = self._database.time(transaction, self._now)
            transaction.run(_RENEW, [{"this": routine, "mine": self._owner, "expires_at": now}])

    def _open(
        self,
        transaction: Transaction,
        routine: WorkerRoutine,
        latest: Callable[[datetime], datetime],
        furthest: timedelta,
    ) -> tuple[datetime, datetime] | None:
        """Return the slot that may be taken and the time; ``None`` if there is none."""
        now = self._database.time(transaction, self._now)
        slot = latest(now)
        last = next((_LastSlot(*row) for row in transaction.find(_READ, this=routine)), None)
        if last is None:
            return slot, now
        if last.is_held(now):
            return None
        if slot > last.slot_at or last.slot_at > now + furthest:
            return slot, now
        return (last.slot_at, now) if last.owner is not None else None
