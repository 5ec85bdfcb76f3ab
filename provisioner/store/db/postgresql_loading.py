"""Loads tables of a store on SQLite into PostgreSQL, row by row, with the same values.

Values are taken as SQLite has them and given to PostgreSQL as text, so that nothing is read and written in another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import SQLAlchemyError

from provisioner.core.api.errors import StoreError
from provisioner.core.model.text import Text, visible
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import driver_cursor

#: How many rows are in memory at once, and in one COPY: its driver keeps in memory what the server has not read yet.
_ROWS = 2000


def load(table: Table, source: Database, old: Connection, new: Connection) -> None:
    """Copy all rows of a table.

    Args:

        table: The table, which is empty in the new database.

        source: The database on SQLite.

        old: A connection to it, on which a transaction has begun.

        new: A connection to PostgreSQL on which a transaction has begun. Its time zone is UTC.

    Raises:

        SQLAlchemyError: PostgreSQL failed, or refused a value.

        StoreError: SQLite failed, or a value cannot be stored on PostgreSQL.
    """
    quote = new.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    refused: type[Exception] = new.dialect.loaded_dbapi.DataError
    for rows in _chunks(table, source, old):
        with (
            driver_cursor(new) as cursor,
            _any(cursor).copy(f"COPY {quote(table.name)} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                if bytes in map(type, row):
                    raise _unfit(table, source, row, Text("binary data"))
                try:
                    copy.write_row(row)
                except refused:
                    raise _unfit(table, source, row, Text("a NUL character")) from None


def _any(value: Any) -> Any:
    """Return a cursor of psycopg, which has more methods than those of all drivers."""
    return value


def _chunks(table: Table, source: Database, old: Connection) -> Iterator[Sequence[Sequence[Any]]]:
    query = str(select(*table.columns).order_by(*table.primary_key).compile(dialect=old.dialect))
    try:
        with driver_cursor(old) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                yield rows
    except SQLAlchemyError as error:
        raise source.failure(error) from None


def _unfit(table: Table, source: Database, row: Sequence[Any], what: Text) -> StoreError:
    """Name a row by its key; its other values may be personal data."""
    keys = [value for column, value in zip(table.columns, row, strict=True) if column.primary_key]
    return StoreError(
        "row {key} of table {table} contains {what}, which PostgreSQL cannot store",
        cure="correct the row in the store {place}, and run the command again",
        key=visible(", ".join(str(key) for key in keys)),
        table=table.name,
        what=what,
        place=source.place,
    )
