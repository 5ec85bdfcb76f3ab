"""PostgreSQL as the store's database, for processes on several machines.

A writer first locks the one row of ``chain_head``. All writers do, so a transaction that has the lock reads what the
last one left, as after ``BEGIN IMMEDIATE`` on SQLite. It commits without waiting for the disk, which frees the lock at
once, and then waits for the disk in a second, tiny transaction: any later flush writes all that was committed before.
Without that, each writer would hold the lock while the disk works, and the disk would work for one writer at a time. A
reader may see what is gone after a crash of the server: that is harmless, as every operation writes before it acts.

A process that stops, or loses its network, while it has the lock would keep all others from writing. So the server ends
a transaction in which nothing happens for a few seconds. It doesn't if the process was sending changes together: until
they are complete, PostgreSQL (15) waits for the rest without a limit. Such a session is ended by the next writer that
waits for the lock in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

import attrs
import tenacity
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    MetaData,
    Select,
    String,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from provisioner.core.api.errors import StoreError
from provisioner.core.api.logs import Logger
from provisioner.store.address import StoreAddress
from provisioner.store.db import tables
from provisioner.store.db.database import Database
from provisioner.store.db.pipelined import PipelinedTransaction
from provisioner.store.db.ports import Transaction
from provisioner.store.db.postgresql_errors import is_locked, is_unreachable, shared_sessions, store_error
from provisioner.store.db.server_clock import ServerClock
from provisioner.store.db.transaction import DriverTransaction
from provisioner.store.db.types import UtcDateTime

log = Logger(__name__)

#: How many seconds a process waits for a server that it has reached before, for example while that restarts.
PATIENCE = 10.0

#: How often that is tried, in seconds.
PAUSE = 0.1

#: What ends transactions that wait too long for others, or for their own process.
_LIMITS = "SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '5s'"

_WRITE = f"""BEGIN ISOLATION LEVEL READ COMMITTED; {_LIMITS}; SET LOCAL synchronous_commit = off;
SELECT FROM chain_head FOR UPDATE"""
_LOOK = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_LIMITS}"
#: Makes all durable that was committed before.
_FLUSH = "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'provisioner', '')"
#: The number is any one that other programs are unlikely to use.
_DEFINE = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7237117371)"

#: Ends sessions of this role that have the lock, and that sent a part of their changes and no more for a few seconds.
_END_STUCK = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE relation = 'chain_head'::regclass AND mode = 'RowShareLock' AND usename = current_user
AND state = 'active' AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - interval '5s'"""

#: The execution option that says how a transaction begins.
_OPENING = "opening"

