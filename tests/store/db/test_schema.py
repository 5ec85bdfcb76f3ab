"""A store of another version, or of nobody we know, is not opened; a new one has all tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from provisioner.core.api.errors import StoreError
from provisioner.store.audit.chain import GENESIS
from provisioner.store.db import schema
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import metadata

pytestmark = pytest.mark.usefixtures("made_tables")


@pytest.fixture(name="database")
def _database(url: str) -> Iterator[Database]:
    database = database_at(url)
    yield database
    database.close()


def run(database: Database, statement: str) -> None:
    with database.make() as connection:
        connection.execute(text(statement))


def test_a_new_store_has_every_table_and_the_beginning_of_the_audit_log(database: Database) -> None:
    schema.create(database)

    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
        assert connection.execute(text("SELECT id, seq, hash FROM chain_head")).all() == [(1, 0, GENESIS)]
    schema.check(database)


def test_making_it_twice_writes_nothing_over(database: Database) -> None:
    schema.create(database)
    run(database, "INSERT INTO units (code, name, kind) VALUES ('46', 'x', 'office')")
    schema.create(database)

    with database.read() as connection:
        assert connection.execute(text("SELECT code FROM units")).scalars().all() == ["46"]


@pytest.mark.parametrize("look", [schema.create, schema.check])
def test_a_database_of_another_program_is_left_alone(database: Database, look: Callable[[Database], None]) -> None:
    run(database, "CREATE TABLE bookmarks (id INTEGER)")
    with pytest.raises(StoreError, match="not a store of this program"):
        look(database)

    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["bookmarks"]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "an earlier version"),
        ("UPDATE alembic_version SET version_num = '9999'", "a later version"),
    ],
)
def test_another_version_is_named_with_a_cure(database: Database, statement: str, said: str) -> None:
    schema.create(database)
    run(database, statement)
    with pytest.raises(StoreError, match=said) as caught:
        schema.check(database)

    assert str(caught.value.cure)


def test_nothing_is_made_where_nothing_is(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        schema.migrate(url)

    assert list(tmp_path.iterdir()) == []


def test_a_store_of_this_version_is_not_migrated(database: Database, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.create(database)
    monkeypatch.setattr(schema, "_upgrade", lambda _: pytest.fail("it was migrated"))
    schema.migrate(url)
