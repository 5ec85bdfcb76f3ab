"""Moves a store from SQLite to PostgreSQL.

While it is copied, a transaction on SQLite keeps everybody else from writing. The copy is one transaction on
PostgreSQL, which is committed first. A process that is killed before that leaves both as they were. One that is killed
between the two commits leaves a whole copy and a store that may still be used: the next move finds out that the
database has what this store has, and only ends what was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Connection, Table, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from provisioner import files
from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import StoreMoved
from provisioner.core.model import OperationState
from provisioner.store.audit.canonical import canonical
from provisioner.store.audit.chain import AuditLogWriter, Head
from provisioner.store.audit.continuity import HeadFile
from provisioner.store.audit.reader import AuditLogReader
from provisioner.store.db import schema
from provisioner.store.db.database import Database
from provisioner.store.db.postgresql_loading import load
from provisioner.store.db.tables import chain_head, events, leases, metadata, operations
from provisioner.store.db.transaction import DriverTransaction
from provisioner.store.journal.leases import Hold

#: Passes on the names of tables, and may look at them.
TableWatch = Callable[[Sequence[str]], Iterable[str]]

_LIMITS = "SET LOCAL lock_timeout = '10s'; SET LOCAL synchronous_commit = on; SET LOCAL TimeZone = 'UTC'"


@attrs.frozen(kw_only=True)
class StoreMove:
    """A store that was moved."""

    #: How many rows were copied.
    rows: int
    #: Where the audit log ends in both databases.
    head: Head


class _RehearsedError(Exception):
    """Ends both transactions without a change."""

    def __init__(self, move: StoreMove) -> None:
        super().__init__()
        self.move = move


@attrs.frozen(kw_only=True)
class Mover:
    """Moves one store.

    Args:

        source: The store, on SQLite.

        destination: A database on PostgreSQL with no tables, or with the empty tables of a store.

        event: The last event of the store that is moved.

        watch: Passes on the names of the tables that are copied, for example past a progress bar.
    """

    _source: Database
    _destination: Database
    _event: StoreMoved
    _watch: TableWatch = iter

    def move(self, *, rehearsal: bool = False) -> StoreMove:
        """Copy everything, compare, and let nobody use the source any more.

        Args:

            rehearsal: Do the same, and undo it in the end.

        Raises:

            StoreError: It cannot be moved. The destination is as it was, and the source still has to be used.
        """
        try:
            # The destination is committed first, because its block is the inner one.
            with self._source.write() as old, self._destination.make() as new:
                move = self._moved(old, new, rehearsal=rehearsal)
        except _RehearsedError as rehearsed:
            return rehearsed.move
        HeadFile(self._destination.head_file).write(move.head)
        return move

    def _moved(self, old: Connection, new: Connection, *, rehearsal: bool) -> StoreMove:
        move = self._move(old, new)
        if rehearsal:
            raise _RehearsedError(move)
        _bring_key(self._source.key_file, self._destination.key_file)
        return move

    def _move(self, old: Connection, new: Connection) -> StoreMove:
        with self._source.failures():
            _expect_idle(self._source, old, self._event.at)
            head = self._verified(self._source, old)
        new.exec_driver_sql(_LIMITS)
        schema.make_tables(self._destination, new)
        schema.expect_revision(self._destination, new)
        new.execute(select(chain_head.c.id).with_for_update())
        if entry := _entry_after(head, new):
            self._finish(old, entry)
            return StoreMove(rows=0, head=Head(seq=entry["seq"], hash=entry["hash"]))
        _expect_empty(self._destination, new)
        with self._source.failures():
            audit_log = AuditLogWriter(DriverTransaction(old))
            audit_log.add(self._event, canonical(self._event))
            audit_log.store()
            schema.retire(old, self._destination.place)
        return StoreMove(rows=self._copy(old, new, head, audit_log.head), head=audit_log.head)

    def _copy(self, old: Connection, new: Connection, *heads: Head) -> int:
        """Copy all rows, and compare both sides. Return how many rows there are."""
        new.execute(delete(chain_head))
        total = 0
        for name in self._watch([table.name for table in metadata.sorted_tables]):
            table = metadata.tables[name]
            self._load(table, old, new)
            count = select(func.count()).select_from(table)
            with self._source.failures():
                wanted = old.execute(count).scalar_one()
            if (found := new.execute(count).scalar_one()) != wanted:
                raise StoreError(
                    "table {table} was copied incompletely ({found} of {wanted})",
                    table=table.name,
                    found=found,
                    wanted=wanted,
                )
            total += wanted
        new.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        self._verified(self._destination, new, heads)
        new.execute(text(f"ANALYZE {', '.join(metadata.tables)}"))
        return total

    def _load(self, table: Table, old: Connection, new: Connection) -> None:
        try:
            load(table, self._source, old, new)
        except SQLAlchemyError as error:
            raise StoreError(
                "table {table} cannot be moved: {reason}",
                table=table.name,
                reason=self._destination.failure(error).text,
            ) from None

    def _finish(self, old: Connection, entry: dict[str, Any]) -> None:
        """Let the source end as the destination says that it ended."""
        with self._source.failures():
            old.execute(insert(events), entry)
            old.execute(update(chain_head).values(seq=entry["seq"], hash=entry["hash"]))
            schema.retire(old, self._destination.place)

    def _verified(self, database: Database, connection: Connection, heads: Iterable[Head] = ()) -> Head:
        """Verify an audit log, and return where it ends."""
        verifier = AuditLogReader(database).verify_on(connection, heads)
        if verifier.finding:
            raise StoreError(
                "the audit log of {place} is not as it was written: {finding}",
                cure="run 'provisioner audit verify', and restore the store from a backup",
                place=database.place,
                finding=verifier.finding.text,
            )
        return Head(seq=verifier.head.seq, hash=verifier.head.hash)


def _expect_idle(source: Database, connection: Connection, now: datetime) -> None:
    """Refuse to move a store while operations are running: their processes would not know of the new store."""
    held = select(leases.c.login, leases.c.operation_id, leases.c.owner, leases.c.expires_at)
    busy = [
        (login, operation_id)
        for login, operation_id, owner, expires_at in connection.execute(held)
        if not Hold(operation_id, owner=owner, expires_at=expires_at).is_free(now)
    ]
    running = select(operations.c.login, operations.c.id).where(operations.c.state == OperationState.RUNNING).limit(1)
    if found := busy or connection.execute(running).all():
        login, operation = found[0]
        raise StoreError(
            "the store {place} is in use: operation {operation} on {login} is running",
            cure="stop the services and timers, run 'provisioner resume', and run the command again",
            place=source.place,
            operation=operation,
            login=login,
        )


def _entry_after(head: Head, new: Connection) -> dict[str, Any] | None:
    """Return the entry with which a move of this very store ended in the destination; ``None`` if there was none."""
    known = new.execute(select(events.c.hash).where(events.c.seq == head.seq)).scalar()
    ending = select(events).where(events.c.seq == head.seq + 1, events.c.kind == StoreMoved.kind)
    row = new.execute(ending).first()
    return row._asdict() if row and known == head.hash else None


def _expect_empty(destination: Database, new: Connection) -> None:
    for table in metadata.sorted_tables:
        query = select(literal(1)).select_from(table).limit(1)
        if table is chain_head:
            query = query.where(chain_head.c.seq > 0)
        if new.execute(query).first():
            raise StoreError(
                "the database {place} is not empty: there are rows in table {table}",
                cure="specify an empty database",
                place=destination.place,
                table=table.name,
            )


def _bring_key(key_file: Path, place: Path) -> None:
    """Copy the key of the marks of mobile numbers, if there is one."""
    try:
        if not key_file.exists():
            return
        files.make_folder(place.parent)
        if place.exists() and place.read_bytes() != key_file.read_bytes():
            raise StoreError(
                "there is another key file {file}, with which marks of mobile numbers could not be compared",
                cure="move the file away if no store needs it, or specify another folder with --store-folder",
                file=place,
            )
        files.write_durably(place, key_file.read_bytes())
    except OSError as error:
        raise StoreError(
            "the key file {file} cannot be copied to {place}: {reason}",
            cure="give this user read access to the file and write access to the folder",
            file=key_file,
            place=place,
            reason=error.strerror,
        ) from None
