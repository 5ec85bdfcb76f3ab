"""The store: the engine's journal and records, and what imports write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import update

from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import Event, StoreMoved
from provisioner.core.api.fencing import Lease, elapsed
from provisioner.core.engine.lease_timer import LeaseTimer
from provisioner.core.model.days import utc_now
from provisioner.store.access_requests import StoredAccessRequests
from provisioner.store.accounts import StoredAccounts
from provisioner.store.address import StoreAddress
from provisioner.store.audit.chain import Head
from provisioner.store.audit.continuity import Continuity, HeadFile, goes_back_to
from provisioner.store.census import StoredCensus
from provisioner.store.db import schema
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import chain_head
from provisioner.store.db.transaction import DriverTransaction
from provisioner.store.deliveries import StoredDeliveries
from provisioner.store.health import StoredHealth
from provisioner.store.journal.clock import StoredClock
from provisioner.store.journal.leases import Leases
from provisioner.store.journal.owners import new_owner
from provisioner.store.journal.writer import Writer
from provisioner.store.journal.writes import note_write
from provisioner.store.keyed_requests import StoredKeyedRequests
from provisioner.store.lazy import lazy_part
from provisioner.store.maintenance import StoredMaintenance
from provisioner.store.marks import StoredMarks
from provisioner.store.message_counts import StoredMessageCounts
from provisioner.store.mobile_marks import MobileMarks
from provisioner.store.notices import StoredNotices
from provisioner.store.operations import StoredOperations
from provisioner.store.persons import StoredPersons
from provisioner.store.role_assignments import StoredRoleAssignments
from provisioner.store.schedule import StoredSchedule
from provisioner.store.slots import StoredSlots
from provisioner.store.units import StoredUnits

if TYPE_CHECKING:
    from provisioner.store.audit.reader import AuditLogReader
    from provisioner.store.collectors import StoredCollectors
    from provisioner.store.comparisons import StoredComparisons
    from provisioner.store.copies import StoreCopy
    from provisioner.store.credentials import StoredCredentialRotations
    from provisioner.store.handovers import StoredHandovers
    from provisioner.store.held_runs import StoredHeldRuns
    from provisioner.store.ids import StoredIds
    from provisioner.store.incidents import StoredIncidents
    from provisioner.store.last_seen import StoredLastSeen
    from provisioner.store.moves import StoreMove, TableWatch
    from provisioner.store.queue.chunks import ChunkQueue
    from provisioner.store.routines import StoredRoutines
    from provisioner.store.search import StoredSearch
    from provisioner.store.tokens import StoredTokens
    from provisioner.store.verifications import StoredVerifications

#: How long an account stays held when its process stops renewing the lease.
LEASE_TTL = timedelta(seconds=60)


class Store:
    """A database with all that the product knows, for any number of threads and processes.

    It is the engine's :class:`~provisioner.core.engine.ports.Journal`; each attribute reads, and some write, the
    records of one noun. Use it as a context manager, or close it: that frees the accounts that are still held.

    Args:

        database: A database with the tables of this version.

        now: The clock.

        lease_ttl: How long an account stays held when its process stops renewing the lease.

        elapsed: Seconds of a clock that is never set, by which this process counts what is left of its leases.

        timer: Ends this process if it doesn't renew its leases in time.
    """

    # Few commands use the following parts.

    #: The entries of the audit log.
    audit_log: cached_property[AuditLogReader] = lazy_part("audit.reader:AuditLogReader")
    #: How far the log collectors have come.
    collectors: cached_property[StoredCollectors] = lazy_part("collectors:StoredCollectors")
    #: The comparisons of targets with the journal.
    comparisons: cached_property[StoredComparisons] = lazy_part("comparisons:StoredComparisons")
    #: The unfinished rotations of the credentials of targets.
    credential_rotations: cached_property[StoredCredentialRotations] = lazy_part(
        "credentials:StoredCredentialRotations"
    )
    #: The records of handovers.
    handovers: cached_property[StoredHandovers] = lazy_part("handovers:StoredHandovers")
    #: The runs that the mass-change limit holds.
    held_runs: cached_property[StoredHeldRuns] = lazy_part("held_runs:StoredHeldRuns")
    #: Finds the IDs that begin with what people type.
    ids: cached_property[StoredIds] = lazy_part("ids:StoredIds")
    #: The reports of problems with a login.
    incidents: cached_property[StoredIncidents] = lazy_part("incidents:StoredIncidents")
    #: When accounts were last seen on targets.
    last_seen: cached_property[StoredLastSeen] = lazy_part("last_seen:StoredLastSeen")
    #: The last runs of routines.
    routines: cached_property[StoredRoutines] = lazy_part("routines:StoredRoutines")
    #: Finds accounts by what people know of them.
    search: cached_property[StoredSearch] = lazy_part("search:StoredSearch")
    #: The tokens of the API.
    tokens: cached_property[StoredTokens] = lazy_part("tokens:StoredTokens")
    #: What the verification of accounts found.
    verifications: cached_property[StoredVerifications] = lazy_part("verifications:StoredVerifications")

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] = utc_now,
        lease_ttl: timedelta = LEASE_TTL,
        elapsed: Callable[[], float] = elapsed,
        timer: LeaseTimer | None = None,
    ) -> None:
        self._database = database
        #: The time of the store: that of the server on PostgreSQL, otherwise that of this process.
        self.now = database.clock(now)
        #: Whether this process has written events.
        self.has_written = False
        #: Returns the mark of a mobile number.
        self.mobile_mark = MobileMarks(database.key_file)
        self.units = StoredUnits(database, now)
        self.persons = StoredPersons(database, now, self.mobile_mark)
        self.accounts = StoredAccounts(database)
        self.operations = StoredOperations(database)
        self.deliveries = StoredDeliveries(database)
        self.message_counts = StoredMessageCounts(database)
        self.census = StoredCensus(database)
        self.access_requests = StoredAccessRequests(database)
        self.role_assignments = StoredRoleAssignments(database)
        self.schedule = StoredSchedule(database)
        self.marks = StoredMarks(database)
        self.notices = StoredNotices(database)
        self.clock = StoredClock(database)
        self.health = StoredHealth(database)
        self.maintenance = StoredMaintenance(database)
        owner = new_owner()
        self.keyed_requests = StoredKeyedRequests(database, owner=owner)
        self.slots = StoredSlots(database, owner=owner, now=now, ttl=lease_ttl)
        self._leases = Leases(
            owner=owner, time=lambda connection: database.time(connection, now), ttl=lease_ttl, clock=elapsed
        )
        if timer:
            self._leases.watch = partial(timer.set, owner)
        self._head_file = HeadFile(database.head_file)
        self._writer = Writer(database, self._leases, Continuity(database.place, self._head_file))

    @classmethod
    def create(
        cls,
        address: StoreAddress | str,
        *,
        now: Callable[[], datetime] = utc_now,
        lease_ttl: timedelta = LEASE_TTL,
        elapsed: Callable[[], float] = elapsed,
    ) -> Self:
        """Open the store at *address*, after making it if it is not there; see :meth:`open`.

        Raises:

            StoreError: It cannot be made, or what is there is no store of this version.
        """
        database = database_at(address)
        database.reserve()
        _prepare(database, schema.create)
        return cls(database, now=now, lease_ttl=lease_ttl, elapsed=elapsed)

    @classmethod
    def open(
        cls,
        address: StoreAddress | str,
        *,
        now: Callable[[], datetime] = utc_now,
        lease_ttl: timedelta = LEASE_TTL,
        elapsed: Callable[[], float] = elapsed,
        timer: LeaseTimer | None = None,
        beside: Self | None = None,
    ) -> Self:
        """Open the store at *address*.

        Args:

            address: Where it is; or only its URL, for example ``sqlite:////var/lib/provisioner/store.db``.

            now: The clock.

            lease_ttl: How long an account stays held when its process stops renewing the lease.

            elapsed: Seconds of a clock that is never set, by which this process counts what is left of its leases.

            timer: Ends this process if it doesn't renew its leases in time.

            beside: Another open store of this process, which is closed later. If it is the same one on a server, its
                connections are shared.

        Raises:

            StoreError: There is none, it is not of this version, or it cannot be read.
        """
        database = database_at(address, beside=beside.database if beside else None)
        _prepare(database, schema.require)
        return cls(database, now=now, lease_ttl=lease_ttl, elapsed=elapsed, timer=timer)

    @staticmethod
    def migrate(address: StoreAddress | str) -> None:
        """Bring the store at *address* up to date, if it is not. Nobody may have it open meanwhile.

        Raises:

            StoreError: There is none, it is newer than this program, or it cannot be written. Nothing was changed.
        """
        schema.migrate(address)

    def write(self, *events: Event) -> None:
        """Store the events and all they change, in one transaction, and return when they are durable.

        Raises:

            BusyError: The operation cannot start, because somebody else holds the account.

            LeaseLostError: The operation is no longer ours. Nothing of these events was stored.

            StoreError: The store failed, or is closed. Nothing of these events was stored, unless the answer of a
                server to the commit was lost.
        """
        if not events:
            return
        try:
            self._writer.write(events)
        except StoreError:
            if self._database.answers_get_lost:
                self._note_write()
            raise
        self._note_write()

    def _note_write(self) -> None:
        self.has_written = True
        note_write()

    @property
    def database(self) -> Database:
        """The database, for another store that shares its connections."""
        return self._database

    @property
    def place(self) -> str:
        """The name of the database in messages."""
        return self._database.place

    @property
    def head_file(self) -> Path:
        """The file beside the store that remembers how far its audit log went."""
        return self._head_file.path

    def copy_to(self, folder: Path) -> StoreCopy:
        """Write a copy of one state of the store into an empty folder, while others go on writing.

        With it are the key of the marks of mobile numbers, if there is one, and the file that remembers how far the
        audit log went: see :class:`~provisioner.store.copies.StoreCopy`.

        Raises:

            StoreError: The copy cannot be made, or something in it is damaged.
        """
        from provisioner.store.copies import copy_store

        return copy_store(self._database, folder)

    def move_into(
        self, destination: Database, event: StoreMoved, *, rehearsal: bool = False, watch: TableWatch = iter
    ) -> StoreMove:
        """Move a store on SQLite to PostgreSQL; see :class:`~provisioner.store.moves.Mover`.

        Afterwards, nobody can write to this store, and nobody can open it.

        Args:

            destination: A database on PostgreSQL with no tables, or with the empty tables of a store.

            event: The last event of this store.

            rehearsal: Do the same, and undo it in the end.

            watch: Passes on the names of the tables that are copied, for example past a progress bar.

        Raises:

            StoreError: It cannot be moved, and this store still has to be used.
        """
        from provisioner.store.moves import Mover

        self.expect_current()
        return Mover(source=self._database, destination=destination, event=event, watch=watch).move(rehearsal=rehearsal)

    def require_writable(self) -> None:
        """Check that a change is stored. One transaction makes it and restores what was there.

        Raises:

            StoreError: It isn't, for example because no space is left, or because the server is a stand-by.
        """
        with self._database.write() as connection:
            for step in (1, -1):
                connection.execute(update(chain_head).values(seq=chain_head.c.seq + step))

    def require_own_sessions(self) -> None:
        """Check that no pool lets several connections share a session of the server.

        Raises:

            StoreError: One does, or the store cannot be read.
        """
        self._database.require_own_sessions()

    def lost_tail(self) -> Head | None:
        """Return where the audit log once ended, if this store ends earlier; ``None`` if no loss is known.

        Raises:

            StoreError: The store cannot be read.
        """
        known = self._head_file.read()
        with self._database.read() as connection:
            return None if known is None or goes_back_to(known, DriverTransaction(connection)) else known

    def expect_current(self) -> None:
        """Check that no older copy of the store took its place, by which its last changes would be lost.

        Raises:

            StoreError: One did, or the store cannot be read.
        """
        if lost := self.lost_tail():
            raise StoreError(
                "the store is older than event {seq} of the audit log, because a backup was restored; accounts may "
                "have been closed or handed over since then",
                cure="resolve the differences that 'provisioner reconcile' shows, then remove {file}",
                seq=lost.seq,
                file=self.head_file,
            )

    @property
    def lease_ttl(self) -> timedelta:
        """How long an account stays held when its process stops renewing the lease."""
        return self._leases.ttl

    def lease(self, login: str, operation_id: str) -> Lease:
        """Return the lease of an operation that this process has begun."""
        return self._leases.lease(login, operation_id)

    def queue(self) -> ChunkQueue:
        """Return the queue by which workers share operations.

        Raises:

            StoreError: The store is not on PostgreSQL, or procrastinate is not installed.
        """
        from provisioner.store.queue.chunks import ChunkQueue

        return ChunkQueue(self._database)

    def share_operations(self) -> ChunkQueue:
        """Hand operations to workers in the transaction that plans them, from now on, and return the queue.

        Raises:

            StoreError: There is no queue.
        """
        queue = self.queue()
        queue.require()
        self._writer.hand_out = queue.enqueue
        return queue

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
