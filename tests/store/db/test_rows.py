"""Rows say what the model says, and a change never writes over one that nobody has read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.core.governance.incidents import Incident
from provisioner.core.model import Unit
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.rows import MUST_FIND, add, as_row, models, put, revise
from provisioner.store.db.schema import create
from provisioner.store.db.tables import troubles, units
from tests.store.conftest import NOON

UNIT = Unit(code="46", name="Kahramanmaraş", kind="province")
TROUBLE = Incident(id="t1", login="a", text="no log-in", reporter="p1", reported_at=NOON, unit="46")


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_at(f"sqlite:///{tmp_path}/store.db", rebuilds_tables=True)
    create(database)
    yield database
    database.close()


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.name for row in connection.execute(units.select())]


def test_a_model_is_read_from_its_row() -> None:
    row = as_row(UNIT)

    assert models(Unit, row, [tuple(row.values())]) == [UNIT]


def test_a_row_has_every_field_of_the_model_and_no_other() -> None:
    assert as_row(UNIT) == {
        "code": "46",
        "name": "Kahramanmaraş",
        "kind": "province",
        "parent": None,
        "login": None,
        "custodian": None,
        "removed_at": None,
    }
    assert Unit(**as_row(UNIT)) == UNIT


@pytest.mark.parametrize(("make", "kept"), [(add, "Kahramanmaraş"), (put, "İl MEM")])
def test_the_first_row_stays_when_added_and_the_last_when_put(database: Database, make: type, kept: str) -> None:
    for unit in (UNIT, attrs.evolve(UNIT, name="İl MEM")):
        with database.write() as connection:
            connection.execute(make(units), as_row(unit))

    assert names(database) == [kept]


def test_only_the_next_revision_is_written_over_a_row(database: Database) -> None:
    statement = revise(troubles)
    assert statement.get_execution_options()[MUST_FIND]
    with database.write() as connection:
        connection.execute(add(troubles), as_row(TROUBLE))
        found = [
            connection.execute(statement, as_row(attrs.evolve(TROUBLE, revision=revision)) | {"this": "t1"}).rowcount
            for revision in (3, 1, 2, 2)
        ]

    assert found == [0, 0, 1, 0]
