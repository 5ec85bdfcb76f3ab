"""A statement that is compiled once does what SQLAlchemy would do, for few rows and for many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite as SQLiteDialect

from provisioner.core.governance.incidents import IncidentState
from provisioner.store.db.chunks import CHUNK
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.prepared import prepared
from provisioner.store.db.rows import Row, add, given_rows
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
        touched = prepared(insert(units), connection.dialect).run(connection, rows)

    with database.read() as connection:
        found = [row._asdict() for row in connection.execute(select(units).order_by(units.c.code))]
    assert (touched, found) == (count, rows)


def test_it_counts_only_rows_that_were_there(database: Database) -> None:
    statement = delete(units).where(units.c.code == bindparam("this"))
    with database.write() as connection:
        prepared(add(units), connection.dialect).run(connection, [unit(number) for number in range(3)])
        touched = prepared(statement, connection.dialect).run(connection, [{"this": "00001"}, {"this": "none"}])

    assert touched == 1


@pytest.mark.parametrize("count", [1, 2, 3, CHUNK + 1])
def test_rows_that_share_an_update_keep_to_their_own_values(database: Database, count: int) -> None:
    rows = [unit(number) for number in range(count + 1)]
    given = given_rows(this=units.c.code, removed_at=units.c.removed_at)
    remove = update(units).where(units.c.code == given.c.this).values(removed_at=given.c.removed_at, kind="closed")
    times = [NOON + timedelta(minutes=number) for number in range(count)]
    with database.transaction() as transaction:
        transaction.queue(add(units), rows)
        changes = [{"this": row["code"], "removed_at": time} for row, time in zip(rows, times, strict=False)]
        transaction.queue(remove, changes)
    with database.read() as connection:
        found = connection.execute(select(units.c.removed_at, units.c.kind).order_by(units.c.code)).all()

    assert [tuple(row) for row in found] == [*((time, "closed") for time in times), (None, "office")]


@pytest.mark.parametrize("count", [1, 3, CHUNK + 1])
def test_rows_that_share_a_deletion_are_all_deleted_and_no_others(database: Database, count: int) -> None:
    rows = [unit(number) for number in range(count + 1)]
    remove = delete(units).where(units.c.code.in_(select(given_rows(this=units.c.code).c.this)))
    with database.transaction() as transaction:
        transaction.queue(add(units), rows)
        transaction.queue(remove, [{"this": row["code"]} for row in rows[1:]])
    with database.read() as connection:
        assert connection.scalars(select(units.c.code)).all() == [rows[0]["code"]]


def test_statements_of_many_lengths_have_few_texts(database: Database) -> None:
    texts = set[str]()
    with database.write() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(texts.add)
        for count in range(1, 65):
            prepared(add(units), connection.dialect).run(connection, [unit(number) for number in range(count)])

    assert len({text.count("(") for text in texts if text.startswith("INSERT")}) == 7


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
