"""The service's SQLite file. Several processes may have it open at once, and any of them may be killed at any time."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue

import attrs

from provisioner import files
from provisioner_pys.mock.documents import Change, PersonDocument, UnitDocument

#: How long a change can be undone.
UNDO_SECONDS = 900
#: How long one process waits for another one's transaction.
BUSY_SECONDS = 10

SCHEMA = """
CREATE TABLE IF NOT EXISTS persons (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, unit TEXT, title TEXT NOT NULL, mobile TEXT, supervisor TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (
    code TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, parent TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    login TEXT PRIMARY KEY, unit TEXT NOT NULL, holder TEXT, enabled INTEGER NOT NULL,
    password_hash TEXT NOT NULL, changed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS undos (
    login TEXT PRIMARY KEY, operation TEXT NOT NULL, token TEXT NOT NULL, expires_at REAL NOT NULL, former TEXT NOT NULL
) WITHOUT ROWID;
"""


class DatabaseError(Exception):
    """The file cannot be used."""


class UndoGoneError(Exception):
    """The change cannot be undone any more."""


@attrs.frozen(kw_only=True)
class StoredAccount:
    """An account as it is kept."""

    login: str
    unit: str
    holder: str | None
    enabled: bool = attrs.field(converter=bool)
    password_hash: str = attrs.field(repr=False)
    changed_at: str


@attrs.define(eq=False)
class MockDatabase:
    """One SQLite file, and as many connections to it as there are threads at work."""

    _file: Path
    _idle: LifoQueue[sqlite3.Connection] = attrs.field(factory=LifoQueue, init=False)
    #: SQLite makes writers sleep and try again; within one process they can stand in line.
    _writing: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def open(cls, file: Path) -> MockDatabase:
        """Open the file, and make it if it is not there.

        Raises:

            DatabaseError: It cannot be made, read or written, or is something else.
        """
        database = cls(file)
        try:
            files.reserve(file)
            database._prepare()
        except (OSError, sqlite3.Error) as error:
            database.close()
            raise DatabaseError(getattr(error, "strerror", None) or str(error)) from error
        return database

    def close(self) -> None:
        """Close the connections. No thread may use the database any more."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def seed(self, people: Iterable[PersonDocument] = (), units: Iterable[UnitDocument] = ()) -> None:
        """Add people and units, or update those that are there."""
        with self._transaction() as connection:
            connection.executemany("REPLACE INTO persons VALUES (?, ?, ?, ?, ?, ?)", map(attrs.astuple, people))
            connection.executemany("REPLACE INTO units VALUES (?, ?, ?, ?)", map(attrs.astuple, units))

    def person(self, person_id: str) -> PersonDocument | None:
        """Return a person."""
        row = self._row("SELECT * FROM persons WHERE id = ?", person_id)
        return PersonDocument(**row) if row else None

    def unit(self, code: str) -> UnitDocument | None:
        """Return a unit."""
        row = self._row("SELECT * FROM units WHERE code = ?", code)
        return UnitDocument(**row) if row else None

    def account(self, login: str) -> StoredAccount | None:
        """Return an account."""
        with self._connection() as connection:
            return _account(connection, login)

    def accounts(self, after: str, at_most: int) -> list[StoredAccount]:
        """Return the accounts whose logins come after this one, in the order of their logins."""
        with self._connection() as connection:
            query = "SELECT * FROM accounts WHERE login > ? ORDER BY login LIMIT ?"
            return [StoredAccount(**row) for row in connection.execute(query, (after, at_most)).fetchall()]

    def change(self, login: str, operation: str, make: Callable[[StoredAccount | None], StoredAccount]) -> Change:
        """Change an account.

        Args:

            login: Which one.

            operation: What the change is a part of. Undoing a change that was repeated leads to where the account
                was before the first attempt, not before the last one.

            make: Returns the account as it shall be, from what it is. It may raise, and then nothing happens.
        """
        with self._transaction() as connection:
            former = _account(connection, login)
            account = make(former)
            if account == former:
                return Change(changed=False)
            _save(connection, account)
            return Change(changed=True, undo_token=_remember(connection, login, operation, former))

    def delete(self, login: str) -> bool:
        """Forget an account, and whatever could bring it back. Return whether there was one."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM undos WHERE login = ?", (login,))
            return connection.execute("DELETE FROM accounts WHERE login = ?", (login,)).rowcount == 1

    def undo(self, login: str, token: str) -> Change:
        """Take the account's last change back.

        Raises:

            UndoGoneError: It is too late, or *token* is not that of the last change.
        """
        with self._transaction() as connection:
            row = connection.execute(
                "DELETE FROM undos WHERE login = ? AND token = ? AND expires_at > ? RETURNING former",
                (login, token, time.time()),
            ).fetchone()
            if row is None:
                raise UndoGoneError
            former = json.loads(row["former"])
            if former is None:
                connection.execute("DELETE FROM accounts WHERE login = ?", (login,))
            else:
                _save(connection, StoredAccount(**former))
            return Change(changed=True)

    def _prepare(self) -> None:
        with self._connection() as connection:
            _write_ahead(connection)
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")

    def _row(self, query: str, key: str) -> sqlite3.Row | None:
        with self._connection() as connection:
            row: sqlite3.Row | None = connection.execute(query, (key,)).fetchone()
            return row

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = _connect(self._file)
        try:
            yield connection
        finally:
            self._idle.put(connection)


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:  # the first statement is also the first to find out that the file is no database
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. While another process does so too, SQLite refuses without waiting for its time-out."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _account(connection: sqlite3.Connection, login: str) -> StoredAccount | None:
    row = connection.execute("SELECT * FROM accounts WHERE login = ?", (login,)).fetchone()
    return StoredAccount(**row) if row else None


def _save(connection: sqlite3.Connection, account: StoredAccount) -> None:
    connection.execute("REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?)", attrs.astuple(account))


def _remember(connection: sqlite3.Connection, login: str, operation: str, former: StoredAccount | None) -> str | None:
    """Keep what the account was before the operation, and return the token that brings it back."""
    kept = connection.execute("SELECT * FROM undos WHERE login = ?", (login,)).fetchone()
    if operation and kept and kept["operation"] == operation:
        return str(kept["token"]) if kept["expires_at"] > time.time() else None
    token = secrets.token_urlsafe(16)
    state = json.dumps(attrs.asdict(former) if former else None)
    connection.execute(
        "REPLACE INTO undos VALUES (?, ?, ?, ?, ?)", (login, operation, token, time.time() + UNDO_SECONDS, state)
    )
    return token
