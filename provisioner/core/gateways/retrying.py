"""The retry policy. Plug-ins have none of their own; one that sends a call in parts can repeat a part with this one.

Only calls that may succeed within seconds are retried here. Otherwise, the journal gets a time for the next attempt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import attrs
import tenacity

from provisioner.core.api.errors import TargetError, ThrottledError

ResultT = TypeVar("ResultT")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """The number, frequency and total time of attempts.

    The defaults cover the restart of a server or a short overload. A user waits no longer than ``total``. After that,
    the operation is recorded, and ``resume`` or the next sweep continues it.
    """

    attempts: int = 4
    first_wait: timedelta = timedelta(seconds=0.2)
    longest_wait: timedelta = timedelta(seconds=5)
    #: No wait is started that would end later than this after the first attempt.
    total: timedelta = timedelta(seconds=20)
    #: The waits between the attempts of a whole operation; the last one repeats.
    next_tries: tuple[timedelta, ...] = (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
    )

    def next_try_after(self, tries: int) -> timedelta:
        """Return how long to wait after the attempt with this number, counted from 1."""
        return self.next_tries[min(tries, len(self.next_tries)) - 1]


def _retryable(error: BaseException) -> bool:
    return isinstance(error, TargetError) and error.retryable


@attrs.define(eq=False)
class Retry:
    """Calls a function until it succeeds, the policy is exhausted or the program is stopped.

    Args:

        policy: The number, frequency and total time of attempts.

        stop: Ends every wait immediately when it is set; the last error is then raised.
    """

    policy: RetryPolicy
    stop: threading.Event
    _backoff: tenacity.wait.wait_base = attrs.field(init=False)
    #: Its state between attempts belongs to each thread.
    _retrying: tenacity.Retrying = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._backoff = tenacity.wait_random_exponential(
            multiplier=self.policy.first_wait.total_seconds(), max=self.policy.longest_wait.total_seconds()
        )
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_retryable),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self.policy.attempts)
            | tenacity.stop_before_delay(self.policy.total.total_seconds())
            | tenacity.stop_when_event_set(self.stop),
            sleep=tenacity.sleep_using_event(self.stop),
            reraise=True,
        )

    def call(self, function: Callable[[int], ResultT]) -> ResultT:
        """Return the result of *function*. Its argument is the number of the attempt, from 1.

        Raises:

            TargetError: The last error, if there is no further attempt. If a target requests a longer pause than the
                policy allows, there is no further attempt now.
        """
        began = time.monotonic()
        try:
            return function(1)
        except TargetError as error:
            if not error.retryable:
                raise
            first = error
        return self._call_again(function, first, began)

    def _call_again(self, function: Callable[[int], ResultT], first: TargetError, began: float) -> ResultT:
        """Go on after a first attempt that failed. Most succeed, and need none of this."""
        for attempt in self._retrying:
            number = attempt.retry_state.attempt_number
            if number == 1:
                attempt.retry_state.start_time = began
            with attempt:
                if number == 1:
                    raise first
                return function(number)
        raise AssertionError("tenacity ends with a result or an error")  # pragma: no cover

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ThrottledError) and error.retry_after is not None:
            return error.retry_after
        return self._backoff(state)
