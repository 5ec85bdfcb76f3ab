"""Group commit: many callers, few transactions, and nobody suffers for another."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from queue import SimpleQueue
from typing import Any

import attrs
import pytest
from sqlalchemy import event

from provisioner.core.api.errors import BusyError, StoreError, StoreUnavailableError
from provisioner.core.api.events import Event
from provisioner.store import Store
from provisioner.store.db import sqlite
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.ports import Transaction
from tests.planted import plant
from tests.store.conftest import Story

Together = Callable[[Sequence[Sequence[Event]]], list[Future[None]]]


@pytest.fixture
def commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one with each commit of the store."""
    seen: list[None] = []
    begin = type(store._database).transaction

    def count(database: Database) -> AbstractContextManager[Transaction]:
        if database is store._database:
            seen.append(None)
        return begin(database)

    monkeypatch.setattr(type(store._database), "transaction", count)
    return seen


@pytest.fixture
def write_together(store: Store, url: str) -> Together:
    """Let threads write while somebody else holds the database, so that they have to share a transaction."""
    queue = store._writer._queue = CountingQueue()

    def write(submissions: Sequence[Sequence[Event]]) -> list[Future[None]]:
        before = queue.taken
        with ThreadPoolExecutor(len(submissions)) as pool, held(url):
            futures = [pool.submit(store.write, *submission) for submission in submissions]
            wait_until(lambda: queue.taken == before + len(submissions))
        return futures

    return write


class CountingQueue(SimpleQueue[Any]):
    """Knows how much was ever put into it."""

    taken = 0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item)
        self.taken += 1


@contextmanager
def held(url: str) -> Iterator[None]:
    """Keep everybody else from writing to the database."""
    with closing(database_at(url)) as database, database.write():
        yield


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.01)


def test_callers_that_arrive_together_share_a_transaction(
    store: Store, story: type[Story], write_together: Together, commits: list[None]
) -> None:
    names = [f"a{number}" for number in range(24)]

    futures = write_together([[story(name).planned()] for name in names])

    assert [future.exception() for future in futures] == [None] * 24
    assert set(store.accounts.get_many(names)) == set(names)
    assert len(commits) <= 2


def test_lone_caller_is_not_kept_waiting(store: Store, story: type[Story], commits: list[None]) -> None:
    for submission in story("a").submissions():
        store.write(*submission)

    assert len(commits) == 4


@pytest.mark.parametrize("reason", ["unit", "id"])
def test_submission_that_the_database_refuses_spoils_only_itself(
    store: Store, story: type[Story], write_together: Together, reason: str
) -> None:
    """A unit that does not exist, and an operation id that is taken, are found by the database only."""
    old = story("old", id="taken")
    store.write(old.planned())
    store.write(old.started(), old.finished())
    bad = story("bad", unit="none") if reason == "unit" else story("bad", id="taken")
    good = [story(f"a{number}") for number in range(8)]

    *futures, refused = write_together([*([tale.planned()] for tale in good), [bad.planned()]])

    assert [future.exception() for future in futures] == [None] * 8
    assert isinstance(refused.exception(), StoreError)
    assert set(store.accounts.get_many([tale.login for tale in [*good, bad]])) == {tale.login for tale in good}
    assert store.audit_log.verify_chain() is None


def test_submission_that_is_busy_spoils_only_itself(
    store: Store, story: type[Story], write_together: Together, commits: list[None]
) -> None:
    store.write(story("busy", id="op1").planned())
    good = [story(f"a{number}") for number in range(8)]

    *futures, refused = write_together([*([tale.planned()] for tale in good), [story("busy", id="op2").planned()]])

    assert [future.exception() for future in futures] == [None] * 8
    assert isinstance(refused.exception(), BusyError)
    assert len(commits) <= 3


def test_of_two_operations_on_one_account_in_one_group_one_is_refused(
    store: Store, story: type[Story], write_together: Together
) -> None:
    futures = write_together([[story("a", id="op1").planned()], [story("a", id="op2").planned()]])

    outcomes = [type(future.exception()) for future in futures]
    assert sorted(outcome.__name__ for outcome in outcomes) == ["BusyError", "NoneType"]


