"""A copy has each value as SQLite has it, is of one moment, and is not made from a part of a table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from provisioner.core.api.errors import StoreError
from provisioner.core.model.days import utc_now
from provisioner.store import Store
from provisioner.store.db import postgresql_copying
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import metadata, persons
from tests.store.conftest import Story
from tests.store.towns import account, plan

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql"), pytest.mark.postgresql]

Rows = dict[str, list[tuple[object, ...]]]

#: Changes two rows that are far apart, in one transaction, as often as it can.
WRITER = """
import sys
from sqlalchemy import text
from contextlib import closing
from provisioner.store.db.opening import database_at
with closing(database_at(sys.argv[1])) as database:
    for number in range(10**9):
        with database.write() as connection:
            connection.execute(text("UPDATE persons SET title = :title WHERE id IN ('p0', 'p2999')"), {"title": number})
        if number == 20:
            print(flush=True)
"""


@pytest.fixture(name="database")
def _database(url: str) -> Iterator[Database]:
    with closing(database_at(url)) as database:
        yield database


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def rows(database: Database) -> Rows:
    """Return all rows of all tables, with the values of the model."""
    with database.read() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in metadata.tables.items()
        }


def add_people(database: Database, count: int) -> None:
    with database.write() as connection:
        people = [{"id": f"p{number}", "name": "x" * 1000, "title": ""} for number in range(count)]
        connection.execute(insert(persons), people)


def test_every_value_arrives_as_it_is(store: Store, database: Database, folder: Path, story: type[Story]) -> None:
    names = ["", "a\tb\nc\rd\\.", "'\"\\\\", "İışğ \u202e 😀", "NULL"]
    with database.write() as connection:
        known = [{"id": f"{n}", "name": name, "title": "", "mobile": None} for n, name in enumerate(names)]
        connection.execute(insert(persons), known)
    for event in story("a").submissions():
        store.write(*event)
    store.write(story("b").planned())
    store.write(story("b").started(), story("b").stuck(utc_now()))
    plan(store, story, account("c"))

    with closing(database.copy_into(folder)) as copied:
        assert rows(copied) == rows(database)

    assert [(path.name, oct(path.stat().st_mode & 0o777)) for path in folder.iterdir()] == [
        ("provisioner.sqlite", "0o600")
    ]


def test_a_writer_neither_waits_for_a_copy_nor_gets_into_it(
    store: Store, url: str, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of two moments could have an operation without its account."""
    monkeypatch.setattr(postgresql_copying, "_ROWS", 10)
    add_people(database, 3000)
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        try:
            with closing(database.copy_into(folder)) as copied:
                known = {row[0]: row[3] for row in rows(copied)["persons"]}
            assert writer.poll() is None
        finally:
            writer.kill()

    assert known["p0"] == known["p2999"]
    assert {row[0]: row[3] for row in rows(database)["persons"]}["p0"] != known["p0"]
    assert store.audit_log.verify_chain() is None


def test_a_server_that_ends_in_the_middle_leaves_no_copy(
    store: Store, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = store
    add_people(database, 3000)
    batches = postgresql_copying._batches

    def cut(*given: object) -> Iterator[object]:
        for rows in batches(*given):  # type: ignore[arg-type]
            yield rows
            given[2].connection.driver_connection.pgconn.finish()  # type: ignore[attr-defined]

    monkeypatch.setattr(postgresql_copying, "_batches", cut)

    with pytest.raises(StoreError):
        database.copy_into(folder)


def test_a_table_that_was_read_in_part_is_no_copy(
    store: Store, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = store
    add_people(database, 3000)
    batches = postgresql_copying._batches
    monkeypatch.setattr(postgresql_copying, "_batches", lambda *given: list(batches(*given))[:1])

    with pytest.raises(StoreError, match=r"persons was copied incompletely \(2000 of 3000\)"):
        database.copy_into(folder)


def test_a_folder_that_is_not_there_is_told(store: Store, database: Database, tmp_path: Path) -> None:
    _ = store
    with pytest.raises(StoreError, match="nowhere"):
        database.copy_into(tmp_path / "nowhere")
