"""A statement that is compiled once does what SQLAlchemy would do, for few rows and for many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite as SQLiteDialect

from provisioner.core.governance.incidents import IncidentState
from provisioner.store.db.chunks import CHUNK
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.prepared import prepared
from provisioner.store.db.rows import Row, add
from provisioner.store.db.schema import create
from provisioner.store.db.tables import troubles, units
from tests.store.conftest import NOON


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_at(f"sqlite:///{tmp_path}/store.db", rebuilds_tables=True)
    create(database)
    yield database
    database.close()


def unit(number: int) -> Row:
    code = f"{number:05}"
    return {
        "code": code,
        "name": f"Birim {code}",
        "kind": "office",
        "parent": None,
        "login": None,
        "custodian": None,
        "removed_at": None,
    }


@pytest.mark.parametrize("count", [0, 1, CHUNK, 2 * CHUNK + 3])
def test_every_row_is_inserted_once(database: Database, count: int) -> None:
    rows = [unit(number) for number in range(count)]
    with database.write() as connection:
        touched = prepared(add(units), connection.dialect).run(connection, rows)

    with database.read() as connection:
        found = [row._asdict() for row in connection.execute(select(units).order_by(units.c.code))]
    assert (touched, found) == (count, rows)


def test_it_counts_only_rows_that_were_there(database: Database) -> None:
    statement = delete(units).where(units.c.code == bindparam("this"))
    with database.write() as connection:
        prepared(add(units), connection.dialect).run(connection, [unit(number) for number in range(3)])
        touched = prepared(statement, connection.dialect).run(connection, [{"this": "00001"}, {"this": "none"}])

    assert touched == 1


def test_values_are_converted_and_those_of_the_statement_are_kept(database: Database) -> None:
    row = {
        "id": "t1",
        "login": "a",
        "text": "x",
        "reporter": "p1",
        "reported_at": NOON,
        "unit": "46",
        "state": IncidentState.OPEN,
        "resolution": "",
        "revision": 1,
    }
    resolve = update(troubles).where(troubles.c.id == bindparam("this")).values(state=IncidentState.RESOLVED)
    with database.write() as connection:
        prepared(add(troubles), connection.dialect).run(connection, [row])
        prepared(resolve, connection.dialect).run(connection, [{"this": "t1"}])
    with database.read() as connection:
        [found] = connection.execute(select(troubles))

    assert (found.reported_at, found.state) == (NOON, IncidentState.RESOLVED)


def test_a_statement_is_compiled_once_for_a_dialect(database: Database) -> None:
    statement = add(units)

    assert prepared(statement, database.writer.dialect) is prepared(statement, database.writer.dialect)
    assert prepared(statement, database.writer.dialect) is not prepared(statement, SQLiteDialect())
