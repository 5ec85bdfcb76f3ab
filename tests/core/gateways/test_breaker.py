from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import timedelta

import attrs
import pytest
import structlog

from provisioner.core.api.errors import (
    CircuitOpenError,
    ForbiddenError,
    ItemMisconfiguredError,
    MisconfiguredError,
    QuarantinedError,
    RefusedError,
    StoreError,
    SystemMisconfiguredError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.events import TargetQuarantined
from provisioner.core.gateways.breaker import Breaker, BreakerState
from provisioner.core.gateways.health import Change, MemoryHealth, TargetHealth
from provisioner.testing.clock import FakeClock

DOWN = TransientError("down")
HOUR = timedelta(hours=1)


def silence() -> UnavailableError:
    """Return what a question becomes that was sent and not answered."""
    error = UnavailableError("no answer in time")
    error.reached = True
    return error


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="breaker")
def _breaker(clock: FakeClock) -> Breaker:
    return Breaker(name="posta", now=clock, threshold=3, pause=timedelta(seconds=30))


def fail(breaker: Breaker, error: Exception, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breaker.call():
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
    with breaker.call():
        pass


@pytest.mark.parametrize("error", [TransientError("down"), UnknownOutcomeError("silent"), KeyError("defect")])
def test_it_opens_when_failures_come_in_a_row(breaker: Breaker, error: Exception) -> None:
    fail(breaker, error, times=3)

    with pytest.raises(CircuitOpenError, match="posta failed 3 consecutive times"):
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

    with pytest.raises(CircuitOpenError):
        succeed(breaker)


def test_a_check_gets_through_before_the_pause_is_over(breaker: Breaker) -> None:
    """A person who has just repaired the target need not wait to find out."""
    fail(breaker, TransientError("down"), times=3)
    with breaker.probe():
        pass

    assert breaker.state is BreakerState.CLOSED


def test_only_one_of_many_callers_gets_through_after_the_pause(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, TransientError("down"), times=3)
    clock.advance(timedelta(seconds=30))
    barrier, refused = threading.Barrier(8, timeout=60), threading.Semaphore(0)

    def call() -> bool:
        barrier.wait()
        try:
            with breaker.call():
                return all(refused.acquire(timeout=60) for _ in range(7))
        except CircuitOpenError:
            refused.release()
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: call(), range(8))) == 1


def test_parallel_calls_stay_parallel(breaker: Breaker) -> None:
    """The lock must not be held during a call."""
    barrier = threading.Barrier(8, timeout=60)

    def call() -> int:
        with breaker.call():
            return barrier.wait()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: call(), range(8))) == set(range(8))


def test_a_probe_that_is_interrupted_leaves_another_one_for_later(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, TransientError("down"), times=3)
    clock.advance(timedelta(seconds=30))
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    clock.advance(timedelta(seconds=30))
    succeed(breaker)

    assert breaker.state is BreakerState.CLOSED


def test_an_interrupt_says_nothing_of_the_target(breaker: Breaker) -> None:
    fail(breaker, TransientError("down"), times=2)
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    fail(breaker, TransientError("down"))

    assert breaker.state is BreakerState.OPEN


