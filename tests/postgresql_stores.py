"""Databases for stores on one private PostgreSQL, each a copy of one with the tables of the product."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import attrs
import psycopg
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from provisioner.store import Store
from provisioner.store.address import StoreAddress
from provisioner.store.audit.chain import GENESIS
from provisioner.store.db.schema import REVISION
from provisioner.store.db.tables import metadata
from provisioner.testing.postgresql import PrivatePostgresql

#: Lets the tests of a store set its clock. A row in this table stands for the time; without one the real time is given.
CLOCK = """\
CREATE SCHEMA fake;
CREATE TABLE fake.clock (at timestamptz NOT NULL);
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS 'SELECT coalesce((SELECT at FROM fake.clock), pg_catalog.clock_timestamp())';
GRANT ALL ON SCHEMA fake TO {role};
GRANT ALL ON fake.clock TO {role};
GRANT CREATE ON SCHEMA public TO {role};
"""


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"

#: Deletes all rows, in whatever order, and lets the audit log begin again.
_EMPTY = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM fake.clock;
    {"".join(f"DELETE FROM {table};" for table in metadata.tables)}
    INSERT INTO chain_head VALUES (1, 0, '{GENESIS}'); UPDATE alembic_version SET version_num = '{REVISION}'; COMMIT
"""  # noqa: S608 - the tables are ours


class CommonPsycopg(PGDialect_psycopg):
    """The dialect of psycopg, equal for all engines, so that they find the statements that others have compiled."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CommonPsycopg)

    def __hash__(self) -> int:
        return hash(CommonPsycopg)


registry.register("postgresql.psycopg", __name__, CommonPsycopg.__name__)


@attrs.define(eq=False, kw_only=True)
class StoreServer(PrivatePostgresql):
    """A private PostgreSQL whose service account owns stores, and has no other rights."""

    #: What is committed and not flushed stays in memory for long, so that a crash loses it.
    settings: ClassVar[str] = "fsync = off\nmax_connections = 200\nwal_writer_delay = 10s\n"
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False)
    #: Databases with the tables of a store, all of which are empty.
    _free: list[str] = attrs.field(factory=list, init=False)
    _administrators: dict[str, psycopg.Connection[Any]] = attrs.field(factory=dict, init=False)
    _tables: ClassVar[set[str]] = {*metadata.tables, "alembic_version"}

    def address(self, name: str) -> str:
        """Return the URL of a database. The password is in a file, as libpq wants it."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{name}?passfile={self.folder / 'passfile'}"

    def new(self, *, empty: bool = False) -> str:
        """Make a database with the tables of a store, or without any, and return its URL."""
        if self._free and not empty:
            return self._free.pop()
        name = f"store{next(self._numbers)}"
        with self.administrator() as administrator:
            template = "empty" if empty else "template"
            administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {self.user}")
        return self.address(name)

    def give_back(self, url: str) -> None:
        """Empty a database that still has the tables of a store, so that it can be used again; remove another one."""
        with self.administrator(name_in(url)) as administrator:
            if {table for (table,) in administrator.execute(_TABLES)} == self._tables:
                administrator.execute(_EMPTY)
                self._free.append(url)
                return
        self.leave(name_in(url))
        with self.administrator() as administrator:
            administrator.execute(f"DROP DATABASE {name_in(url)} WITH (FORCE)")

    def set_clock(self, url: str, time: datetime | None) -> None:
        """Let the server of a store tell another time, or the real one."""
        with self.administrator(name_in(url)) as administrator:
            administrator.execute("DELETE FROM fake.clock")
            if time:
                administrator.execute("INSERT INTO fake.clock VALUES (%s)", [time])

    @contextmanager
    def administrator(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """Give a connection that may do everything."""
        if (kept := self._administrators.get(database)) and not kept.closed:
            yield kept
            return
        password = self.admin_password.reveal()
        connection = self._administrators[database] = psycopg.connect(
            host=self.host, port=self.port, user=self.admin, password=password, dbname=database, autocommit=True
        )
        yield connection

    def leave(self, database: str) -> None:
        """End the administrator's connection to a database, so that it can be copied or removed."""
        if connection := self._administrators.pop(database, None):
            connection.close()

    def kill(self) -> None:
        """End the server at once."""
        for database in list(self._administrators):
            self.leave(database)
        super().kill()

    def crash(self) -> None:
        """Kill all processes of the server, so that nothing is written any more that was not written before."""
        for database in list(self._administrators):
            self.leave(database)
        if self._process:
            pid = self._process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            for process in (pid, *map(int, children)):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _fill(self) -> None:
        (self.folder / "passfile").touch(mode=0o600)
        (self.folder / "passfile").write_text(f"*:*:*:{self.user}:{self.password.reveal()}\n", encoding="utf-8")
        with self.administrator() as administrator:
            administrator.execute("CREATE DATABASE empty")
            administrator.execute(f"ALTER ROLE {self.user} SET search_path = public, pg_catalog")
        with self.administrator("empty") as administrator:
            administrator.execute(CLOCK.format(role=self.user))
        self.leave("empty")

        with self.administrator() as administrator:
            administrator.execute("CREATE DATABASE template TEMPLATE empty")
        Store.create(StoreAddress(self.address("template"), folder=Path(self.folder))).close()


def name_in(url: str) -> str:
    """Return the name of the database in a URL."""
    return url.partition("?")[0].rpartition("/")[2]
