"""What the store asks of its database; each kind of database answers in a module of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import attrs
from sqlalchemy import Column, ColumnElement, Connection, Engine, MetaData, Select
from sqlalchemy.exc import SQLAlchemyError

from provisioner.core.api.errors import StoreError
from provisioner.store.address import StoreAddress, address_of
from provisioner.store.db.ports import Rows, Transaction
from provisioner.store.db.transaction import DriverTransaction


@attrs.define(eq=False)
class Database(ABC):
    """One database with an engine to read and one to write.

    Args:

        address: Where it is.

    Raises:

        StoreError: The URL names nothing that can be a store.
    """

    _address: StoreAddress = attrs.field(converter=address_of)
    #: The database's name in messages.
    place: str = attrs.field(init=False)
    writer: Engine = attrs.field(init=False)
    reader: Engine = attrs.field(init=False)
    _closed: bool = attrs.field(default=False, init=False)

    #: Whether a transaction that failed may have been committed, because the answer to the commit was lost.
    answers_get_lost: ClassVar[bool] = False

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether there is something to open."""

    @property
    @abstractmethod
    def key_file(self) -> Path:
        """Where the key for marks of mobile numbers is."""

    @property
    @abstractmethod
    def head_file(self) -> Path:
        """Where it is remembered how far the audit log went."""

    @property
    @abstractmethod
    def tables(self) -> MetaData:
        """The tables of a store, as this kind of database has them."""

    @abstractmethod
    def reserve(self) -> None:
        """Prepare the place of a new store, so that nobody else can read it: it knows people's numbers."""

    @abstractmethod
    def hold_on(self) -> None:
        """Refuse to go on, from now on, when another database takes the place of this one."""

    @abstractmethod
    def begin(self) -> AbstractContextManager[Connection]:
        """Begin a transaction in which nobody else writes. When it has ended well, its changes are durable.

        Raises:

            SQLAlchemyError: The database failed.

            StoreError: It is not where it was any more.
        """

    @abstractmethod
    def define(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that makes tables where there may be none, and in which nobody else does.

        Raises:

            SQLAlchemyError: The database failed.
        """

    @abstractmethod
    def look(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees one state of the database, and keeps no writer waiting.

        Raises:

            SQLAlchemyError: The database failed.

            StoreError: It is not where it was any more.
        """

    @abstractmethod
    def error(self, cause: BaseException) -> StoreError:
        """Return an error of the driver as one of ours, without any value of a row."""

    @abstractmethod
    def time(self, transaction: Transaction, now: Callable[[], datetime]) -> datetime:
        """Return the time by which leases are granted, in UTC.

        Args:

            transaction: One that has begun.

            now: The clock of this process.
        """

    def time_on(self, connection: Connection, now: Callable[[], datetime]) -> datetime:
        """Return the time by which leases are granted, on a connection on which a transaction has begun; see
        :meth:`time`.
        """
        return self.time(DriverTransaction(connection), now)

    def clock(self, now: Callable[[], datetime]) -> Callable[[], datetime]:
        """Return a clock by which all processes that use the database agree.

        Args:

            now: The clock of this process.
        """
        return now

    def connection(self) -> Mapping[str, Any]:
        """Return what the driver needs for a connection of its own; nothing if there can be none."""
        return {}

    def require_own_sessions(self) -> None:  # noqa: B027 - a file has no sessions
        """Check that each connection of this process has a session of the server to itself.

        Raises:

            StoreError: A pool in between gives one session to several connections, or the database failed.
        """

    @abstractmethod
    def contains(self, column: Column[str], letters: Sequence[str]) -> ColumnElement[bool]:
        """Return whether a text contains, one after the other, any letter of each of these groups."""

    @abstractmethod
    def bytes_of(self, column: Column[object]) -> str:
        """Return an SQL expression for what a column holds, as bytes, whatever it is; times are in UTC."""

    @abstractmethod
    def kind_of(self, column: Column[object]) -> str:
        """Return an SQL expression for the kind of value that a column holds: ``text``, or another word."""

    @abstractmethod
    def copy_into(self, folder: Path) -> Database:
        """Copy one state of the database into an empty folder while others write, and check that the copy is sound.

        Returns:

            The copy, a file of SQLite, which the caller closes.

        Raises:

            StoreError: It cannot be copied, or is damaged.
        """

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database.

        Raises:

            StoreError: The database failed.
        """
        with self.failures(), self.look() as connection:
            yield connection

    def find(self, query: Select[Any], **values: object) -> Rows:
        """Return the rows of a query that is read very often, so that it is compiled only once.

        Args:

            query: The query.

            values: Its values, by name: texts or numbers.

        Raises:

            StoreError: The database failed.
        """
        with self.read() as connection:
            return DriverTransaction(connection).find(query, **values)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are kept together, or not at all.

        Raises:

            StoreError: The database failed, and nothing was changed; or it is not where it was any more.
        """
        with self.failures(), self.begin() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[DriverTransaction]:
        """Begin a transaction in which nobody else writes; see the port of the journal."""
        with self.begin() as connection:
            yield DriverTransaction(connection)

    @contextmanager
    def make(self) -> Iterator[Connection]:
        """Give a connection on which tables are made where there may be none; all of them, or none.

        Raises:

            StoreError: The database failed, and nothing was made.
        """
        with self.failures(), self.define() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections, permanently."""
        self._closed = True
        self.reader.dispose()
        self.writer.dispose()

    def failure(self, error: SQLAlchemyError) -> StoreError:
        """Return *error* as one of ours, without any value of a row."""
        return self.error(getattr(error, "orig", None) or RuntimeError(type(error).__name__))

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Report errors of the driver as ours.

        Raises:

            StoreError: The database failed, or was closed.
        """
        if self._closed:
            raise StoreError("the store is closed")
        try:
            yield
        except SQLAlchemyError as error:
            raise self.failure(error) from None
        except UnicodeDecodeError as error:  # what the driver cannot read
            raise self.error(error) from None
