"""Copies a file of SQLite while others write to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, text

from provisioner import files
from provisioner.store.db.sqlite_errors import damaged, store_error

#: How many pages are copied at once; between two steps, the command can be stopped.
_PAGES = 4096


def copy_file(connection: Connection, copy: Path) -> None:
    """Copy one state of a database. Writers go on meanwhile, and the copy has nothing of what they write.

    Args:

        connection: One on which a reading transaction has begun.

        copy: The file of the copy, which is not there yet.

    Raises:

        StoreError: It cannot be copied.
    """
    _hold_state(connection)
    source = cast("sqlite3.Connection", connection.connection.driver_connection)
    try:
        files.reserve(copy)
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target, pages=_PAGES)
            make_single(target)
    except (OSError, sqlite3.Error) as error:
        raise store_error(error, str(copy)) from None


def make_single(connection: sqlite3.Connection) -> None:
    """Make a copy one file that needs no other. The program that opens it uses the write-ahead log again."""
    connection.execute("PRAGMA journal_mode=DELETE")


def expect_integrity(connection: Connection, place: str) -> None:
    """Read a whole copy.

    Args:

        connection: One to the copy.

        place: The name of its original in messages.

    Raises:

        StoreError: Something in it is damaged.
    """
    found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
    dangling = connection.execute(text("PRAGMA foreign_key_check")).first()
    if list(found) != ["ok"] or dangling:
        raise damaged(place)


def _hold_state(connection: Connection) -> None:
    """Hold on to the present state. SQLite would otherwise start the copy again after each change."""
    connection.execute(text("SELECT count(*) FROM alembic_version"))
