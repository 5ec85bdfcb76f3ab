"""The version of the tables: made new, checked when a store is opened, and brought up to date by Alembic.

A new store gets its tables at once, without going through the history; a test holds both ways to the same result.
Alembic is imported only to migrate.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, inspect, select, update

from provisioner.store.address import StoreAddress
from provisioner.store.audit.chain import GENESIS
from provisioner.store.db.database import Database
from provisioner.store.db.failures import MOVED, foreign, missing, moved, outdated, too_new
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import chain_head, metadata, revision

if TYPE_CHECKING:
    from alembic.config import Config

#: The revision of Alembic that these tables have. Revisions are counted, so a later one is larger.
REVISION = "0033"


def create(database: Database) -> None:
    """Make the tables, unless they are there.

    Raises:

        StoreError: The database belongs to somebody else, or cannot be written.
    """
    with database.make() as connection:
        make_tables(database, connection)


def make_tables(database: Database, connection: Connection) -> None:
    """Make the tables on a connection, unless they are there.

    Raises:

        StoreError: The database belongs to somebody else.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        database.tables.create_all(connection, checkfirst=False)
        revision.create(connection, checkfirst=False)
        connection.execute(insert(chain_head), {"id": 1, "seq": 0, "hash": GENESIS})
        connection.execute(insert(revision), {"version_num": REVISION})
    elif revision.name not in tables:
        raise foreign(database.place)


def check(database: Database) -> None:
    """Check that the tables are those that this program knows.

    Raises:

        StoreError: They are older or newer, or there are none.
    """
    with database.read() as connection:
        expect_revision(database, connection)


def expect_revision(database: Database, connection: Connection) -> None:
    """Check on a connection that the tables are those that this program knows; see :func:`check`."""
    if _is_old(database, connection):
        raise outdated(database.place)


def retire(connection: Connection, destination: str) -> None:
    """Let nobody use a store on SQLite any more, because it was moved.

    Processes that have it open cannot write to it, and no process opens it again.

    Args:

        connection: One that may write.

        destination: Where the store is now.
    """
    message = destination.replace("'", "''")
    for table in metadata.tables:
        for change in ("INSERT", "UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER moved_{table}_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
    connection.execute(update(revision).values(version_num=f"{MOVED}{destination}"))


def migrate(address: StoreAddress | str) -> None:
    """Bring the tables of the store at *address* up to date, if they are not.

    Raises:

        StoreError: There is no store, or it is newer than this program, or it cannot be written. Nothing was changed.
    """
    database = database_at(address, rebuilds_tables=True)
    try:
        require(database)
        with database.read() as connection:
            is_old = _is_old(database, connection)
        if is_old:
            _upgrade(database)
    finally:
        database.close()


def alembic_config(connection: Connection) -> Config:
    """Return what Alembic's commands need to work on *connection*, which has begun a transaction."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def _upgrade(database: Database) -> None:
    from alembic import command

    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")


def require(database: Database) -> None:
    """Check that there is something to open; SQLite would make an empty file.

    Raises:

        StoreError: There is nothing.
    """
    if not database.exists:
        raise missing(database.place)


def _is_old(database: Database, connection: Connection) -> bool:
    if not inspect(connection).has_table(revision.name):
        raise foreign(database.place)
    found = connection.execute(select(revision.c.version_num)).scalar() or ""
    if found.startswith(MOVED):
        raise moved(database.place, found.removeprefix(MOVED))
    if found > REVISION:
        raise too_new(database.place)
    return found < REVISION
