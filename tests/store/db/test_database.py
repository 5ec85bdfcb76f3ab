"""A transaction is kept whole or not at all, and its errors say nothing of the rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from provisioner.core.api.errors import StoreError
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at


@pytest.fixture(name="database")
def _database(url: str) -> Iterator[Database]:
    database = database_at(url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT NOT NULL)"))
    yield database
    database.close()


def write(database: Database, *words: str | None) -> None:
    with database.write() as connection:
        for word in words:
            connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})


def words(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT word FROM notes")).scalars())


def test_what_fails_in_the_middle_leaves_nothing(database: Database) -> None:
    with pytest.raises(StoreError):
        write(database, "a", None)

    assert words(database) == []


def test_an_error_has_no_value_of_a_row(database: Database) -> None:
    with pytest.raises(StoreError) as caught, database.write() as connection:
        connection.execute(text("INSERT INTO missing VALUES (:word)"), {"word": "hunter2"})

    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_reader_sees_one_state_and_keeps_no_writer_out(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM notes")).scalar() == 0
        write(database, "a")
        assert connection.execute(text("SELECT count(*) FROM notes")).scalar() == 0

    assert words(database) == ["a"]


def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    with pytest.raises(StoreError, match="the store is closed"):
        words(database)