class Check:
    """A target's check: passes, or fails with this error, and is counted."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.error:
            raise self.error


def fail_at(
    breaker: Breaker,
    item: str,
    error: Exception,
    check: Check | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Exception:
    """Make a call about an item that fails, and return what is raised."""
    call = breaker.call(item, check)
    call.__enter__()
    meanwhile()
    try:
        call.__exit__(type(error), error, None)
    except Exception as raised:
        return raised
    return error


#: Ways in which a system answers about one record that it cannot serve.
ITEM_ERRORS = [
    TransientError("HTTP 500"),
    UnknownOutcomeError("HTTP 500"),
    KeyError("defect"),
    ForbiddenError("HTTP 403"),
    MisconfiguredError("HTTP 403"),
    silence(),
]


class TestOneItem:
    """What one account, person or number causes says nothing of the target."""

    @pytest.mark.parametrize("error", ITEM_ERRORS, ids=lambda one: type(one).__name__)
    def test_never_opens_the_circuit_however_often_it_fails(self, breaker: Breaker, error: Exception) -> None:
        for _ in range(20):
            fail_at(breaker, "poisoned", error, Check())

        assert breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize("error", ITEM_ERRORS, ids=lambda one: type(one).__name__)
    def test_nor_do_many_of_them_while_the_check_passes(self, breaker: Breaker, error: Exception) -> None:
        """After a run, only what was refused is left, one after the other."""
        for number in range(20):
            fail_at(breaker, f"poisoned {number}", error, Check())

        assert breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize("error", ITEM_ERRORS, ids=lambda one: type(one).__name__)
    def test_many_of_them_open_it_when_the_check_fails_too(self, breaker: Breaker, error: Exception) -> None:
        for number in range(3):
            with suppress(Exception), breaker.call(f"item {number}", Check(UnavailableError("down"))):
                raise error

        assert breaker.state is BreakerState.OPEN

    def test_is_told_with_its_own_reason_when_it_looked_like_our_credentials(self, breaker: Breaker) -> None:
        refusal = fail_at(breaker, "sube46", MisconfiguredError("insufficient access"), Check())

        assert isinstance(refusal, ItemMisconfiguredError)
        assert str(refusal) == "posta works, but refuses sube46: insufficient access"

    def test_is_told_as_our_credentials_when_the_check_says_so(self, breaker: Breaker) -> None:
        refusal = fail_at(breaker, "sube46", ForbiddenError("HTTP 403"), Check(MisconfiguredError("wrong key")))

        assert isinstance(refusal, MisconfiguredError)
        assert str(refusal) == "HTTP 403"
        assert breaker.state is BreakerState.OPEN

    @pytest.mark.parametrize("check", [Check(), None], ids=["a check that passes", "no check"])
    def test_is_told_as_ours_and_opens_the_circuit_when_the_answer_says_that_it_is_about_all(
        self, breaker: Breaker, check: Check | None
    ) -> None:
        empty = SystemMisconfiguredError("no credit is left")

        assert fail_at(breaker, "sube46", empty, check) is empty

        assert breaker.state is BreakerState.OPEN
        assert check is None or check.calls == 0

    def test_does_not_close_a_circuit_that_another_thread_has_just_opened(self, breaker: Breaker) -> None:
        wrong = MisconfiguredError("wrong key")

        fail_at(
            breaker,
            "sube46",
            ForbiddenError("HTTP 403"),
            Check(),
            meanwhile=lambda: fail_at(breaker, "other", wrong, Check(wrong)),
        )

        assert breaker.state is BreakerState.OPEN

    def test_is_no_proof_after_the_pause_that_it_is_still_down(self, breaker: Breaker, clock: FakeClock) -> None:
        """The one call that gets through may be about the item that always fails."""
        fail(breaker, DOWN, times=3)
        clock.advance(timedelta(seconds=30))
        fail_at(breaker, "poisoned", UnknownOutcomeError("silent"), Check())

        assert breaker.state is BreakerState.CLOSED

    def test_proves_nothing_when_the_check_is_asked_to_wait(self, breaker: Breaker) -> None:
        error = MisconfiguredError("HTTP 403")

        assert fail_at(breaker, "sube46", error, Check(ThrottledError("later"))) is error
        assert breaker.state is BreakerState.CLOSED

    def test_counts_once_where_there_is_no_check(self, breaker: Breaker) -> None:
        states = []
        for item in [*["poisoned"] * 20, "second", "third"]:
            fail_at(breaker, item, MisconfiguredError("HTTP 403"))
            states.append(breaker.state)

        assert states == [BreakerState.CLOSED] * 21 + [BreakerState.OPEN]

    def test_without_a_connection_each_call_counts(self, breaker: Breaker) -> None:
        """No account can cause that, and each try may cost a time-out."""
        for _ in range(3):
            fail_at(breaker, "sube46", UnavailableError("connection refused"), Check())

        assert breaker.state is BreakerState.OPEN

    def test_hundreds_of_them_cause_few_checks_and_never_two_at_once(self, breaker: Breaker) -> None:
        at_once, most, lock = 0, 0, threading.Lock()

        class Slow(Check):
            def __call__(self) -> None:
                nonlocal at_once, most
                with lock:
                    at_once += 1
                    most = max(most, at_once)
                time.sleep(0.01)
                super().__call__()
                with lock:
                    at_once -= 1

        check = Slow()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: fail_at(breaker, f"item {n}", MisconfiguredError("403"), check), range(300)))

        assert most == 1
        assert check.calls < 10
        assert breaker.state is BreakerState.CLOSED

    def test_is_forgotten_before_an_outage_is_timed(self, world: World) -> None:
        """Its first failure is not the beginning of an outage hours later."""
        breaker = world.process()
        fail_at(breaker, "poisoned", UnknownOutcomeError("silent"), Check())
        world.clock.advance(2 * HOUR)
        fail(breaker, DOWN, times=3)

        assert breaker.state is BreakerState.OPEN


class SharedHealth(MemoryHealth):
    """Counts what is read and written, as a store would have to."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.writes = 0

    def get(self, name: str, /) -> TargetHealth | None:
        self.reads += 1
        return super().get(name)

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        self.writes += 1
        return super().change(name, change)


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
        self.health.change("posta", lambda _: None)


