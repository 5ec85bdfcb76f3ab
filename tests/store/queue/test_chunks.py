"""Operations go into the queue with their plan, in chunks, once, and without what makes the queue slow."""

from __future__ import annotations

import sys
import threading
from typing import Any

import attrs
import psycopg
import pytest

from provisioner.core.api.errors import BusyError, StoreError
from provisioner.core.api.events import OperationPlanned
from provisioner.core.model import OperationKind, OperationState
from provisioner.store import Store
from provisioner.store.queue import chunks
from provisioner.store.queue.chunks import CHUNK, ChunkQueue, QueueDepth
from tests.store.conftest import NOON, Story

pytestmark = pytest.mark.postgresql

JOBS = "SELECT args -> 'operations', lock, queueing_lock, priority FROM procrastinate_jobs ORDER BY id"


def handed_out(database: psycopg.Connection[Any]) -> list[list[str]]:
    return [operations for operations, *_ in database.execute(JOBS)]


def planned(tale: Story, **facts: Any) -> OperationPlanned:
    return attrs.evolve(tale.planned(), operation=attrs.evolve(tale.operation, **facts))


def test_an_operation_is_handed_out_when_its_plan_is_committed(
    database: psycopg.Connection[Any], queue: ChunkQueue, store: Store, story: type[Story]
) -> None:
    first, second = story("a"), story("b")
    store.write(first.planned(), second.planned())

    with pytest.raises(BusyError):
        store.write(story("a", id="another").planned())

    assert handed_out(database) == [[first.id, second.id]]


def test_what_waits_or_may_still_be_held_is_not_handed_out(
    database: psycopg.Connection[Any], queue: ChunkQueue, store: Store, story: type[Story]
) -> None:
    """A closure that began at once could exceed the mass-change limit together with another run."""
    store.write(planned(story("a"), next_try_at=NOON))
    store.write(planned(story("b"), state=OperationState.STAGED))
    store.write(planned(story("c"), kind=OperationKind.CLOSE))

    assert handed_out(database) == []


def test_an_error_of_the_queue_is_one_of_the_store_and_nothing_is_planned(
    database: psycopg.Connection[Any], queue: ChunkQueue, store: Store, story: type[Story]
) -> None:
    database.execute("ALTER TABLE provisioner_queue.procrastinate_jobs RENAME TO lost")

    with pytest.raises(StoreError):
        store.write(story("a").planned())

    assert list(store.operations.find()) == []


def test_jobs_are_large_and_have_neither_locks_nor_priorities(
    database: psycopg.Connection[Any], queue: ChunkQueue
) -> None:
    queue.hand_out([f"op{number}" for number in range(2 * CHUNK + 50)])

    rows = list(database.execute(JOBS))
    assert [len(operations) for operations, *_ in rows] == [CHUNK, CHUNK, 50]
    assert {tuple(rest) for _, *rest in rows} == {(None, None, 0)}


def test_a_batch_is_analyzed_at_once_and_workers_keep_no_general_plan(
    database: psycopg.Connection[Any], queue: ChunkQueue
) -> None:
    """Otherwise a worker that was idle fetches with a plan for an empty table, which takes seconds for each job."""
    queue.hand_out([f"op{number}" for number in range(3 * CHUNK)])

    rows = database.execute("SELECT reltuples FROM pg_class WHERE relname = 'procrastinate_jobs'").fetchone()
    assert rows == (3.0,)
    with psycopg.connect(**queue.connection) as connection:
        connection.execute(chunks.SESSION)
        assert connection.execute("SHOW plan_cache_mode").fetchone() == ("force_custom_plan",)


def test_an_operation_is_handed_out_once_until_it_returns(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    assert list(queue.hand_out(["a", "b"])) == ["a", "b"]
    database.execute("UPDATE provisioner_queue.procrastinate_jobs SET status = 'doing'")

    assert list(queue.hand_out(["b", "c"])) == ["c"]

    database.execute("DELETE FROM provisioner_queue.procrastinate_jobs")
    assert list(queue.hand_out(["a", "b", "c"])) == ["a", "b", "c"]


def test_operations_return_as_their_chunks_end(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    queue.hand_out(["a", "b"])
    queue.hand_out(["c"])
    found = queue.returned(["a", "b", "c", "never handed out"], threading.Event())

    assert next(found) == ["never handed out"]
    database.execute("DELETE FROM provisioner_queue.procrastinate_jobs WHERE args -> 'operations' ? 'a'")
    assert next(found) == ["a", "b"]
    database.execute("DELETE FROM provisioner_queue.procrastinate_jobs")
    assert list(found) == [["c"]]


def test_who_stops_waits_no_longer(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    queue.hand_out(["a"])
    stop = threading.Event()
    stop.set()

    assert list(queue.returned(["a"], stop)) == [[]]


def test_the_queue_of_another_version_is_made_anew(
    database: psycopg.Connection[Any], queue: ChunkQueue, store: Store
) -> None:
    queue.hand_out(["a"])
    queue.prepare()
    assert handed_out(database) == [["a"]]
    database.execute("COMMENT ON SCHEMA provisioner_queue IS 'procrastinate 2.0'")

    with pytest.raises(StoreError, match="no queue of this version"):
        store.share_operations()
    queue.prepare()

    store.share_operations()
    assert handed_out(database) == []


def test_a_store_without_a_queue_says_so(database: psycopg.Connection[Any], store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.share_operations()

    assert "provisioner init" in str(caught.value.cure)


def test_a_missing_extra_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "procrastinate", None)

    with pytest.raises(StoreError) as caught:
        store.queue()

    assert "unit-provisioner[cluster]" in str(caught.value.cure)


def test_the_depth_counts_chunks_and_workers_that_live(
    database: psycopg.Connection[Any], queue: ChunkQueue, store: Store, story: type[Story]
) -> None:
    assert queue.depth() == QueueDepth(waiting=0, taken=0, workers=0)

    store.write(story("a").planned())
    store.write(story("b").planned())
    database.execute(
        "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (SELECT min(id) FROM procrastinate_jobs)"
    )
    heartbeat = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))"
    for age in (0, 60):
        database.execute(heartbeat, [age])

    assert queue.depth() == QueueDepth(waiting=1, taken=1, workers=1)