@pytest.mark.sqlite
def test_full_disk_fails_everybody_and_stores_nothing(store: Store, story: type[Story]) -> None:
    pages = limit_pages(store)

    def fill() -> None:
        for number in range(1000):
            store.write(story(f"a{number}").planned())

    with pytest.raises(StoreError, match="no space is left for the store") as caught:
        fill()

    assert "free some disk space" in str(caught.value.cure)
    stored = len(list(store.audit_log.entries()))
    assert stored == len(list(store.accounts.find())) == len(list(store.operations.find()))
    pages.clear()
    store.write(story("later").planned())
    assert len(list(store.audit_log.entries())) == stored + 1
    assert store.audit_log.verify_chain() is None


def limit_pages(store: Store) -> list[int]:
    """Let the database grow by a few pages only, as long as the answer is not emptied."""
    pages = [30]

    def limit(connection: Any, *_: object) -> None:
        connection.connection.execute(f"PRAGMA max_page_count = {pages[0] if pages else 100_000}")

    event.listen(store._database.writer, "begin", limit)
    return pages


@pytest.mark.sqlite
def test_locked_database_fails_everybody_after_a_while(
    url: str, story: type[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.2)
    with Store.create(url) as store, ThreadPoolExecutor(4) as pool:
        plant(url)

        with held(url):
            futures = [pool.submit(store.write, story(f"a{number}").planned()) for number in range(4)]
            errors = [future.exception() for future in futures]

        assert [type(error) for error in errors] == [StoreUnavailableError] * 4
        assert "is locked by another process" in str(errors[0])
        assert list(store.audit_log.entries()) == []
        store.write(story("a0").planned())


def test_no_error_carries_what_was_to_be_stored(store: Store, story: type[Story]) -> None:
    """A number, a name or a login in a log file is a leak, also when it got there through a traceback."""
    tale = story("kmarasmem", unit="46-nowhere")
    event_ = attrs.evolve(tale.planned(), actor="Ayşe Yılmaz")

    with pytest.raises(StoreError) as caught:
        store.write(event_)

    text = "".join(traceback.format_exception(caught.value))
    assert "foreign key constraint" in text.lower()
    assert not {word for word in ("kmarasmem", "46-nowhere", "Ayşe", "sqlalchemy.exc") if word in text}
    assert store._database.writer.hide_parameters
    assert store._database.reader.hide_parameters


def test_defect_of_one_caller_reaches_only_this_caller(store: Store, story: type[Story]) -> None:
    @attrs.frozen(kw_only=True)
    class Unheard(Event):
        pass

    tale = story("a")
    with pytest.raises(AttributeError):
        store.write(Unheard(at=tale.at, operation_id="x", login="a", actor="p"))

    store.write(tale.planned())


def test_nothing_runs_before_the_first_write_and_after_the_end(url: str, story: type[Story]) -> None:
    others = threading.enumerate()

    def writers() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread not in others]

    store = Store.create(url)
    plant(url)
    assert writers() == []

    store.write(story("a").planned())
    assert writers() == ["store-writer"]

    store.close()
    assert writers() == []


def test_closed_store_says_so(url: str, story: type[Story]) -> None:
    store = Store.create(url)
    store.close()
    store.close()

    with pytest.raises(StoreError, match="the store is closed"):
        store.write(story("a").planned())
    with pytest.raises(StoreError, match="the store is closed"):
        store.units.get_many(["46"])


def test_what_was_handed_over_before_the_end_is_stored(url: str, story: type[Story]) -> None:
    store = Store.create(url)
    plant(url)
    queue = store._writer._queue = CountingQueue()
    with ThreadPoolExecutor(9) as pool:
        with held(url):
            writes = [pool.submit(store.write, story(f"a{number}").planned()) for number in range(8)]
            wait_until(lambda: queue.taken == 8)
            end = pool.submit(store.close)
            wait_until(lambda: store._writer._closed)
        end.result()

    assert [write.exception() for write in writes] == [None] * 8
    with Store.open(url) as store:
        assert len(list(store.accounts.find())) == 8


def test_thirty_two_threads_carry_out_operations(url: str, story: type[Story]) -> None:
    with Store.create(url) as store:
        plant(url)
        seen: list[None] = []
        event.listen(store._database.writer, "commit", lambda _: seen.append(None))

        def live(name: str) -> None:
            for submission in story(name).submissions():
                store.write(*submission)

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(live, [f"a{number}" for number in range(320)]))

        assert len(seen) < 4 * 320 / 2
        assert {state.value: count for state, count in store.operations.count().items()} == {"done": 320}
        assert store.audit_log.verify_chain() is None
