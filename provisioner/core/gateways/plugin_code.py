"""Runs code of plug-ins: what it raises cannot pass for anything of ours, and what it prints is known to be its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

from provisioner.core.api.errors import ProvisionerError, raised_at

ResultT = TypeVar("ResultT")


class ForeignError(Exception):
    """Code of a plug-in raised something that is no error of ours.

    What it said, and the frames that it came from, are not kept: either may have a secret.

    Args:

        name: The class.

        place: Where it was raised.
    """

    def __init__(self, name: str, place: str) -> None:
        super().__init__(f"{name} at {place}")
        self.name = name
        self.place = place

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Return what may be said of *error*."""
        return error if isinstance(error, cls) else cls(type(error).__name__, raised_at(error))


class _Depth(threading.local):
    value = 0


_depth = _Depth()


def is_running() -> bool:
    """Whether this thread is inside of a plug-in."""
    return _depth.value > 0


@contextmanager
def entered() -> Iterator[None]:
    """Say that this thread is inside of a plug-in, until the end of the block."""
    _depth.value += 1
    try:
        yield
    finally:
        _depth.value -= 1


def contained(function: Callable[[], ResultT]) -> ResultT:
    """Run code of a plug-in, and return what it returns.

    Raises:

        ProvisionerError: What it raised, if that is one of ours.

        ForeignError: It raised anything else, also what would end the program or its thread.

        KeyboardInterrupt: The user interrupted it.
    """
    failure: BaseException
    with entered():
        try:
            return function()
        except ProvisionerError:
            raise
        except BaseException as error:
            failure = _failure(error)
    raise failure


def _failure(error: BaseException) -> BaseException:
    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        return KeyboardInterrupt()
    return ForeignError.of(error)
