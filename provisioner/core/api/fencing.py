"""Keeps a process that was suspended from sending outdated requests.

A process that is suspended, alone or with its machine, doesn't notice. Meanwhile, another process may have taken over
its operation and sent a newer password, which the older one must not replace. Therefore, immediately before each call
that changes something, and before the bytes of its request are sent, the remaining time of the lease is compared with a
clock that continues during every suspension. It is not enough to ask the store, because the process can be suspended
between the answer and the call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

import attrs

from provisioner.core.api.errors import LeaseLostError


def elapsed() -> float:
    """Return the seconds of a clock that nobody sets and that continues while the machine is suspended."""
    return time.clock_gettime(_CLOCK)


#: Other systems have no clock that includes the time of a suspension.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@attrs.frozen(kw_only=True)
class Lease:
    """This process's right to work on one account."""

    #: The minimum remaining time in seconds; zero or less if another process may hold the account.
    left: Callable[[], float]
    #: Whether it was taken over from a process that did not renew it and may still run.
    contested: bool = False

    @classmethod
    def of(cls, duration: timedelta, clock: Callable[[], float] = elapsed) -> Lease:
        """Return a lease that starts now and is not renewed.

        Args:

            duration: How long it holds.

            clock: Returns the seconds of a clock that nobody sets.
        """
        until = clock() + duration.total_seconds()
        return cls(left=lambda: until - clock())


@contextmanager
def fenced(login: str, lease: Lease) -> Iterator[None]:
    """Make :func:`require_lease` check this lease within a ``with`` block, in this thread.

    Args:

        login: The login of the account, for the message.

        lease: The lease.
    """
    token = _current.set((login, lease))
    try:
        yield
    finally:
        _current.reset(token)


def require_lease() -> None:
    """Check that this process still holds the account.

    Call it in a plug-in immediately before a request that changes something is sent: after connecting, logging in and
    reading, and again before each further request. :mod:`provisioner.net.http` calls it for you. Call it in the thread
    in which the hook was called. It is cheap, and does nothing outside a hook. Don't catch its error in the hook.

    Raises:

        LeaseLostError: The process was suspended for so long that another one may have taken over the operation.
            Nothing more may be sent.
    """
    fence = _current.get()
    if fence is None:
        return
    login, lease = fence
    if lease.left() <= 0:
        raise LeaseLostError(
            "the operation on {login} was abandoned: this process was suspended for longer than its lease",
            cure="run 'provisioner resume', unless another process continues the operation already",
            login=login,
        )


_current: ContextVar[tuple[str, Lease] | None] = ContextVar("fence", default=None)
