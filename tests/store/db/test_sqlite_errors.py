from __future__ import annotations

import sqlite3

import pytest

from provisioner.store.db.sqlite_errors import store_error


def failing(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what the driver says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_BUSY, "is locked by another process"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "is locked by another process"),
        (sqlite3.SQLITE_FULL, "no space is left"),
        (sqlite3.SQLITE_READONLY, "cannot be written"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_IOERR, "failed: what the driver says"),
    ],
)
def test_a_failure_of_the_database_is_said_as_another_one(code: int, said: str) -> None:
    assert said in str(store_error(failing(code), "/var/lib/store.db"))
