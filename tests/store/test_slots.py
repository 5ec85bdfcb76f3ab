"""A slot of a routine is taken once, whatever workers and clocks do, and again only if its worker ended without it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from provisioner.core.api.events import TimesCorrected
from provisioner.core.model.routines import WorkerRoutine
from provisioner.store import Store
from tests.store.conftest import NOON, Clock

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def hourly(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def take(store: Store, latest: Callable[[datetime], datetime] = hourly) -> datetime | None:
    return store.slots.take(WorkerRoutine.SWEEP, latest, furthest=DAY)


@pytest.fixture(name="other")
def _other(store: Store, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of another process, of which this one cannot know whether it has ended."""
    monkeypatch.setattr("provisioner.store.slots.owner_is_gone", lambda _: False)
    return Store.open(url, now=clock)


def test_a_slot_is_taken_once(store: Store, other: Store) -> None:
    assert take(store) == NOON
    store.slots.end(WorkerRoutine.SWEEP)

    assert (take(store), take(other)) == (None, None)
    assert store.slots.take(WorkerRoutine.RESUME, hourly, furthest=DAY) == NOON
    other.close()


def test_of_workers_that_look_at_the_same_moment_one_takes_the_slot(store: Store, url: str, clock: Clock) -> None:
    barrier, taken = threading.Barrier(4), []

    def look() -> None:
        with Store.open(url, now=clock) as other:
            barrier.wait()
            taken.append(take(other))
            barrier.wait()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, taken)) == sorted(map(str, [NOON, None, None, None]))


def test_a_slot_that_was_missed_is_made_up_for_once(store: Store, clock: Clock) -> None:
    take(store)
    store.slots.end(WorkerRoutine.SWEEP)
    clock.move(5 * HOUR)

    assert take(store) == NOON + 5 * HOUR
    store.slots.end(WorkerRoutine.SWEEP)
    assert take(store) is None


def test_no_later_slot_is_taken_while_a_worker_is_at_one(store: Store, other: Store, clock: Clock) -> None:
    """Two sweeps at once would do half of the work twice."""
    take(store)
    clock.move(HOUR - timedelta(seconds=30))
    store.slots.renew(WorkerRoutine.SWEEP)
    clock.move(timedelta(seconds=45))

    assert take(other) is None

    store.slots.end(WorkerRoutine.SWEEP)
    assert take(other) == NOON + HOUR
    other.close()


def test_a_slot_is_taken_again_if_its_worker_stopped_answering(store: Store, other: Store, clock: Clock) -> None:
    take(store)
    clock.move(store.lease_ttl)

    assert take(other) == NOON
    store.slots.renew(WorkerRoutine.SWEEP)
    store.slots.end(WorkerRoutine.SWEEP)  # it wakes up, and the slot is no longer its own
    clock.move(timedelta(seconds=1))
    assert take(store) is None

    other.slots.end(WorkerRoutine.SWEEP)
    assert take(store) is None
    other.close()


def test_a_slot_is_taken_again_at_once_if_its_worker_ended(
    store: Store, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store)
    monkeypatch.setattr("provisioner.store.slots.owner_is_gone", lambda _: True)

    with Store.open(url, now=clock) as other:
        assert take(other) == NOON


def test_a_slot_that_was_given_back_is_taken_again(store: Store, other: Store) -> None:
    take(store)

    store.slots.give_back(WorkerRoutine.SWEEP)

    assert take(other) == NOON
    other.close()


def test_a_clock_that_is_set_back_repeats_no_slot(store: Store, clock: Clock) -> None:
    take(store)
    store.slots.end(WorkerRoutine.SWEEP)
    clock.move(-3 * HOUR)

    assert take(store) is None

    clock.move(4 * HOUR)
    assert take(store) == NOON + HOUR


def test_a_clock_that_was_ahead_does_not_end_the_slots_for_ever(store: Store, clock: Clock) -> None:
    clock.move(400 * DAY)
    take(store)
    clock.move(-400 * DAY)

    assert take(store) == NOON


def test_a_slot_of_a_clock_that_was_ahead_is_corrected_with_all_other_times(store: Store, clock: Clock) -> None:
    clock.move(DAY / 2)
    take(store)
    store.slots.end(WorkerRoutine.SWEEP)
    clock.move(-DAY / 2)

    store.write(TimesCorrected(at=NOON, actor="p1", latest_at=NOON + DAY / 2))
    clock.move(HOUR)

    assert take(store) == NOON + HOUR
