"""A consumer goes on whatever its chunks and the database do, and gives back what it could not finish."""

from __future__ import annotations

import asyncio
import queue as queues
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from provisioner.store.queue import consumer
from provisioner.store.queue.chunks import ChunkQueue
from provisioner.store.queue.consumer import ChunkConsumer, ChunkStopped

pytestmark = pytest.mark.postgresql

#: How long something may take that takes a moment, in seconds.
PATIENCE = 60

CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""

STATES = "SELECT args -> 'operations', status FROM provisioner_queue.procrastinate_jobs ORDER BY id"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "RESCUE_EVERY", 0.1)
    monkeypatch.setattr(consumer, "PAUSE", 0.1)


@contextmanager
def consuming(queue: ChunkQueue, carry_out: Callable[[Sequence[str]], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(
        target=ChunkConsumer(connection=queue.connection, carry_out=carry_out, stop=stop, at_once=2).run
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def states(database: psycopg.Connection[Any]) -> list[tuple[list[str], str]]:
    return [(operations, status) for operations, status in database.execute(STATES)]


def test_a_chunk_that_fails_ends_and_the_next_one_is_taken(
    database: psycopg.Connection[Any], queue: ChunkQueue
) -> None:
    """The operations are handed out again when they are due; a job that fails for ever must not be in their way."""
    taken: queues.SimpleQueue[Sequence[str]] = queues.SimpleQueue()

    def carry_out(ids: Sequence[str]) -> None:
        taken.put(ids)
        raise ZeroDivisionError

    with consuming(queue, carry_out):
        queue.hand_out(["a", "b"])
        assert taken.get(timeout=PATIENCE) == ["a", "b"]
        queue.hand_out(["c"])
        assert taken.get(timeout=PATIENCE) == ["c"]

    assert states(database) == []


def test_a_chunk_of_a_worker_that_stops_goes_back(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    taken = threading.Event()

    def carry_out(_: Sequence[str]) -> None:
        taken.set()
        raise ChunkStopped

    queue.hand_out(["a"])
    with consuming(queue, carry_out):
        assert taken.wait(PATIENCE)

    assert states(database) == [(["a"], "todo")]


def test_what_was_begun_ends_before_a_consumer_does(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    begun, ended = threading.Event(), threading.Event()

    def carry_out(_: Sequence[str]) -> None:
        begun.set()
        ended.wait(0.5)
        ended.set()

    queue.hand_out(["a"])
    with consuming(queue, carry_out):
        assert begun.wait(PATIENCE)

    assert ended.is_set()
    assert states(database) == []


def test_a_chunk_whose_worker_is_gone_goes_to_another_one(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    """Killed workers leave their jobs as they are, and no other worker of procrastinate would take them."""
    taken = threading.Event()
    queue.hand_out(["a"])
    database.execute("UPDATE provisioner_queue.procrastinate_jobs SET status = 'doing'")

    with consuming(queue, lambda _: taken.set()):
        assert taken.wait(PATIENCE)

    assert states(database) == []


def test_a_consumer_goes_on_when_its_connections_are_cut(database: psycopg.Connection[Any], queue: ChunkQueue) -> None:
    taken: queues.SimpleQueue[Sequence[str]] = queues.SimpleQueue()

    with consuming(queue, taken.put):
        queue.hand_out(["a"])
        assert taken.get(timeout=PATIENCE) == ["a"]
        for _ in range(2):
            database.execute(CUT)
        queue.hand_out(["b"])
        while taken.get(timeout=PATIENCE) != ["b"]:
            pass  # the first one may come again: that it ended could not be written down


def test_what_a_call_that_nobody_awaits_says_stays_out_of_the_logs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """procrastinate leaves such calls when the database is lost. asyncio would print a traceback."""
    stop = threading.Event()

    def lose(*_: object) -> None:
        asyncio.get_running_loop().create_future().set_exception(ValueError("+905321234567"))
        stop.set()
        raise ConnectionError

    monkeypatch.setattr(ChunkConsumer, "_app", lose)
    ChunkConsumer(connection={}, carry_out=lambda _: None, stop=stop).run()

    said = f"{capsys.readouterr().out}{[record.__dict__ for record in caplog.records]}"
    assert "queue_call_failed" in said
    assert "5321234567" not in said


def test_what_an_unknown_error_says_stays_out_of_the_logs(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can name people."""

    def carry_out(_: Sequence[str]) -> None:
        raise ValueError("+905321234567")

    ChunkConsumer(connection={}, carry_out=carry_out, stop=threading.Event())._attempt(["a"])

    said = f"{capsys.readouterr().out}{[record.__dict__ for record in caplog.records]}"
    assert "ValueError" in said
    assert "5321234567" not in said
