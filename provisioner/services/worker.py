"""A worker: one process that runs the routines of a schedule, together with any number of others.

It calls the same services as the commands and has no rules of its own. A routine that fails is logged and tried again
in its next slot. Each run has an application of its own, as each command has, so that it reads secrets again and
forgets everything at its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from provisioner.config.load import Configuration
from provisioner.core.api.errors import ProvisionerError, StoreError
from provisioner.core.api.logs import Logger
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.core.model.routines import WorkerRoutine
from provisioner.services.application import Application
from provisioner.services.reconcile import ComparedTarget
from provisioner.services.slots import DailyTimes, Intervals, Timetable
from provisioner.store import Store

log = Logger(__name__)

#: Opens an application whose work ends between two steps when the event is set.
OpenApplication = Callable[[threading.Event], AbstractContextManager[Application]]


class RunState(StrEnum):
    """What became of the last run of a routine."""

    RUNNING = "running"
    DONE = "done"
    #: Something is left to do, for the next run or for a person.
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    #: The worker was asked to stop. Another one takes the slot again.
    STOPPED = "stopped"


@attrs.frozen(kw_only=True)
class WorkerRun:
    """The last run of a routine in this worker."""

    slot: datetime
    state: RunState = RunState.RUNNING
    #: The class of the error that ended it; empty if there was none.
    error: str = ""


@attrs.frozen(kw_only=True)
class WorkerTask:
    """A routine, when it runs, and what it does.

    Args:

        routine: The routine.

        timetable: When it runs.

        work: Does it, and returns whether nothing is left. It ends between two steps when the event is set.
    """

    routine: WorkerRoutine
    timetable: Timetable
    work: Callable[[Application, threading.Event], bool]


class WatchedStop(threading.Event):
    """The event that stops the work, which also notes when the work last asked for it.

    The work asks between any two steps, so it shows that the work moves, without a call of its own. Work that goes on
    beside other work has a part of its own, so that one can't hide that the other is stuck.

    Args:

        stop: The event.

        seconds: A clock that is never set.
    """

    def __init__(self, stop: threading.Event, seconds: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._stop = stop
        self._seconds = seconds
        self._moved_at = seconds()
        #: It is replaced as a whole, so that other threads may read it.
        self._parts: frozenset[WatchedStop] = frozenset()
        self._lock = threading.Lock()

    @contextmanager
    def part(self) -> Iterator[WatchedStop]:
        """Yield the event for work that is done beside other work, and watch that within the ``with`` block."""
        part = WatchedStop(self._stop, self._seconds)
        with self._lock:
            self._parts |= {part}
        try:
            yield part
        finally:
            with self._lock:
                self._parts -= {part}

    @property
    def seconds_since(self) -> float:
        """How many seconds ago the work last asked; if there are parts, that which has not asked for longest."""
        return max(self._seconds() - self._moved_at, *(part.seconds_since for part in self._parts), 0.0)

    @property
    def is_stopping(self) -> bool:
        """Whether the work is to end. Asking this is not a sign of work."""
        return self._stop.is_set()

    def is_set(self) -> bool:
        """Return whether the work is to end."""
        self._moved_at = self._seconds()
        return self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work is to end, and return whether it is."""
        self._moved_at = self._seconds()
        return self._stop.wait(timeout)


