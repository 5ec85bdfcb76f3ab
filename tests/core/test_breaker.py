from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta

import attrs
import pytest
import structlog

from provisioner.core.breaker import Breaker, BreakerState
from provisioner.core.errors import (
    LeftAloneError,
    MisconfiguredError,
    QuarantinedError,
    RefusedError,
    StoreError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from provisioner.core.events import TargetQuarantined
from provisioner.core.health import Change, MemoryHealth, TargetHealth
from provisioner.testing.clock import FakeClock

DOWN = TransientError("down")
HOUR = timedelta(hours=1)


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="breaker")
def _breaker(clock: FakeClock) -> Breaker:
    return Breaker(name="posta", now=clock, threshold=3, pause=timedelta(seconds=30))


def fail(breaker: Breaker, error: Exception, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breaker:
            raise error


def fail_after(meanwhile: Callable[[], object], call: AbstractContextManager[object], error: Exception = DOWN) -> None:
    """Make a call that fails only when something else has happened."""

    def run() -> None:
        with call:
            meanwhile()
            raise error

    with pytest.raises(type(error)):
        run()


def succeed(breaker: Breaker) -> None:
    with breaker:
        pass


@pytest.mark.parametrize("error", [TransientError("down"), UnknownOutcomeError("silent"), KeyError("defect")])
def test_it_opens_when_failures_come_in_a_row(breaker: Breaker, error: Exception) -> None:
    fail(breaker, error, times=3)

    with pytest.raises(LeftAloneError, match="posta failed 3 times"):
        succeed(breaker)


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, TransientError("down"), times=2)
    succeed(breaker)
    fail(breaker, TransientError("down"), times=2)

    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("error", [RefusedError("no"), ThrottledError("wait")])
def test_an_answer_is_no_failure_of_the_target(breaker: Breaker, error: Exception) -> None:
    fail(breaker, error, times=9)

    assert breaker.state is BreakerState.CLOSED


def test_a_wrong_credential_opens_it_at_once(breaker: Breaker) -> None:
    """More tries would lock our own account at the target."""
    fail(breaker, MisconfiguredError("wrong password"))

    assert breaker.state is BreakerState.OPEN


def test_a_success_after_the_pause_closes_it(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, TransientError("down"), times=3)
    clock.advance(timedelta(seconds=30))
    succeed(breaker)

    assert breaker.state is BreakerState.CLOSED


def test_a_failed_probe_opens_it_for_another_pause(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, TransientError("down"), times=3)
    clock.advance(timedelta(seconds=30))
    fail(breaker, TransientError("still down"))
    clock.advance(timedelta(seconds=29))

    with pytest.raises(LeftAloneError):
        succeed(breaker)


def test_a_check_gets_through_before_the_pause_is_over(breaker: Breaker) -> None:
    """Whoever has just repaired the target need not wait to find out."""
    fail(breaker, TransientError("down"), times=3)
    with breaker.probe():
        pass

    assert breaker.state is BreakerState.CLOSED


def test_only_one_of_many_callers_gets_through_after_the_pause(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, TransientError("down"), times=3)
    clock.advance(timedelta(seconds=30))
    barrier = threading.Barrier(8)

    def call() -> bool:
        barrier.wait()
        try:
            with breaker:
                time.sleep(0.1)
        except LeftAloneError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: call(), range(8))) == 1


def test_parallel_calls_stay_parallel(breaker: Breaker) -> None:
    """The lock must not be held during a call."""
    barrier = threading.Barrier(8, timeout=5)

    def call() -> None:
        with breaker:
            barrier.wait()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: call(), range(8)))


def test_a_probe_that_is_interrupted_leaves_another_one_for_later(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, TransientError("down"), times=3)
    clock.advance(timedelta(seconds=30))
    with pytest.raises(KeyboardInterrupt), breaker:
        raise KeyboardInterrupt
    clock.advance(timedelta(seconds=30))
    succeed(breaker)

    assert breaker.state is BreakerState.CLOSED


