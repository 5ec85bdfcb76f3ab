"""A circuit breaker: a target that is down is left alone until a single call has shown that it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Self

import attrs

from provisioner.core.errors import (
    LeftAloneError,
    MisconfiguredError,
    RefusedError,
    ThrottledError,
)


class BreakerState(StrEnum):
    """Whether calls go through."""

    #: They do.
    CLOSED = "closed"
    #: They do not; the target failed too often in a row.
    OPEN = "open"
    #: One does, as a probe.
    HALF_OPEN = "half_open"


@attrs.define(eq=False, kw_only=True)
class Breaker:
    """Wraps the calls to one target. Use it as a context manager around each call; threads may do so at once.

    A wrong credential or setting trips it at once: it will not get better, and more tries may lock the account.

    The lock is held while the state changes and never during a call, so parallel calls stay parallel; when the time
    to try again has come, exactly one caller gets through.
    """

    #: The name of the target, for messages.
    name: str
    now: Callable[[], datetime]
    #: How many calls must fail in a row before the target is left alone.
    threshold: int = 5
    #: How long it is then left alone.
    pause: timedelta = timedelta(seconds=30)
    state: BreakerState = attrs.field(default=BreakerState.CLOSED, init=False)
    _failures: int = attrs.field(default=0, init=False)
    _opened_at: datetime | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def probe(self) -> Self:
        """Let the next call through, whatever the state: somebody wants to know whether the target is back."""
        with self._lock:
            if self.state is BreakerState.OPEN and self._opened_at:
                self._opened_at = self.now() - self.pause
        return self

    def __enter__(self) -> Self:
        with self._lock:
            if self.state is BreakerState.OPEN and self._opened_at and self.now() >= self._opened_at + self.pause:
                self.state = BreakerState.HALF_OPEN
            elif self.state is not BreakerState.CLOSED:
                raise LeftAloneError(
                    "{target} failed {count} times in a row and is left alone for a while",
                    cure="see what is wrong with it, then run 'provisioner resume'",
                    target=self.name,
                    count=self._failures,
                )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        interrupted = error is not None and not isinstance(error, Exception)
        failed = error is not None and not isinstance(error, (RefusedError, ThrottledError))
        with self._lock:
            if interrupted and self.state is BreakerState.CLOSED:
                return
            self._failures = self._failures + 1 if failed else 0
            if not failed:
                self.state = BreakerState.CLOSED
            elif (
                self.state is BreakerState.HALF_OPEN
                or self._failures >= self.threshold
                or isinstance(error, MisconfiguredError)
            ):
                self.state = BreakerState.OPEN
                self._opened_at = self.now()
