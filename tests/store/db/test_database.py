"""The database syncs what is committed, keeps writers apart, and stops when its file is not there any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from provisioner.core.api.errors import StoreError
from provisioner.store.db.database import Database


@pytest.fixture(name="database")
def _database(url: str) -> Iterator[Database]:
    database = Database(url)
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


def test_a_commit_survives_a_power_cut(database: Database) -> None:
    """FULL syncs each commit; NORMAL may forget the last ones, and a password would be sent twice."""
    with database.write() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


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


def test_a_writer_that_waits_too_long_says_who_may_hold_the_store(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.store.db.database.BUSY_TIMEOUT", 0.01)
    other = Database(url)
    with database.write(), pytest.raises(StoreError, match="is locked by another process"):
        write(other, "a")
    other.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_not_the_same_any_more_is_not_written(
    database: Database, tmp_path: Path, replaced: bool
) -> None:
    database.hold_on()
    write(database, "a")
    (tmp_path / "store.db").rename(tmp_path / "moved.db")
    if replaced:
        (tmp_path / "store.db").touch()

    with pytest.raises(StoreError, match="was deleted, moved or replaced"):
        write(database, "b")


def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    with pytest.raises(StoreError, match="the store is closed"):
        words(database)