@attrs.define(eq=False, kw_only=True)
class Worker:
    """Runs routines in their slots until it is stopped.

    Args:

        store: Where slots are taken.

        open_application: Opens the application of one run.

        tasks: The routines, in the order in which they run if several are due.

        look_every: The time between two looks for slots.

        stop: Ends the loop and the work.
    """

    store: Store
    open_application: OpenApplication
    tasks: Sequence[WorkerTask]
    look_every: timedelta
    stop: WatchedStop
    #: The last run of each routine. It is replaced as a whole, so that other threads may read it.
    runs: Mapping[WorkerRoutine, WorkerRun] = attrs.field(factory=dict, init=False)

    def run(self) -> None:
        """Run routines until :attr:`stop` is set."""
        while not self.stop.is_set():
            for task in self.tasks:
                if not self.stop.is_set():
                    self._attempt(task)
            self.stop.wait(self.look_every.total_seconds())

    def _attempt(self, task: WorkerTask) -> None:
        """Run a routine if a slot of it can be taken. The loop goes on whatever happens."""
        try:
            timetable = task.timetable
            slot = self.store.slots.take(task.routine, timetable.latest, furthest=timetable.furthest)
            if slot:
                with self._kept(task.routine):
                    run = self._ran(task, WorkerRun(slot=slot))
                self._leave(task.routine, run)
        except StoreError as error:
            log.error("worker_without_store", routine=task.routine.value, reason=str(error))

    def _ran(self, task: WorkerTask, run: WorkerRun) -> WorkerRun:
        self._note(task.routine, run)
        try:
            with self.open_application(self.stop) as app:
                is_complete = task.work(app, self.stop)
        except Exception as error:
            reason = {"reason": str(error)} if isinstance(error, ProvisionerError) else {}
            log.error("routine_failed", routine=task.routine.value, error=type(error).__name__, **reason)
            return attrs.evolve(run, state=RunState.FAILED, error=type(error).__name__)
        return attrs.evolve(run, state=RunState.DONE if is_complete else RunState.INCOMPLETE)

    def _leave(self, routine: WorkerRoutine, run: WorkerRun) -> None:
        """Finish a slot, or let another worker take it if this one was stopped in the middle."""
        if self.stop.is_stopping and run.state is not RunState.DONE:
            self._note(routine, attrs.evolve(run, state=RunState.STOPPED))
            self.store.slots.give_back(routine)
        else:
            self._note(routine, run)
            self.store.slots.end(routine)

    def _note(self, routine: WorkerRoutine, run: WorkerRun) -> None:
        self.runs = {**self.runs, routine: run}

    @contextmanager
    def _kept(self, routine: WorkerRoutine) -> Iterator[None]:
        """Keep the slot of a routine while it runs."""
        over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(routine, over), name="slot-keeper", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def _keep(self, routine: WorkerRoutine, over: threading.Event) -> None:
        while not over.wait(self.store.lease_ttl.total_seconds() / 3):
            try:
                self.store.slots.renew(routine)
            except StoreError as error:
                log.warning("slot_not_kept", routine=routine.value, reason=str(error))


def tasks_of(content: Configuration, *, actor: str) -> list[WorkerTask]:
    """Return what a worker does.

    Args:

        content: The configuration.

        actor: The ID of the person in whose name comparisons are made.
    """
    settings = content.worker
    sweeps = (
        DailyTimes(settings.sweep_times, content.time_zone)
        if settings.sweep_times
        else Intervals(timedelta(minutes=settings.sweep_every_minutes))
    )
    looks = Intervals(timedelta(seconds=settings.look_every_seconds))
    tasks = [
        WorkerTask(routine=WorkerRoutine.RESUME, timetable=looks, work=_resume),
        WorkerTask(routine=WorkerRoutine.SWEEP, timetable=sweeps, work=_sweep),
    ]
    if settings.reconcile_times:
        times = DailyTimes(settings.reconcile_times, content.time_zone)

        def reconcile(app: Application, stop: threading.Event) -> bool:
            return _reconcile(app, stop, actor=actor)

        tasks.append(WorkerTask(routine=WorkerRoutine.RECONCILE, timetable=times, work=reconcile))
    return tasks


def _resume(app: Application, _: threading.Event) -> bool:
    """Do what ``resume --due`` does."""
    rotations = app.credentials.resume()
    run = app.runs.resume(only_due=True)
    return run.wait().is_complete and not any(result.error for result in rotations)


def _sweep(app: Application, _: threading.Event) -> bool:
    """Do what ``policy sweep`` does."""
    sweep = app.deadlines.sweep()
    sweep.pass_on_notices(lambda _: None, viewer=POLICY_ACTOR)  # there can be very many
    rotations = app.credentials.resume()
    summary = sweep.run.wait()
    return summary.is_complete and sweep.is_complete and not any(result.error for result in rotations)


def _reconcile(app: Application, stop: threading.Event, *, actor: str) -> bool:
    """Do what ``reconcile`` does: compare, and change nothing."""
    is_clean = True
    for found in app.reconcile.compare(actor=actor):
        is_clean = is_clean and isinstance(found, ComparedTarget) and found.is_clean
        if stop.is_set():
            return False
    return is_clean