def test_an_interrupt_says_nothing_of_the_target(breaker: Breaker) -> None:
    fail(breaker, TransientError("down"), times=2)
    with pytest.raises(KeyboardInterrupt), breaker:
        raise KeyboardInterrupt
    fail(breaker, TransientError("down"))

    assert breaker.state is BreakerState.OPEN


class SharedHealth(MemoryHealth):
    """Counts what is read and written, as a store would have to."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.writes = 0

    def health(self, name: str, /) -> TargetHealth | None:
        self.reads += 1
        return super().health(name)

    def change_health(self, name: str, change: Change, /) -> TargetHealth | None:
        self.writes += 1
        return super().change_health(name, change)


@attrs.define(eq=False)
class World:
    """What several processes share, and what was told of it."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    health: SharedHealth = attrs.field(factory=SharedHealth)
    notices: list[TargetQuarantined] = attrs.field(factory=list)

    def process(self) -> Breaker:
        """Return the breaker of a new process."""
        return Breaker(name="posta", now=self.clock, threshold=3, health=self.health, notify=self.notices.append)

    def fail_for(self, breaker: Breaker, time: timedelta, error: Exception = DOWN) -> None:
        """Let the target be down for so long, with a probe after each pause."""
        end = self.clock() + time
        fail(breaker, error, times=3)
        while self.clock() < end:
            self.clock.advance(breaker.pause)
            fail(breaker, error)

    def quarantined(self) -> Breaker:
        """Return the breaker of a process that has just quarantined the target."""
        breaker = self.process()
        self.fail_for(breaker, HOUR)
        return breaker

    def resume(self) -> None:
        """Do what ``target resume`` does."""
        self.health.change_health("posta", lambda _: None)


@pytest.fixture(name="world")
def _world() -> World:
    return World()


class TestQuarantine:
    """A target that has failed for a long time is left alone until somebody resumes it."""

    def test_begins_after_an_hour_without_a_success(self, world: World) -> None:
        breaker = world.quarantined()

        assert breaker.state is BreakerState.QUARANTINED
        with pytest.raises(QuarantinedError) as caught:
            succeed(breaker)
        assert "down" in str(caught.value)
        assert "provisioner target resume posta" in str(caught.value.cure)

    def test_does_not_begin_before(self, world: World) -> None:
        breaker = world.process()
        world.fail_for(breaker, HOUR - breaker.pause)

        assert breaker.state is BreakerState.OPEN
        assert world.notices == []

    def test_does_not_begin_after_many_short_outages(self, world: World) -> None:
        """What works in between is not dead."""
        breaker = world.process()
        for _ in range(5):
            world.fail_for(breaker, HOUR / 2)
            world.clock.advance(breaker.pause)
            succeed(breaker)
            world.clock.advance(HOUR / 2)

        assert breaker.state is BreakerState.CLOSED
        assert world.health.health("posta") is None

    def test_lets_no_probe_through_however_long_it_lasts(self, world: World) -> None:
        breaker = world.quarantined()
        for _ in range(3):
            world.clock.advance(timedelta(days=1))
            with pytest.raises(QuarantinedError), breaker.probe():
                pytest.fail("the target was called")

    def test_counts_on_in_the_next_process(self, world: World) -> None:
        """Programs that run from cron live for seconds."""
        for _ in range(3):
            fail(world.process(), DOWN, times=3)
            world.clock.advance(HOUR / 2)

        with pytest.raises(QuarantinedError):
            succeed(world.process())

    def test_counts_a_failed_check_at_once(self, world: World) -> None:
        """A program whose preflight fails makes no second call."""
        for _ in range(3):
            with pytest.raises(TransientError), world.process().probe():
                raise DOWN
            world.clock.advance(HOUR / 2)

        with pytest.raises(QuarantinedError):
            world.process().expect_no_quarantine()

    def test_is_not_reached_when_another_process_saw_it_work(self, world: World) -> None:
        broken, sound = world.process(), world.process()
        world.fail_for(broken, HOUR - timedelta(minutes=1))
        succeed(sound)
        world.clock.advance(timedelta(minutes=2))
        fail(broken, DOWN)

        assert broken.state is BreakerState.OPEN

    def test_reaches_a_running_process_within_a_pause(self, world: World) -> None:
        other = world.process()
        succeed(other)
        world.quarantined()

        with pytest.raises(QuarantinedError):
            succeed(other)

    def test_is_not_lifted_by_a_call_that_was_under_way(self, world: World) -> None:
        other = world.process()
        fail(other, DOWN, times=2)
        fail_after(lambda: None, other.probe())
        world.clock.advance(other.pause)
        with other:
            world.quarantined()

        assert (known := world.health.health("posta")) is not None
        assert known.quarantined_at

    def test_ends_in_a_running_process_within_a_pause_of_its_resumption(self, world: World) -> None:
        breaker = world.quarantined()
        world.resume()
        world.clock.advance(breaker.pause)
        fail(breaker, DOWN, times=2)
        succeed(breaker)

        assert breaker.state is BreakerState.CLOSED

    def test_needs_another_hour_after_it_was_resumed(self, world: World) -> None:
        breaker = world.quarantined()
        world.resume()
        world.clock.advance(breaker.pause)
        world.fail_for(breaker, HOUR / 2)

        assert breaker.state is BreakerState.OPEN


