"""Bounds how many messages a gateway gets in a second and at the same time, and how many questions in a period."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from provisioner.core.api.errors import ThrottledError
from provisioner_sms.settings import LONGEST_WAIT


@attrs.define(eq=False, kw_only=True)
class Quota:
    """The number of questions that a provider answers in a period. Threads can share it.

    Args:

        most: The number.

        period: The period, in seconds.

        seconds: The clock.
    """

    most: int
    period: float
    seconds: Callable[[], float] = time.monotonic
    #: When the last questions were asked, by the clock.
    _asked_at: deque[float] = attrs.field(factory=deque, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def take(self) -> None:
        """Count a question.

        Raises:

            ThrottledError: There were too many. Nothing may be asked now.
        """
        with self._lock:
            now = self.seconds()
            if len(self._asked_at) == self.most:
                wait = self._asked_at[0] + self.period - now
                if wait > 0:
                    raise ThrottledError(
                        "the provider answers {count} questions in {seconds} seconds",
                        retry_after=wait,
                        count=self.most,
                        seconds=self.period,
                    )
                self._asked_at.popleft()
            self._asked_at.append(now)


@attrs.define(eq=False, kw_only=True)
class Limits:
    """The limits of one gateway. Threads can share it.

    Args:

        per_second: How many messages it gets in a second; ``None`` for any number.

        at_once: How many messages it gets at the same time; ``None`` for any number.

        seconds: The clock.

        sleep: Waits for so many seconds.
    """

    per_second: float | None = None
    at_once: int | None = None
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    #: When the next message may be sent, by the clock.
    _next_at: float = attrs.field(default=0.0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    _free: threading.Semaphore | None = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._free = threading.Semaphore(self.at_once) if self.at_once else None

    @contextmanager
    def admitted(self, messages: int = 1) -> Iterator[None]:
        """Wait until messages may be sent in one request, and count it for as long as the ``with`` block.

        Args:

            messages: How many messages there are in the request.

        Raises:

            ThrottledError: That would take too long. Nothing was sent.
        """
        if self._free and not self._free.acquire(timeout=LONGEST_WAIT):
            raise ThrottledError(
                "more than {count} messages would be sent at the same time",
                cure="raise max_connections if the gateway allows it",
                count=self.at_once,
            )
        try:
            if wait := self._reserved(messages):
                self.sleep(wait)
            yield
        finally:
            if self._free:
                self._free.release()

    def _reserved(self, messages: int) -> float:
        """Take the next places in the order of messages, and return how many seconds the first one is away."""
        if self.per_second is None:
            return 0.0
        with self._lock:
            now = self.seconds()
            wait = max(self._next_at - now, 0.0)
            if wait > LONGEST_WAIT:
                raise ThrottledError(
                    "more than {rate} messages in a second would be sent",
                    cure="raise per_second if the gateway allows it",
                    retry_after=wait,
                    rate=self.per_second,
                )
            self._next_at = now + wait + messages / self.per_second
        return wait
