from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from provisioner.core.breaker import Breaker, BreakerState
from provisioner.core.errors import (
    LeftAloneError,
    MisconfiguredError,
    RefusedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from provisioner.testing.clock import FakeClock


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


def test_an_interrupt_says_nothing_of_the_target(breaker: Breaker) -> None:
    fail(breaker, TransientError("down"), times=2)
    with pytest.raises(KeyboardInterrupt), breaker:
        raise KeyboardInterrupt
    fail(breaker, TransientError("down"))

    assert breaker.state is BreakerState.OPEN
