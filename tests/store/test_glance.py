"""A glance answers as the whole store does, and fails as it does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.model import SessionsState
from provisioner.core.reconcile.ports import LastSeen
from provisioner.store import Store
from provisioner.store.glance import Glance
from provisioner.testing import samples
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

LOGIN = samples.ACCOUNT.login


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture(name="harness")
def _harness(path: Path) -> Iterator[Harness]:
    """Return an office with an open account of which everything is known that a store can tell."""
    targets = {"posta": MemoryTarget(), "pys": MemoryTarget()}
    with Harness(path, targets=targets, channels={"phones": MemoryChannel()}) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        list(harness.engine.iter_apply(harness.planner.open_units([samples.UNIT], initiator=INITIATOR)))
        account = harness.store.accounts.get_many([LOGIN])[LOGIN]
        list(harness.engine.iter_apply(harness.planner.rotate([account], initiator=INITIATOR)))
        seen = LastSeen(login=LOGIN, at=harness.clock(), run="run-1", reference=None)
        harness.store.last_seen.note("posta", [seen])
        yield harness


def test_an_account_looks_otherwise_than_in_the_store(harness: Harness, path: Path) -> None:
    store, logins = harness.store, [LOGIN, "unknown"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO account_sessions VALUES (?, 'posta', ?)", (LOGIN, SessionsState.OPEN))
        connection.execute("UPDATE accounts SET next_deadline = '2027-01-02 03:04:05.000006', next_action = 'rotate'")

    with Glance.at(path) as glance:
        assert glance.accounts.get_many(logins) == store.accounts.get_many(logins)
        assert glance.accounts.all_target_states([LOGIN]) == store.accounts.all_target_states([LOGIN])
        assert glance.accounts.sessions([LOGIN]) == store.accounts.sessions([LOGIN])
        assert glance.last_seen.times(LOGIN) == store.last_seen.times(LOGIN)
        assert list(glance.deliveries.recent(LOGIN)) == list(store.deliveries.recent(LOGIN))[:1]
        assert glance.deliveries.recent("unknown") == []

    assert len(store.deliveries.recent(LOGIN)) == 2
    assert all([store.last_seen.times(LOGIN), store.accounts.sessions([LOGIN]), store.accounts.target_states(LOGIN)])


def spoil(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def link_elsewhere(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILT: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "no database": lambda path: path.write_bytes(b"x" * 5000),
    "of another program": lambda path: spoil(path, "DROP TABLE alembic_version"),
    "older": lambda path: spoil(path, "UPDATE alembic_version SET version_num = '0001'"),
    "half made": lambda path: spoil(path, "DELETE FROM alembic_version"),
    "newer": lambda path: spoil(path, "UPDATE alembic_version SET version_num = '9999'"),
    "a link": link_elsewhere,
    "a folder": make_folder,
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_is_no_store_is_told_otherwise_than_by_the_store(path: Path, kind: str) -> None:
    Store.create(f"sqlite:///{path}").close()
    SPOILT[kind](path)

    def whole() -> None:
        Store.open(f"sqlite:///{path}").close()

    def part() -> None:
        with Glance.at(path):
            pass

    assert said_by(part) == said_by(whole)


def said_by(opening: Callable[[], None]) -> tuple[str, str] | None:
    """Return what an opening fails with, if it fails."""
    try:
        opening()
    except StoreError as error:
        return str(error), str(error.cure)
    return None


def test_a_store_that_is_locked_is_a_defect(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.create(f"sqlite:///{path}").close()
    monkeypatch.setattr("provisioner.store.glance._BUSY_TIMEOUT", 0.1)
    spoil(path, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked by another process"), Glance.at(path):
            pass
