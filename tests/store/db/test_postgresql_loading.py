"""Rows arrive with the values that they have, and those that cannot are named by their keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from provisioner.core.api.errors import StoreError
from provisioner.core.model.text import Text
from provisioner.store.db import schema
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.postgresql_loading import load
from provisioner.store.db.tables import persons
from tests.postgresql_stores import StoreServer

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql")]


@pytest.fixture(name="old")
def _old(tmp_path: Path) -> Iterator[Database]:
    with closing(database_at(f"sqlite:///{tmp_path}/store.db")) as database:
        schema.create(database)
        yield database


@pytest.fixture(name="new")
def _new(store_server: StoreServer) -> Iterator[Database]:
    url = store_server.new()
    with closing(database_at(url)) as database:
        yield database
    store_server.give_back(url)


def loaded(old: Database, new: Database) -> list[str]:
    with old.read() as source, new.write() as destination:
        load(persons, old, source, destination)
        return list(destination.execute(select(persons.c.name).order_by(persons.c.id)).scalars())


def test_texts_that_mean_something_to_copy_stay_as_they_are(old: Database, new: Database) -> None:
    """A name of a person would otherwise become nothing, or two columns."""
    names = ["\\N", "\\.", "a\tb\nc\rd", "", "'\"\\\\", "İışğ \u202e 😀", "NULL"]
    with old.write() as connection:
        connection.execute(insert(persons), [{"id": f"{n}", "name": name, "title": ""} for n, name in enumerate(names)])

    assert loaded(old, new) == names


@pytest.mark.parametrize(
    ("value", "what"), [("'Ayşe' || char(0)", "a NUL character"), ("x'41ff'", "binary data")], ids=["nul", "blob"]
)
def test_a_row_that_postgresql_cannot_store_is_named_by_its_key(
    old: Database, new: Database, value: str, what: str
) -> None:
    with old.write() as connection:
        connection.execute(text(f"INSERT INTO persons (id, name, title) VALUES ('p1', {value}, '')"))  # noqa: S608

    with pytest.raises(StoreError) as raised:
        loaded(old, new)

    values = raised.value.text.values
    assert (values["key"], values["table"], values["what"]) == ("p1", "persons", Text(what))
    assert "Ayşe" not in str(raised.value)