class TestNotice:
    """Somebody is told of a quarantine once for each reason, not for each call."""

    def test_is_given_once(self, world: World) -> None:
        with structlog.testing.capture_logs() as logs:
            breaker = world.quarantined()
            for _ in range(5):
                with pytest.raises(QuarantinedError):
                    succeed(breaker)

        [notice] = world.notices
        assert (notice.target, notice.error.name, notice.error.message) == ("posta", "TransientError", "down")
        assert [one["event"] for one in logs] == ["target_quarantined"]

    def test_is_given_by_one_of_many_processes(self, world: World) -> None:
        """Each had a call under way when the hour was over."""
        one, other = world.process(), world.process()

        fail_after(lambda: fail_after(world.quarantined, one.probe()), other.probe())

        assert len(world.notices) == 1

    def test_is_given_again_for_another_reason(self, world: World) -> None:
        """A process that had a call under way learnt something that nobody was told."""
        other = world.process()
        fail(other, DOWN, times=2)
        fail_after(world.quarantined, other, MisconfiguredError("wrong password"))

        assert [notice.error.message for notice in world.notices] == ["down", "wrong password"]

    def test_is_not_given_again_for_another_number_in_the_text(self, world: World) -> None:
        late, later = (TransientError("no answer within {seconds} s", seconds=seconds) for seconds in (3, 4))
        fail_after(lambda: world.fail_for(world.process(), HOUR, late), world.process().probe(), later)

        assert len(world.notices) == 1

    def test_does_not_quote_what_is_not_ours(self, world: World) -> None:
        """Its text may hold a secret."""
        breaker = world.process()
        world.fail_for(breaker, HOUR, KeyError("hunter2"))

        assert "hunter2" not in repr(world.notices) + repr(world.health.health("posta"))


class TestMemory:
    """What is remembered beyond the process costs next to nothing."""

    def test_is_not_written_for_each_call(self, world: World) -> None:
        breaker = world.process()
        for _ in range(100):
            succeed(breaker)
        assert (world.health.reads, world.health.writes) == (1, 0)

        fail(breaker, DOWN, times=3)
        for _ in range(100):
            with pytest.raises(LeftAloneError):
                succeed(breaker)
        assert (world.health.reads, world.health.writes) == (1, 1)

        world.clock.advance(breaker.pause)
        fail(breaker, DOWN)
        world.clock.advance(breaker.pause)
        for _ in range(100):
            succeed(breaker)
        assert world.health.writes == 3

    def test_that_fails_does_not_hide_what_the_target_said(self, world: World) -> None:
        def fails(name: str, change: Change) -> None:
            raise StoreError("the disk is full")

        world.health.change_health = fails  # type: ignore[method-assign]
        breaker = world.process()
        fail(breaker, DOWN, times=3)

        assert breaker.state is BreakerState.OPEN
