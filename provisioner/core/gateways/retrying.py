"""The one retry policy. Plug-ins have none of their own.

Only what may work within seconds is tried again here; anything longer is written into the journal as a next try.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import attrs
import tenacity

from provisioner.core.api.errors import TargetError, ThrottledError

ResultT = TypeVar("ResultT")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often, how fast and how long one call is tried.

    The defaults bridge a restart of a server or a short overload. Whoever waits for the command is not kept longer
    than ``total``: what has not worked by then is written down and driven on by ``resume`` or the next sweep.
    """

    attempts: int = 4
    first_wait: timedelta = timedelta(seconds=0.2)
    longest_wait: timedelta = timedelta(seconds=5)
    #: No wait is begun that would end later than this after the first attempt.
    total: timedelta = timedelta(seconds=20)
    #: The waits between the tries of a whole operation; the last one repeats.
    next_tries: tuple[timedelta, ...] = (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
    )

    def next_try_after(self, tries: int) -> timedelta:
        """Return how long to wait after the try with this number, counted from 1."""
        return self.next_tries[min(tries, len(self.next_tries)) - 1]


def _retryable(error: BaseException) -> bool:
    return isinstance(error, TargetError) and error.retryable


@attrs.define(eq=False)
class Retry:
    """Calls something until it works, the policy is used up or the program is asked to stop.

    Args:

        policy: How often, how fast and how long.

        stop: Ends every wait at once when it is set; the last error is raised then.
    """

    policy: RetryPolicy
    stop: threading.Event
    _backoff: tenacity.wait.wait_base = attrs.field(init=False)
    #: What it remembers between attempts is each thread's own.
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
        """Return what *function* returns. It is given the number of the attempt, from 1.

        Raises:

            TargetError: The last error, when no further attempt is made. A target that asks for a longer rest than
                the policy allows gets no further attempt now.
        """
        for attempt in self._retrying:
            with attempt:
                return function(attempt.retry_state.attempt_number)
        raise AssertionError("tenacity ends with a result or an error")  # pragma: no cover

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ThrottledError) and error.retry_after is not None:
            return error.retry_after
        return self._backoff(state)
