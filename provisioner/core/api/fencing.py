"""Keeps a process that was stopped for a while from sending what is no longer its to send.

A process that is paused, or whose machine is suspended, does not notice. When it goes on, another process may have
taken its operation over and sent a newer password, which the older one must not replace. So right before each call
that changes something, and right before the bytes of it leave, the time that is left of the lease is compared with a
clock that goes on during every pause. To ask the store instead is not enough: the process may be stopped between the
answer and the call.
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
    """Return the seconds of a clock that nobody sets, and that goes on while the machine is suspended."""
    return time.clock_gettime(_CLOCK)


#: The other systems have no clock that counts the time of a suspension.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@attrs.frozen(kw_only=True)
class Lease:
    """What this process knows of its right to work on one account."""

    #: How many seconds are left of it at least; zero or less if it may be somebody else's.
    left: Callable[[], float]
    #: Whether it was taken from a process that did not renew it and may still be alive.
    contested: bool = False

    @classmethod
    def of(cls, duration: timedelta, clock: Callable[[], float] = elapsed) -> Lease:
        """Return a lease that begins now and is not renewed."""
        until = clock() + duration.total_seconds()
        return cls(left=lambda: until - clock())


@contextmanager
def fenced(login: str, lease: Lease) -> Iterator[None]:
    """Let :func:`require_lease` watch over this lease for the length of a ``with`` block, in this thread.

    Args:

        login: The account that it is on, for the message.

        lease: The lease.
    """
    token = _current.set((login, lease))
    try:
        yield
    finally:
        _current.reset(token)


def require_lease() -> None:
    """Make sure that the account is still this process's to change.

    Call it in a plug-in right before the bytes of a request that changes something are sent: after connecting, after
    logging in and after reading, and again before each further request. What uses :mod:`provisioner.net.http` need not:
    it does so itself. It must be called in the thread in which the hook was called; it costs next to nothing, and
    outside a hook it does nothing. What it raises must leave the hook as it is.

    Raises:

        LeaseLostError: The process was stopped for so long that another one may have taken the operation over. Nothing
            more may be sent.
    """
    fence = _current.get()
    if fence is None:
        return
    login, lease = fence
    if lease.left() <= 0:
        raise LeaseLostError(
            "the operation on {login} was given up: this process was stopped for longer than its lease lasts",
            cure="run 'provisioner resume', unless another process carries the operation on already",
            login=login,
        )


_current: ContextVar[tuple[str, Lease] | None] = ContextVar("fence", default=None)
