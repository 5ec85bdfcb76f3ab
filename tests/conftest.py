"""What all tests share: a test that needs a real server says so with ``pytest.mark.server``."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from provisioner.core.api import logs
from provisioner.store import Store
from provisioner.store.db.sqlite import SqliteDatabase
from provisioner.testing.plugin import require_server

if TYPE_CHECKING:
    from tests.postgresql_stores import StoreServer
    from tests.raw_http import MakeServer, RawServer

# How long an example takes depends on what else the machine does. In CI the same examples are tried each time, so that
# no change is blamed for what another one has left; developers find new examples.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

#: The statements that SQLAlchemy has compiled for any store of this process. A program opens one store; the tests open
#: thousands, and would spend a third of their time on compiling the same statements for each.
STATEMENTS: dict[Any, Any] = {}


class CommonDialect(SQLiteDialect_pysqlite):
    """The dialect of SQLite, equal for all engines, so that they find the statements that others have compiled."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CommonDialect)

    def __hash__(self) -> int:
        return hash(CommonDialect)


registry.register("sqlite", __name__, CommonDialect.__name__)


@event.listens_for(Engine, "engine_connect")
def _share_statements(connection: Connection) -> None:
    connection.execution_options(compiled_cache=STATEMENTS)


#: Makes the file of a new store, and nothing in it.
RESERVE = SqliteDatabase.reserve


@pytest.fixture(autouse=True, scope="session")
def _copied_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Copy the tables of each new store from one that the product made: making them takes five times as long."""
    file = tmp_path_factory.mktemp("tables") / "store.sqlite"
    Store.create(f"sqlite:///{file}").close()
    tables, lock = file.read_bytes(), threading.Lock()

    def reserve(database: SqliteDatabase) -> None:
        with lock:
            is_new = not database.exists
            RESERVE(database)
            if is_new and database.exists:
                Path(database.place).write_bytes(tables)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(SqliteDatabase, "reserve", reserve)
        yield


@pytest.fixture(name="made_tables")
def _made_tables() -> Iterator[None]:
    """Let the product make the tables itself, for tests of that."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(SqliteDatabase, "reserve", RESERVE)
        yield


@pytest.fixture(name="store_server", scope="session")
def _store_server() -> Iterator[StoreServer]:
    from tests.postgresql_stores import StoreServer

    with StoreServer() as server:
        yield server


def pytest_configure() -> None:
    """Compile the translations that have changed, where the tool for that is installed.

    Programs that tests start react to Ctrl+C, also if a shell started the tests in the background, where it is ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(ImportError):
        from compile_messages import compile_stale

        compile_stale(Path(__file__).parents[1])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the servers that a test names, before anything is started for it."""
    for mark in item.iter_markers("server"):
        require_server(*mark.args)


@pytest.fixture(name="server")
def _server() -> Iterator[MakeServer]:
    from tests.raw_http import RawServer  # this file is also used alone

    servers = []

    def make(behave: Callable[[socket.socket], None]) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Take back what a command does to the logs of this process: the next test may look for a line."""
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    logs.set_up_later(lambda: None)
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**configured)
