"""What the phones received, in one SQLite file.

This file is the phones: the one place, apart from memory, where a delivered password may be. Nobody but its owner may
read it. Several processes may use it at once.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import attrs

from provisioner import files
from provisioner.core.api.errors import RefusedError
from provisioner_sms.numbers import parse

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    sender TEXT NOT NULL,
    text TEXT NOT NULL,
    received_at TEXT
)
"""

_ADD = "INSERT INTO messages (id, recipient, sender, text, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

#: Where the plug-in's own texts have the password.
_PASSWORD = re.compile(r"(?:parolaniz|password): (\S+) ")


@attrs.frozen(kw_only=True)
class ReceivedMessage:
    """A message as a phone shows it."""

    #: The id that its sender gave it.
    id: str
    #: The number of the phone, as ``+905321234567``.
    to: str
    sender: str
    text: str = attrs.field(repr=False)
    #: When it arrived; ``None`` while it is on its way.
    received_at: datetime | None

    @property
    def password(self) -> str:
        """The password in the text, if the text is one of the plug-in's own.

        Raises:

            LookupError: There is none.
        """
        match = _PASSWORD.search(self.text)
        if match is None:
            msg = "there is no password in this message"
            raise LookupError(msg)
        return match[1]


@attrs.define(eq=False)
class Inbox:
    """The messages of all phones. Threads can share it.

    Args:

        database: The file; it is made if it is not there.
    """

    database: Path
    #: The connection that all calls share between :meth:`hold_open` and :meth:`close`, one after another.
    _held: sqlite3.Connection | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        files.reserve(self.database)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)

    def take(self, *, message_id: str, to: str, sender: str, text: str, arrives: bool = False) -> bool:
        """Take a message. Return False if one with this id is there already.

        Args:

            message_id: The id that its sender gave it.

            to: The number of the phone.

            sender: Who it comes from.

            text: What it says.

            arrives: Whether it arrives at once, or is on its way until :meth:`deliver`.
        """
        with self._connection() as connection:
            row = (message_id, to, sender, text, datetime.now(UTC).isoformat() if arrives else None)
            cursor = connection.execute(_ADD, row)
            return cursor.rowcount == 1

    def take_all(self, messages: Iterable[ReceivedMessage]) -> None:
        """Take messages, all of which arrive now. Those whose IDs are there already change nothing."""
        now = datetime.now(UTC).isoformat()
        rows = [(one.id, international(one.to), one.sender, one.text, now) for one in messages]
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_ADD, rows)
            connection.execute("COMMIT")

    def deliver(self, message_id: str) -> None:
        """Let a message arrive."""
        with self._connection() as connection:
            connection.execute(
                "UPDATE messages SET received_at = ? WHERE id = ? AND received_at IS NULL",
                (datetime.now(UTC).isoformat(), message_id),
            )

    def find(self, message_id: str) -> ReceivedMessage | None:
        """Return the message with this id, whether it arrived or not."""
        return next(self._select("WHERE id = ?", message_id), None)

    def messages(self, number: str | None = None) -> list[ReceivedMessage]:
        """Return what arrived, the oldest first: on the phone with this number, or on all."""
        arrived = "WHERE received_at IS NOT NULL"
        if number is None:
            return list(self._select(f"{arrived} ORDER BY number"))
        return list(self._select(f"{arrived} AND recipient = ? ORDER BY number", international(number)))

    def _select(self, clause: str, *values: str) -> Iterator[ReceivedMessage]:
        with self._connection() as connection:
            rows = connection.execute(
                f"SELECT id, recipient, sender, text, received_at FROM messages {clause}",  # noqa: S608 - see the callers
                values,
            ).fetchall()
        for message_id, to, sender, text, received_at in rows:
            yield ReceivedMessage(
                id=message_id,
                to=to,
                sender=sender,
                text=text,
                received_at=received_at and datetime.fromisoformat(received_at),
            )

    def hold_open(self) -> None:
        """Keep one connection until :meth:`close`. To open one for each message takes longer than to store it."""
        self._held = self._opened()

    def close(self) -> None:
        """Close the connection that is held. No call may be under way."""
        if self._held:
            self._held.close()
            self._held = None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._held:
            with self._lock:
                yield self._held
        else:
            with closing(self._opened()) as connection:
                yield connection

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.database, timeout=10, isolation_level=None, check_same_thread=False)
        # The last messages may be lost if the machine loses power, which is acceptable in a simulation.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


def international(number: str) -> str:
    """Return *number* as ``+905321234567`` if it can be read as a Turkish mobile number, and as it is if not."""
    try:
        return parse(number, ("TR",))
    except RefusedError:
        return number
