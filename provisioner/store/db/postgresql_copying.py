"""Copies a store on PostgreSQL into a file of SQLite while others write to it.

All tables are read in one snapshot, so the copy is of one moment. The server turns values into the texts that SQLite
has for them. Rows come in batches, and the file is written in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Connection, Integer, Table, Text, cast, func, select, type_coerce
from sqlalchemy.exc import SQLAlchemyError

from provisioner import files
from provisioner.core.api.errors import StoreError
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import driver_cursor
from provisioner.store.db.sqlite import SqliteDatabase
from provisioner.store.db.sqlite_copying import make_single
from provisioner.store.db.sqlite_errors import store_error
from provisioner.store.db.tables import metadata, revision
from provisioner.store.db.types import UtcDateTime

#: How many rows are in memory at once.
_ROWS = 2000

#: Between two batches, the server waits for the disk of this machine.
_PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '60s'"


def copy_tables(source: Database, copy: Path) -> None:
    """Copy one state of a store. Writers go on meanwhile, and the copy has nothing of what they write.

    Args:

        source: The database on PostgreSQL.

        copy: The file of the copy, which is not there yet.

    Raises:

        StoreError: It cannot be copied.
    """
    try:
        files.reserve(copy)
        _fill(source, copy)
        with closing(sqlite3.connect(copy)) as connection:
            make_single(connection)
    except (OSError, sqlite3.Error) as error:
        raise store_error(error, str(copy)) from None


def _fill(source: Database, copy: Path) -> None:
    with (
        closing(SqliteDatabase(f"sqlite:///{copy}", rebuilds_tables=True)) as target,
        source.read() as old,
        target.write() as new,
    ):
        with source.failures():
            old.exec_driver_sql(_PATIENCE)
        metadata.create_all(new, checkfirst=False)
        revision.create(new, checkfirst=False)
        for table in (*metadata.sorted_tables, revision):
            _copy(table, source, old, new)


def _copy(table: Table, source: Database, old: Connection, new: Connection) -> None:
    names = ", ".join(column.name for column in table.columns)
    places = ", ".join("?" * len(table.columns))
    insert = f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608 - the tables are ours
    copied = 0
    for rows in _batches(table, source, old):
        with driver_cursor(new) as cursor:
            cursor.executemany(insert, rows)
        copied += len(rows)
    with source.failures():
        wanted = old.execute(select(func.count()).select_from(table)).scalar_one()
    if copied != wanted:
        raise StoreError(
            "table {table} was copied incompletely ({found} of {wanted})",
            table=table.name,
            found=copied,
            wanted=wanted,
        )


def _batches(table: Table, source: Database, old: Connection) -> Iterator[Sequence[Sequence[Any]]]:
    query = select(*map(_as_stored, table.columns)).order_by(*table.primary_key)
    try:
        with old.execute(query, execution_options={"stream_results": True}) as result:
            while rows := result.fetchmany(_ROWS):
                yield rows
    except SQLAlchemyError as error:
        raise source.failure(error) from None


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """Return an expression for the value that a column has on SQLite."""
    if isinstance(column.type, UtcDateTime):
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US")
    if isinstance(column.type, JSON):
        return cast(column, Text)
    return column if isinstance(column.type, Integer) else type_coerce(column, Text)
