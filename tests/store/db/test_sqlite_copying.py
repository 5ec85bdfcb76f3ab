"""A copy is of one moment, however busy the database is, and a damaged one is no copy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.store import Store
from provisioner.store.db import sqlite_copying
from provisioner.store.db.opening import database_at
from provisioner.store.db.sqlite_copying import copy_file

#: Changes two rows that are far apart, in one transaction, as often as it can.
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
connection.execute("PRAGMA synchronous=OFF")
for number in range(10**9):
    connection.execute("UPDATE units SET kind = ? WHERE code IN ('u0', 'u2999')", (number,))
    if number == 100:
        print(flush=True)
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """A store of some thousand pages."""
    (tmp_path / "copy").mkdir()
    file = tmp_path / "store.db"
    Store.create(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file)) as connection, connection:
        rows = ((f"u{n}", "x" * 4000, n % 2) for n in range(3000))
        connection.executemany("INSERT INTO units (code, name, kind) VALUES (?, ?, ?)", rows)
    return file


def kinds(file: Path) -> tuple[str, str]:
    """Return what the writer wrote to the first and to the last row."""
    with closing(sqlite3.connect(file)) as connection:
        [first, last] = connection.execute("SELECT kind FROM units WHERE code IN ('u0', 'u2999') ORDER BY code")
        return first[0], last[0]


def test_a_writer_neither_waits_for_a_copy_nor_gets_into_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would otherwise start the copy again after each change, and never end on a busy store."""
    monkeypatch.setattr(sqlite_copying, "_PAGES", 1)
    with subprocess.Popen([sys.executable, "-c", WRITER, file], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        patience = threading.Timer(120, writer.kill)
        patience.start()
        with closing(database_at(f"sqlite:///{file}")) as database, database.read() as connection:
            copy_file(connection, tmp_path / "copy.db")
        is_writing = writer.poll() is None
        patience.cancel()
        writer.kill()

    assert is_writing
    first, last = kinds(tmp_path / "copy.db")
    assert first == last
    assert kinds(file)[0] != first


def test_the_copy_is_one_file_for_its_owner_alone(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"

    with closing(database_at(f"sqlite:///{file}")) as database, closing(database.copy_into(folder)) as copied:
        assert copied.place == str(folder / "store.db")

    assert [(path.name, oct(path.stat().st_mode & 0o777)) for path in folder.iterdir()] == [("store.db", "0o600")]


def test_a_damaged_store_is_not_taken_for_a_sound_copy(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = b"\xff" * 8192
    file.write_bytes(content)

    with (
        closing(database_at(f"sqlite:///{file}")) as database,
        pytest.raises(StoreError, match=r"store\.db is damaged"),
    ):
        database.copy_into(tmp_path / "copy")


def test_a_copy_that_has_no_place_says_so(file: Path, tmp_path: Path) -> None:
    with closing(database_at(f"sqlite:///{file}")) as database, pytest.raises(StoreError, match="nowhere"):
        database.copy_into(tmp_path / "nowhere")
