"""The driver runs what SQLAlchemy has compiled, and nobody can tell the difference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError, OperationalError

from provisioner.core.model import AccountKind, AccountState
from provisioner.store.db.chunks import CHUNK
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.rows import Row, add
from provisioner.store.db.schema import create
from provisioner.store.db.tables import accounts, clock, units
from tests.store.conftest import NOON

_STATES = select(accounts.c.login, accounts.c.state, accounts.c.opened_at, accounts.c.holder).where(
    accounts.c.login.in_(bindparam("logins", expanding=True))
)


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = database_at(f"sqlite:///{tmp_path}/store.db", rebuilds_tables=True)
    create(database)
    yield database
    database.close()


def account(login: str) -> Row:
    return dict.fromkeys(accounts.columns.keys()) | {
        "login": login,
        "domain": "meb.gov.tr",
        "unit": "46",
        "kind": AccountKind.UNIT,
        "state": AccountState.OPEN,
        "opened_at": NOON,
    }


@pytest.mark.parametrize("count", [0, 1, 3, CHUNK, 2 * CHUNK + 3])
def test_each_of_some_rows_is_found_once_as_the_model_has_it(database: Database, count: int) -> None:
    logins = [f"a{number:05}" for number in range(count)]
    with database.transaction() as transaction:
        transaction.run(add(accounts), [*map(account, logins), account("other")])
        found = transaction.find_among(_STATES, "logins", logins)

    assert sorted(found) == [(login, AccountState.OPEN, NOON, None) for login in logins]


def test_rows_are_found_by_the_names_of_values(database: Database) -> None:
    query = select(accounts.c.login).where(accounts.c.unit == bindparam("code"), accounts.c.holder.is_(None))
    with database.transaction() as transaction:
        transaction.run(add(accounts), [account("a")])

        assert transaction.find(query, code="46") == [("a",)]
        assert transaction.find(query, code="47") == []


def test_values_in_the_order_of_the_columns_are_the_same_row(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.run(add(accounts), [tuple(account("tuple").values()), account("dict")])
        found = transaction.find_among(_STATES, "logins", ["tuple", "dict"])

    assert {row[1:] for row in found} == {(AccountState.OPEN, NOON, None)}
    assert len(found) == 2


def test_a_refused_row_takes_the_whole_transaction_with_it(database: Database) -> None:
    def write() -> None:
        with database.transaction() as transaction:
            transaction.run(add(accounts), [account("a")])
            transaction.run(add(clock), [{"id": 2, "trusted_at": NOON, "latest_at": NOON}])

    with pytest.raises(IntegrityError):
        write()

    with database.transaction() as transaction:
        assert transaction.find_among(_STATES, "logins", ["a"]) == []


def test_an_error_of_the_driver_names_no_value_of_a_row(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught, database.transaction() as transaction:
        transaction.run(add(accounts), [account("kmarasmem") | {"domain": None}])

    assert "kmarasmem" not in str(caught.value)
    assert "NOT NULL" in str(database.failure(caught.value))


def test_an_error_that_all_share_is_told_from_that_of_one_row(database: Database) -> None:
    """The writer tries each submission alone after the second, and none after the first."""
    with database.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE units")

    with pytest.raises(OperationalError), database.transaction() as transaction:
        transaction.run(add(units), [dict.fromkeys(units.columns.keys())])
