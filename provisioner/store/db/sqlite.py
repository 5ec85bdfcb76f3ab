"""SQLite as the store's database.

It is opened twice. Writers say ``BEGIN IMMEDIATE``: a transaction that reads first and then has to wait for the right
to write would fail at once, whatever the timeout. Readers say ``BEGIN`` and never wait, thanks to the write-ahead log.
Writers also sync every commit to the disk (``synchronous=FULL``). The weaker ``NORMAL`` may forget the last commits
when the power fails; the journal would then not know of a password that was already sent, and a second message would go
out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import tenacity
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Select,
    and_,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError

from provisioner import files
from provisioner.core.api.errors import StoreError
from provisioner.store.db.database import Database
from provisioner.store.db.ports import Rows, Transaction
from provisioner.store.db.prepared import driver_cursor
from provisioner.store.db.sqlite_copying import copy_file, expect_integrity
from provisioner.store.db.sqlite_errors import damaged, linked, store_error
from provisioner.store.db.tables import metadata
from provisioner.store.db.transaction import DriverTransaction

#: How many seconds a writer waits for another one.
BUSY_TIMEOUT = 5.0

#: How many statements a connection keeps parsed: those of the journal for one row, two, four, and so on up to 512.
STATEMENTS = 250


@attrs.define(eq=False)
class SqliteDatabase(Database):
    """A file of SQLite.

    Args:

        address: Where it is, for example ``sqlite:////var/lib/provisioner/store.db``.

        rebuilds_tables: Whether it is opened for migrations; foreign keys are then not checked.

    Raises:

        StoreError: The URL names no file, or a link that somebody else may have made.
    """

    _rebuilds_tables: bool = attrs.field(default=False, kw_only=True)
    _path: Path = attrs.field(init=False)
    #: The device and the number of the file that was opened.
    _identity: tuple[int, int] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        url = _sqlite_url(self._address.url)
        self._path = Path(str(url.database))
        self.place = str(self._path)
        self._expect_own_link()
        self.writer = _engine(url, "BEGIN IMMEDIATE", foreign_keys=not self._rebuilds_tables)
        self.reader = _engine(url, "BEGIN")

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self._path.exists()

    @property
    def key_file(self) -> Path:
        """Where the key for marks of mobile numbers is: beside the file."""
        return self._path.with_name(f"{self._path.name}.key")

    @property
    def head_file(self) -> Path:
        """Where it is remembered how far the audit log went: beside the file."""
        return self._path.with_name(f"{self._path.name}.head")

    @property
    def tables(self) -> MetaData:
        """The tables."""
        return metadata

    def reserve(self) -> None:
        """Make the file if there is none, for nobody else to read."""
        with suppress(OSError):  # SQLite will say it better
            files.reserve(self._path)

    def hold_on(self) -> None:
        """Refuse to go on, from now on, when the file is deleted or another one takes its place."""
        self._identity = self._found()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Begin a transaction in which nobody else writes."""
        with self._same_file(), self.writer.begin() as connection:
            yield connection

    def define(self) -> AbstractContextManager[Connection]:
        """Begin a transaction in which nobody else writes; it needs no tables."""
        return self.begin()

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Begin a transaction that only reads."""
        with self._same_file(), self.reader.begin() as connection:
            yield connection

    def find(self, query: Select[Any], **values: object) -> Rows:
        """Return the rows. One query sees one state by itself; a transaction would take as long as the query."""
        with self.failures(), self._same_file(), self.reader.connect() as connection:
            return DriverTransaction(connection).find(query, **values)

    def error(self, cause: BaseException) -> StoreError:
        """Return an error of the driver as one of ours."""
        if isinstance(cause, UnicodeDecodeError):  # Python cannot read what SQLite says of a damaged schema
            return damaged(self.place)
        return store_error(cause, self.place)

    def time(self, _: Transaction, now: Callable[[], datetime]) -> datetime:
        """Return the time of this process: all processes run on the machine that has the file."""
        return now()

    def contains(self, column: Column[str], letters: Sequence[str]) -> ColumnElement[bool]:
        """Return whether a text matches a pattern. LIKE is several times as fast as GLOB, and excludes most texts."""
        nearly = column.like(f"%{''.join(map(_nearly, letters))}%")
        return and_(nearly, column.bool_op("GLOB")(f"*{''.join(map(_any_of, letters))}*"))

    def bytes_of(self, column: Column[object]) -> str:
        """Return an SQL expression for what a column holds; times are text already."""
        return f"CAST({column} AS BLOB)"

    def kind_of(self, column: Column[object]) -> str:
        """Return an SQL expression for the kind of value: a database shell can put anything into any column."""
        return f"typeof({column})"

    def copy_into(self, folder: Path) -> SqliteDatabase:
        """Copy the file; see :mod:`provisioner.store.db.sqlite_copying`."""
        copy = folder / self._path.name
        with self.read() as connection:
            copy_file(connection, copy)
        return sound_copy(copy, self.place)

    @contextmanager
    def _same_file(self) -> Iterator[None]:
        """Check that the file is there before and after what is done: what is open goes on without it.

        Raises:

            StoreError: It was deleted or moved, or another file is in its place.
        """
        self._expect_same_file()
        yield
        self._expect_same_file()

    def _found(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _expect_same_file(self) -> None:
        if self._identity and self._found() != self._identity:
            raise StoreError(
                "the store {place} was deleted, moved or replaced while it was in use",
                cure="put the right file in its place; then run 'provisioner check' and 'provisioner resume'",
                place=self.place,
            )

    def _expect_own_link(self) -> None:
        try:
            files.expect_own_link(self._path)
        except OSError as error:
            raise linked(self.place, error.strerror) from None


def sound_copy(copy: Path, place: str) -> SqliteDatabase:
    """Return a copy of a store, after it was read whole.

    Args:

        copy: The file.

        place: The name of its original in messages.

    Raises:

        StoreError: Something in it is damaged.
    """
    copied = SqliteDatabase(f"sqlite:///{copy}")
    try:
        with copied.read() as connection:
            expect_integrity(connection, place)
    except BaseException:
        copied.close()
        raise
    return copied


def _sqlite_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError("the store's URL cannot be read", cure="write it as 'sqlite:///FILE'") from None
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        raise StoreError(
            "{url} cannot be a store",
            cure="write it as 'sqlite:///FILE'",
            url=url.render_as_string(hide_password=True),
        )
    return url


def _any_of(letters: str) -> str:
    """Return a pattern: a bracket or a star means itself only in brackets, and a closing one outside of them."""
    return letters if letters in {"]", "-", "^"} else f"[{letters}]"


def _nearly(letters: str) -> str:
    """Return what stands for these letters in a pattern of LIKE, which knows both cases of a to z and no other."""
    one = set(letters.lower())
    return one.pop() if len(one) == 1 and letters.isascii() and letters.isalnum() else "_"


def _engine(url: URL, begin: str, *, foreign_keys: bool = True) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=8,
        max_overflow=-1,
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False, "cached_statements": STATEMENTS},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous=FULL")
        if begin == "BEGIN IMMEDIATE":
            _switch_to_wal(connection)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        with driver_cursor(connection) as cursor:
            cursor.execute(begin)

    return engine


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@tenacity.retry(
    retry=tenacity.retry_if_exception(_is_busy),
    wait=tenacity.wait_fixed(0.01),
    stop=tenacity.stop_after_delay(BUSY_TIMEOUT),
    reraise=True,
)
def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Use the write-ahead log. While somebody else switches too, SQLite refuses without waiting for its timeout."""
    connection.execute("PRAGMA journal_mode=WAL")
