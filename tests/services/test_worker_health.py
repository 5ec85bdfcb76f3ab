"""What a worker answers about its health is true, and names nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.model.routines import WorkerRoutine
from provisioner.net.http_service import HttpCall
from provisioner.services.application import Application
from provisioner.services.slots import Intervals
from provisioner.services.worker import WatchedStop, Worker, WorkerTask
from provisioner.services.worker_health import WorkerHealth
from provisioner.store import Store


class Figures:
    """A worker that is asked about its health, and the clock by which it moves."""

    def __init__(self, store: Store) -> None:
        self.seconds = 0.0
        self.stop = threading.Event()
        task = WorkerTask(routine=WorkerRoutine.SWEEP, timetable=Intervals(timedelta(days=1)), work=self.work)
        self.watched = WatchedStop(self.stop, lambda: self.seconds)
        self.worker = Worker(
            store=store,
            open_application=self.open,
            tasks=[task],
            look_every=timedelta(milliseconds=1),
            stop=self.watched,
        )

    @contextmanager
    def open(self, _: threading.Event) -> Iterator[Application]:
        yield cast("Application", None)

    def work(self, _: Application, __: threading.Event) -> bool:
        self.stop.set()
        raise BusyError("{login} is held by {holder}", login="ayse.isik", holder="+905321234567")

    def ask(self, path: str, method: str = "GET") -> tuple[int, dict[str, object]]:
        answer = WorkerHealth(self.worker, 60).answer(HttpCall(method=method, path=path))
        return answer.status, json.loads(answer.body or "{}")


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(f"sqlite:///{tmp_path}/store.sqlite") as store:
        yield store


@pytest.fixture(name="figures")
def _figures(store: Store) -> Figures:
    return Figures(store)


def test_a_loop_that_does_not_move_is_told(figures: Figures) -> None:
    figures.seconds = 60
    assert figures.ask("/healthz") == (200, {"status": "ok", "last_step_seconds_ago": 60, "routines": {}})

    figures.seconds = 61
    status, document = figures.ask("/healthz")
    assert (status, document["status"]) == (503, "stuck")


def test_neither_the_loop_nor_a_chunk_hides_that_the_other_is_stuck(figures: Figures) -> None:
    with figures.watched.part() as chunk:
        figures.seconds = 61
        chunk.is_set()
        assert figures.ask("/healthz")[0] == 503

        figures.watched.is_set()
        assert figures.ask("/healthz")[0] == 200

        figures.seconds = 122
        figures.watched.is_set()
        assert figures.ask("/healthz")[0] == 503

    assert figures.ask("/healthz")[0] == 200, "a chunk that has ended is not stuck"


def test_asking_does_not_make_a_stuck_worker_look_alive(figures: Figures) -> None:
    figures.seconds = 61

    figures.ask("/readyz")

    assert figures.ask("/healthz")[0] == 503


def test_a_worker_that_stops_or_has_no_store_is_not_ready(figures: Figures, store: Store) -> None:
    assert figures.ask("/readyz") == (200, {"status": "ok"})

    store.close()
    assert figures.ask("/readyz") == (503, {"status": "no store"})

    figures.stop.set()
    assert figures.ask("/readyz") == (503, {"status": "stopping"})


def test_a_routine_that_failed_is_told_without_a_name(figures: Figures) -> None:
    figures.worker.run()

    status, document = figures.ask("/healthz")

    assert status == 200, "a restart cures no routine"
    assert cast("dict[str, dict[str, object]]", document["routines"])["sweep"]["error"] == "BusyError"
    assert "ayse" not in json.dumps(document)


def test_nothing_else_is_served(figures: Figures) -> None:
    assert figures.ask("/") == (404, {})
    assert figures.ask("/healthz/x") == (404, {})
    assert figures.ask("/healthz", "POST")[0] == 405
