"""Runs code of plug-ins. Distinguishes its exceptions and its output from those of the product."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self, TypeVar

from provisioner.core.api.errors import ProvisionerError, raised_at

ResultT = TypeVar("ResultT")


class ForeignError(Exception):
    """Code of a plug-in raised an exception that is not an error of the product.

    Its text and its stack frames are not kept: both may contain a secret.

    Args:

        name: The class of the exception.

        place: Where it was raised.
    """

    def __init__(self, name: str, place: str) -> None:
        super().__init__(f"{name} at {place}")
        self.name = name
        self.place = place

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Return the class and place of *error*."""
        return error if isinstance(error, cls) else cls(type(error).__name__, raised_at(error))


class _Depth(threading.local):
    """How many calls of plug-ins a thread is inside of. Each ``with`` block is one more."""

    value = 0

    def __enter__(self) -> None:
        self.value += 1

    def __exit__(self, *_: object) -> None:
        self.value -= 1


_depth = _Depth()


def is_running() -> bool:
    """Whether this thread runs code of a plug-in."""
    return _depth.value > 0


def entered() -> AbstractContextManager[None]:
    """Mark this thread as running code of a plug-in, until the end of the block."""
    return _depth


def contained(function: Callable[[], ResultT]) -> ResultT:
    """Run code of a plug-in, and return its result.

    Raises:

        ProvisionerError: The code raised an error of the product.

        ForeignError: The code raised any other exception, including those that would end the program or its thread.

        KeyboardInterrupt: The user interrupted the code.
    """
    try:
        with _depth:
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