#: How a connection notices that the other end is gone. The URL may say otherwise.
_CONNECTION: Mapping[str, object] = {
    "application_name": "provisioner",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

#: Makes the next sign of a regular expression mean itself.
_LITERAL = "\\"

#: The name of a copy: the one that a store on SQLite has by default.
COPY = "provisioner.sqlite"

#: How many connections stay open in a process.
_POOL = 8

#: Sorts as SQLite and Python do, wherever the server is and however old its libraries are.
COLLATION = "C"

_OFTEN_CHANGED: dict[str, float] = {"autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_threshold": 1000}
#: Space for new versions of a row beside the old one.
_ROOM: dict[str, float] = {"fillfactor": 50}
_STORAGE: Mapping[str, Mapping[str, float]] = {
    "accounts": _OFTEN_CHANGED,
    "operations": _OFTEN_CHANGED,
    "leases": _OFTEN_CHANGED | _ROOM,
    "chain_head": _OFTEN_CHANGED | _ROOM,
}


@attrs.define(eq=False)
class PostgresqlDatabase(Database):
    """A database on a PostgreSQL server. The tables are in the first schema of the role's ``search_path``.

    Args:

        address: Where it is, for example ``postgresql:///provisioner?host=/var/run/postgresql``.

        beside: Another one that stays open for longer. If it has the same address, its connections are shared.

    Raises:

        StoreError: The URL cannot be read, or psycopg is not installed.
    """

    answers_get_lost: ClassVar[bool] = True
    _beside: PostgresqlDatabase | None = None
    _name: str = attrs.field(init=False)
    #: Whether the server was ever reached.
    _reached: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        url = _postgresql_url(self._address.url)
        self._name = url.database or "provisioner"
        self.place = url.set(password=None, query={}, drivername="postgresql").render_as_string()
        if self._beside and not self._beside.is_at(self._address):
            self._beside = None
        engine = self._beside.writer if self._beside else self._engine(url)
        self.writer = engine.execution_options(**{_OPENING: _WRITE})
        self.reader = engine.execution_options(**{_OPENING: _LOOK})

    @property
    def exists(self) -> bool:
        """Whether there is any table."""
        with self.read() as connection:
            return bool(inspect(connection).get_table_names())

    @property
    def key_file(self) -> Path:
        """Where the key for marks of mobile numbers is: in the folder of the address, not on the server."""
        return self._address.folder / f"{self._name}.key"

    @property
    def head_file(self) -> Path:
        """Where it is remembered how far the audit log went: in the folder of the address."""
        return self._address.folder / f"{self._name}.head"

    @property
    def tables(self) -> MetaData:
        """The tables, as PostgreSQL has them."""
        return _tables()

    def reserve(self) -> None:
        """Do nothing: the administrator of the server makes the database."""

    def hold_on(self) -> None:
        """Do nothing: that the audit log goes on shows which database it is."""

    def is_at(self, address: StoreAddress) -> bool:
        """Whether this is the database at an address, with the same password."""
        own = self._address
        passwords = [one.password and one.password.reveal() for one in (address, own)]
        return address.url == own.url and passwords[0] == passwords[1]

    def close(self) -> None:
        """Close all connections, unless another one has them."""
        self._closed = True
        if not self._beside:
            super().close()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Begin a transaction in which nobody else writes, and make it durable in the end."""
        with self._transaction(self.writer) as connection:
            yield connection
            PipelinedTransaction(connection).end("COMMIT", _FLUSH)
            connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[DriverTransaction]:
        """Begin the same for the journal, whose changes are sent together."""
        with self._transaction(self.writer) as connection:
            transaction = PipelinedTransaction(connection)
            yield transaction
            transaction.end("COMMIT", _FLUSH)
            connection.commit()  # for SQLAlchemy; there is nothing left to do

    @contextmanager
    def define(self) -> Iterator[Connection]:
        """Begin a transaction that makes tables: there is no row to lock yet."""
        with self._transaction(self.writer.execution_options(**{_OPENING: _DEFINE})) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Begin a transaction that only reads."""
        with self._transaction(self.reader) as connection:
            yield connection
            connection.commit()

    def error(self, cause: BaseException) -> StoreError:
        """Return an error of the driver as one of ours."""
        return store_error(cause, self.place)

    def time(self, transaction: Transaction, _: Callable[[], datetime]) -> datetime:
        """Return the time of the server, because the clocks of several machines differ."""
        [(time,)] = transaction.find(_NOW)
        return cast("datetime", time)

    def clock(self, _: Callable[[], datetime]) -> Callable[[], datetime]:
        """Return the clock of the server."""

        def read() -> datetime:
            with self.read() as connection:
                return connection.execute(_NOW).scalar_one()

        return ServerClock(read)

    def connection(self) -> Mapping[str, Any]:
        """Return the arguments of psycopg."""
        _, arguments = self.writer.dialect.create_connect_args(self.writer.url)
        password = {"password": self._address.password.reveal()} if self._address.password else {}
        return {**_CONNECTION, **arguments, **password}

    def require_own_sessions(self) -> None:
        """Ask over two connections for the process of the server that serves them."""
        import psycopg

        try:
            with psycopg.connect(**self.connection()) as one, psycopg.connect(**self.connection()) as other:
                served = [{_server_process(connection) for _ in range(_PROBES)} for connection in (one, other)]
        except psycopg.Error as error:
            raise self.error(error) from None
        if served[0] & served[1] or max(map(len, served)) > 1:
            raise shared_sessions(self.place)

    def contains(self, column: Column[str], letters: Sequence[str]) -> ColumnElement[bool]:
        """Return whether a text matches a regular expression."""
        return column.bool_op("~")("".join(map(_any_of, letters)))

    def bytes_of(self, column: Column[Any]) -> str:
        """Return an SQL expression for what a column holds."""
        is_time = isinstance(column.type, UtcDateTime)
        held = f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')" if is_time else str(column)
        return f"convert_to({held}, 'UTF8')"

    def kind_of(self, column: Column[Any]) -> str:
        """Return an SQL expression for the kind of value: the type of the column, unless there is nothing."""
        return f"CASE WHEN {column} IS NULL THEN 'null' ELSE 'text' END"

    def copy_into(self, folder: Path) -> Database:
        """Copy the tables into a file of SQLite; see :mod:`provisioner.store.db.postgresql_copying`."""
        from provisioner.store.db.postgresql_copying import copy_tables
        from provisioner.store.db.sqlite import sound_copy

        copy = folder / COPY
        copy_tables(self, copy)
        return sound_copy(copy, self.place)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        """Give a connection on which a transaction has begun; what is not committed is rolled back."""
        with self._begun(engine) as connection:
            self._reached = True
            yield connection

    def _begun(self, engine: Engine) -> Connection:
        """Begin a transaction, if need be after the end of a session that has the lock and stopped."""
        try:
            return self._begun_in_time(engine)
        except DBAPIError as error:
            if error.orig is None or not is_locked(error.orig) or not self._end_stuck_writers():
                raise
        return self._begun_in_time(engine)

    def _end_stuck_writers(self) -> bool:
        """End sessions that keep all others from writing, and return whether there was one."""
        with self.look() as connection:
            ended = connection.exec_driver_sql(_END_STUCK).all()
        if ended:
            log.warning("stuck_writer_ended", sessions=len(ended))
        return bool(ended)

    def _begun_in_time(self, engine: Engine) -> Connection:
        """Begin a transaction. Nothing has happened in it, so it can begin again on another connection."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._may_pass),
            wait=tenacity.wait_fixed(PAUSE),
            stop=tenacity.stop_after_delay(PATIENCE),
            reraise=True,
        )
        return retrying(_begin, engine)

    def _may_pass(self, error: BaseException) -> bool:
        return self._reached and isinstance(error, DBAPIError) and error.orig is not None and is_unreachable(error.orig)

    def _engine(self, url: URL) -> Engine:
        defaults = {name: value for name, value in _CONNECTION.items() if name not in url.query}
        try:
            engine = create_engine(
                url.set(drivername="postgresql+psycopg"),
                hide_parameters=True,
                paramstyle="format",
                pool_size=_POOL,
                max_overflow=-1,
                connect_args=defaults,
            )
        except ModuleNotFoundError:
            raise StoreError(
                "the store {place} needs psycopg, which is not installed",
                cure="run: pip install 'unit-provisioner[postgres]'",
                place=self.place,
            ) from None

        @event.listens_for(engine, "do_connect")
        def connecting(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
            if self._address.password:
                parameters["password"] = self._address.password.reveal()

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _: Any) -> None:
            connection.autocommit = True  # the beginning of a transaction is a statement of ours

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options()[_OPENING])

        return engine


#: How often each of two connections asks who serves it.
_PROBES = 3


def _server_process(connection: Any) -> int:
    """Return the number of the server's process that serves a transaction."""
    [number] = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.commit()
    return int(number)


_NOW: Select[datetime] = select(func.clock_timestamp(type_=UtcDateTime()))


def _any_of(letters: str) -> str:
    """Return a regular expression; a backslash makes a sign mean itself."""
    return f"({'|'.join(letter if letter.isalnum() else _LITERAL + letter for letter in letters)})"


def _begin(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def _postgresql_url(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(
            "the store's URL cannot be read", cure="write it as 'postgresql://ROLE@HOST/DATABASE'"
        ) from None


@cache
def _tables() -> MetaData:
    """Return a copy of the tables with what PostgreSQL needs to be told of them."""
    copied = MetaData(naming_convention=tables.metadata.naming_convention)
    for original in tables.metadata.sorted_tables:
        table = original.to_metadata(copied)
        for column in table.columns:
            if isinstance(column.type, String):
                column.type = collated = copy(column.type)
                collated.collation = COLLATION
        for index in table.indexes:
            _restrict(index)
        table.dialect_options["postgresql"]["with"] = _STORAGE.get(table.name)
    return copied


def _restrict(index: Index) -> None:
    """Restrict an index to the rows to which SQLite restricts it."""
    index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