@pytest.fixture(name="world")
def _world() -> World:
    return World()


class TestQuarantine:
    """A target that has failed for a long time is left alone until somebody resumes it."""

    def test_a_beginning_that_a_clock_that_was_ahead_wrote_down_is_not_believed(self, world: World) -> None:
        world.clock.advance(24 * 365 * HOUR)
        fail(world.process(), DOWN, times=3)
        world.clock.advance(-24 * 365 * HOUR)

        world.fail_for(world.process(), HOUR)
        world.fail_for(world.process(), HOUR)

        with pytest.raises(QuarantinedError):
            world.process().expect_no_quarantine()

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
        assert world.health.get("posta") is None

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
        with other.call():
            world.quarantined()

        assert (known := world.health.get("posta")) is not None
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
        assert (notice.target, notice.error.name, str(notice.error.message)) == ("posta", "TransientError", "down")
        assert [log["event"] for log in logs] == ["target_quarantined"]

    def test_is_given_by_one_of_many_processes(self, world: World) -> None:
        """Each had a call under way when the hour was over."""
        one, other = world.process(), world.process()

        fail_after(lambda: fail_after(world.quarantined, one.probe()), other.probe())

        assert len(world.notices) == 1

    def test_is_given_again_for_another_reason(self, world: World) -> None:
        """A process that had a call under way learnt something that nobody was told."""
        other = world.process()
        fail(other, DOWN, times=2)
        fail_after(world.quarantined, other.call(), MisconfiguredError("wrong password"))

        assert [str(notice.error.message) for notice in world.notices] == ["down", "wrong password"]

    def test_is_not_given_again_for_another_number_in_the_text(self, world: World) -> None:
        late, later = (TransientError("no answer within {seconds} s", seconds=seconds) for seconds in (3, 4))
        fail_after(lambda: world.fail_for(world.process(), HOUR, late), world.process().probe(), later)

        assert len(world.notices) == 1

    def test_does_not_quote_what_is_not_ours(self, world: World) -> None:
        """Its text may hold a secret."""
        breaker = world.process()
        world.fail_for(breaker, HOUR, KeyError("hunter2"))

        assert "hunter2" not in repr(world.notices) + repr(world.health.get("posta"))


class TestMemory:
    """What is remembered beyond the process costs next to nothing."""

    def test_is_not_written_for_each_call(self, world: World) -> None:
        breaker = world.process()
        for _ in range(100):
            succeed(breaker)
        assert (world.health.reads, world.health.writes) == (1, 0)

        fail(breaker, DOWN, times=3)
        for _ in range(100):
            with pytest.raises(CircuitOpenError):
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

        world.health.change = fails  # type: ignore[method-assign]
        breaker = world.process()
        fail(breaker, DOWN, times=3)

        assert breaker.state is BreakerState.OPEN


def test_calls_need_no_lock_while_nothing_fails(breaker: Breaker) -> None:
    """Dozens of threads call one target."""
    succeed(breaker)
    with ThreadPoolExecutor(1) as pool, breaker._lock:
        assert pool.submit(succeed, breaker).result(timeout=60) is None


def test_a_success_after_a_failure_counts(breaker: Breaker) -> None:
    """The way without the lock must not skip it."""
    fail(breaker, DOWN, times=2)
    succeed(breaker)
    assert not breaker.failing

    fail(breaker, DOWN, times=2)
    assert breaker.state is BreakerState.CLOSED
