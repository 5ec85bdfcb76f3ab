"""Changes that are sent together are kept together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, delete, select, update

from provisioner.core.api.errors import StoreError
from provisioner.core.model import OperationState
from provisioner.store import Store
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.rows import add, given_rows
from provisioner.store.db.tables import operations, units
from tests.store.conftest import Story

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql"), pytest.mark.postgresql]

_NAMES = select(units.c.code, units.c.name).order_by(units.c.code)
_RENAME = update(units).where(units.c.code == bindparam("this")).values(name=bindparam("name"))
NUMBER = "05321234567"
_REMOVE = delete(units).where(units.c.code == bindparam("this"))


@pytest.fixture(name="database")
def _database(store: Store, url: str) -> Iterator[Database]:
    database = database_at(url)
    yield database
    database.close()


def unit(code: str) -> dict[str, object]:
    return dict.fromkeys(units.c.keys()) | {"code": code, "name": code, "kind": "office"}


def test_changes_are_made_in_order_and_seen_by_the_next_question(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.queue(add(units), [unit(code) for code in "abc"])
        transaction.queue(_RENAME, [{"this": code, "name": code.upper()} for code in "ab"])
        transaction.queue(_REMOVE, [{"this": "c"}])
        asked = [name for _, name in transaction.find(_NAMES)]
        transaction.queue(_RENAME, [{"this": "b", "name": "Son"}])

    with database.read() as connection:
        kept = list(connection.execute(_NAMES).all())
    assert asked[-2:] == ["A", "B"]
    assert [tuple(row) for row in kept[-2:]] == [("a", "A"), ("b", "Son")]


def test_changes_that_share_a_statement_keep_to_their_own_values(database: Database) -> None:
    given = given_rows(this=units.c.code, name=units.c.name, removed_at=units.c.removed_at)
    change = update(units).where(units.c.code == given.c.this).values(name=given.c.name, removed_at=given.c.removed_at)
    remove = delete(units).where(units.c.code.in_(select(given_rows(this=units.c.code).c.this)))
    codes = [f"u{number}" for number in range(5)]
    with database.transaction() as transaction:
        transaction.queue(add(units), [unit(code) for code in codes])
        changes = [{"this": code, "name": code.upper(), "removed_at": None} for code in codes[:2]]
        transaction.queue(change, changes)
        transaction.queue(remove, [{"this": code} for code in codes[3:]])

    with database.read() as connection:
        kept = connection.execute(_NAMES.where(units.c.code.in_(codes))).all()
    assert [tuple(row) for row in kept] == [("u0", "U0"), ("u1", "U1"), ("u2", "u2")]


def test_if_one_change_fails_none_is_kept_and_no_value_is_told(database: Database) -> None:
    def change() -> None:
        with database.failures(), database.transaction() as transaction:
            transaction.queue(add(units), [unit("a")])
            transaction.queue(add(operations), [dict.fromkeys(operations.c.keys()) | {"id": "x", "login": NUMBER}])
            transaction.queue(add(units), [unit("c")])

    with pytest.raises(StoreError) as caught:
        change()

    assert NUMBER not in str(caught.value)
    with database.transaction() as transaction:
        assert {code for code, _ in transaction.find(_NAMES)}.isdisjoint("ac")


def test_a_reader_finds_what_was_written_as_soon_as_the_writer_is_told(store: Store, story: type[Story]) -> None:
    for number in range(20):
        tale = story(f"a{number}")
        store.write(tale.planned())
        store.write(tale.started(), tale.finished())

        assert store.operations.get_many([tale.id])[tale.id].state is OperationState.DONE
    assert store.audit_log.verify_chain() is None
