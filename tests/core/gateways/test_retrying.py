from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from provisioner.core.api.errors import (
    CircuitOpenError,
    MisconfiguredError,
    NotAppliedError,
    RefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.gateways.retrying import Retry, RetryPolicy

QUICK = RetryPolicy(attempts=3, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=2))


@pytest.fixture(name="retry")
def _retry() -> Retry:
    return Retry(QUICK, threading.Event())


class Script:
    """Raises the given errors, one a call, and then answers."""

    def __init__(self, *errors: TargetError) -> None:
        self.errors = list(errors)
        self.attempts: list[int] = []

    def __call__(self, attempt: int) -> str:
        self.attempts.append(attempt)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.parametrize("error", [TransientError, UnavailableError, NotAppliedError, ThrottledError])
def test_what_may_pass_is_tried_again(retry: Retry, error: type[TargetError]) -> None:
    script = Script(error("once"))

    assert retry.call(script) == "done"
    assert script.attempts == [1, 2]


@pytest.mark.parametrize("error", [RefusedError, MisconfiguredError, UnknownOutcomeError, CircuitOpenError])
def test_what_will_not_pass_is_not_tried_again(retry: Retry, error: type[TargetError]) -> None:
    """Sending again after an unknown outcome, or against a policy, is how passwords are lost."""
    script = Script(error("once"))

    with pytest.raises(error):
        retry.call(script)
    assert script.attempts == [1]


def test_the_last_error_comes_out_when_the_attempts_are_used_up(retry: Retry) -> None:
    script = Script(*(TransientError("number {n}", n=n) for n in range(9)))

    with pytest.raises(TransientError, match="2"):
        retry.call(script)
    assert script.attempts == [1, 2, 3]


def test_retry_after_is_obeyed(retry: Retry) -> None:
    begun = time.monotonic()

    assert retry.call(Script(ThrottledError("slow down", retry_after=0.2))) == "done"
    assert time.monotonic() - begun >= 0.2


def test_a_rest_longer_than_the_policy_allows_is_left_to_the_journal() -> None:
    retry = Retry(RetryPolicy(total=timedelta(seconds=1)), threading.Event())
    script = Script(ThrottledError("come back tomorrow", retry_after=86_400))

    with pytest.raises(ThrottledError):
        retry.call(script)
    assert script.attempts == [1]


def test_a_stop_ends_a_wait_at_once() -> None:
    stop = threading.Event()
    retry = Retry(
        RetryPolicy(first_wait=timedelta(seconds=60), longest_wait=timedelta(seconds=60), total=timedelta(hours=1)),
        stop,
    )
    threading.Timer(0.1, stop.set).start()
    script = Script(*[ThrottledError("wait", retry_after=60)] * 9)
    begun = time.monotonic()

    with pytest.raises(ThrottledError):
        retry.call(script)
    assert time.monotonic() - begun < 30
    assert len(script.attempts) <= 2, "it goes on after the stop"


def test_later_tries_of_an_operation_rest_longer_and_the_longest_rest_repeats() -> None:
    policy = RetryPolicy()
    rests = [policy.next_try_after(tries) for tries in range(1, 9)]

    assert rests == sorted(rests)
    assert rests == [*policy.next_tries, *[policy.next_tries[-1]] * 3]


def test_the_time_of_the_first_attempt_counts() -> None:
    """Tenacity comes only after it."""
    retry = Retry(RetryPolicy(total=timedelta(seconds=0.1), first_wait=timedelta(milliseconds=1)), threading.Event())
    script = Script(TransientError("slow"))

    def slow(attempt: int) -> str:
        time.sleep(0.11)
        return script(attempt)

    with pytest.raises(TransientError):
        retry.call(slow)
    assert script.attempts == [1]


def test_an_error_of_no_target_is_not_tried_again(retry: Retry) -> None:
    attempts: list[int] = []

    def broken(attempt: int) -> None:
        attempts.append(attempt)
        raise KeyError(attempt)

    with pytest.raises(KeyError):
        retry.call(broken)
    assert attempts == [1]
