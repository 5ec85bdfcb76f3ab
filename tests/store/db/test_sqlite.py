"""SQLite syncs what is committed, keeps writers apart, and stops when its file is not there any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from provisioner.core.api.errors import StoreError
from provisioner.store.db.sqlite import SqliteDatabase


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture(name="database")
def _database(file: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(f"sqlite:///{file}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT NOT NULL)"))
    yield database
    database.close()


def write(database: SqliteDatabase, word: str) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})


def test_a_commit_survives_a_power_cut(database: SqliteDatabase) -> None:
    """FULL syncs each commit; NORMAL may forget the last ones, and a password would be sent twice."""
    with database.write() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_writer_that_waits_too_long_says_who_may_hold_the_store(
    database: SqliteDatabase, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.store.db.sqlite.BUSY_TIMEOUT", 0.01)
    other = SqliteDatabase(f"sqlite:///{file}")
    with database.write(), pytest.raises(StoreError, match="is locked by another process"):
        write(other, "a")
    other.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_not_the_same_any_more_is_not_written(
    database: SqliteDatabase, file: Path, replaced: bool
) -> None:
    database.hold_on()
    write(database, "a")
    file.rename(file.with_name("moved.db"))
    if replaced:
        file.touch()

    with pytest.raises(StoreError, match="was deleted, moved or replaced"):
        write(database, "b")
