"""A worker goes on whatever fails, hands on what it could not finish, and shares slots with other workers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import NotReadyError, StoreError
from provisioner.core.model.days import utc_now
from provisioner.core.model.routines import WorkerRoutine
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.services.slots import Intervals
from provisioner.services.worker import RunState, WatchedStop, Worker, WorkerTask, tasks_of
from provisioner.store import Store

DAILY = Intervals(timedelta(days=1))
Work = Callable[[Application, threading.Event], bool]


@contextmanager
def no_application(_: threading.Event) -> Iterator[Application]:
    yield cast("Application", None)


def task(routine: WorkerRoutine, work: Work) -> WorkerTask:
    return WorkerTask(routine=routine, timetable=DAILY, work=work)


class StopAfterLooks(WatchedStop):
    """Stops a worker after it has looked for slots so many times."""

    def __init__(self, stop: threading.Event, *, looks: int) -> None:
        super().__init__(stop)
        self.looks = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.looks -= 1
        if not self.looks:
            self._stop.set()
        return super().wait(timeout)


@pytest.fixture(name="stop")
def _stop() -> Iterator[threading.Event]:
    """Return what stops the workers; a worker that never comes to its end is stopped in the end."""
    stop = threading.Event()
    timer = threading.Timer(120, stop.set)
    timer.start()
    yield stop
    timer.cancel()


@pytest.fixture(name="make_worker")
def _make_worker(tmp_path: Path, stop: threading.Event) -> Iterator[Callable[..., Worker]]:
    url, stores = f"sqlite:///{tmp_path}/store.sqlite", []
    Store.create(url).close()

    def make(*tasks: WorkerTask) -> Worker:
        stores.append(Store.open(url))
        return Worker(
            store=stores[-1],
            open_application=no_application,
            tasks=tasks,
            look_every=timedelta(milliseconds=1),
            stop=WatchedStop(stop),
        )

    yield make
    for store in stores:
        store.close()


def test_a_routine_that_fails_does_not_keep_the_next_one_from_running(
    make_worker: Callable[..., Worker], stop: threading.Event
) -> None:
    ran = Counter[str]()

    def fail(_: Application, __: threading.Event) -> bool:
        ran["sweep"] += 1
        raise NotReadyError([])

    def finish(_: Application, __: threading.Event) -> bool:
        ran["reconcile"] += 1
        return True

    worker = make_worker(task(WorkerRoutine.SWEEP, fail), task(WorkerRoutine.RECONCILE, finish))
    worker.stop = StopAfterLooks(stop, looks=3)
    worker.run()

    assert ran == {"sweep": 1, "reconcile": 1}, "a routine is tried again in its next slot only"
    sweep, reconcile = worker.runs[WorkerRoutine.SWEEP], worker.runs[WorkerRoutine.RECONCILE]
    assert (sweep.state, sweep.error) == (RunState.FAILED, "NotReadyError")
    assert (reconcile.state, reconcile.error) == (RunState.DONE, "")


def test_what_a_stopped_worker_has_not_finished_another_one_does(
    make_worker: Callable[..., Worker], stop: threading.Event
) -> None:
    """Otherwise an upgrade in the middle of a daily sweep would put the rest off until the next day."""

    def work(_: Application, watched: threading.Event) -> bool:
        stop.set()
        return not watched.is_set()

    def finish(_: Application, __: threading.Event) -> bool:
        stop.set()
        return True

    worker = make_worker(task(WorkerRoutine.SWEEP, work))
    worker.run()
    assert worker.runs[WorkerRoutine.SWEEP].state is RunState.STOPPED

    stop.clear()
    other = make_worker(task(WorkerRoutine.SWEEP, finish))
    other.run()

    assert other.runs[WorkerRoutine.SWEEP].state is RunState.DONE


def test_workers_on_one_store_run_each_slot_once(make_worker: Callable[..., Worker]) -> None:
    ran = Counter[WorkerRoutine]()

    def work(_: Application, __: threading.Event) -> bool:
        ran[WorkerRoutine.SWEEP] += 1
        return True

    workers = [make_worker(task(WorkerRoutine.SWEEP, work)) for _ in range(3)]
    for worker in workers:
        worker.stop = StopAfterLooks(threading.Event(), looks=3)
    with ThreadPoolExecutor(3) as pool:
        for ended in [pool.submit(worker.run) for worker in workers]:
            ended.result()

    assert ran == {WorkerRoutine.SWEEP: 1}


def test_a_worker_whose_store_fails_goes_on(
    make_worker: Callable[..., Worker], stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(task(WorkerRoutine.SWEEP, lambda *_: True))
    looks = 0

    def fail(*_: object, **__: object) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            stop.set()
        raise StoreError("the store is away")

    monkeypatch.setattr(worker.store.slots, "take", fail)
    worker.run()

    assert looks == 3


def test_only_the_work_itself_counts_as_a_sign_of_work() -> None:
    now = 0.0
    watched = WatchedStop(threading.Event(), lambda: now)
    now = 60.0
    assert not watched.is_stopping
    assert watched.seconds_since == 60

    watched.is_set()

    assert watched.seconds_since == 0


def test_the_routines_do_what_the_commands_do(
    app: Application, office_config: LoadedConfiguration, stop: threading.Event
) -> None:
    file = office_config.file
    file.write_text(file.read_text() + '[worker]\nreconcile_at = ["03:00"]\n')
    resume, sweep, reconcile = tasks_of(load(file).content, actor="9000")

    def last(app: Application, watched: threading.Event) -> bool:
        is_clean = reconcile.work(app, watched)
        stop.set()
        return is_clean

    worker = Worker(
        store=app.store,
        open_application=lambda watched: application(load(file), stop=watched),
        tasks=[resume, sweep, attrs.evolve(reconcile, work=last)],
        look_every=timedelta(milliseconds=10),
        stop=WatchedStop(stop),
    )
    before = utc_now()
    worker.run()

    assert {routine: run.state for routine, run in worker.runs.items()} == dict.fromkeys(WorkerRoutine, RunState.DONE)
    assert app.store.routines.last()
    comparison = app.store.comparisons.last("directory")
    assert comparison
    assert comparison.ended_at >= before
