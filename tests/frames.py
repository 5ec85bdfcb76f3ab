"""What the variables in the tracebacks of errors hold: debuggers and crash reporters show them."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import FrameType
from typing import cast

import attrs

from provisioner.core.model import spellings
from provisioner.core.model.secret import Secret


def frames_with(error: BaseException, secret: Secret) -> list[str]:
    """Return the functions whose variables hold a password, in whatever spelling; those of tests aside.

    A :class:`Secret` may hold it, for that is what it is for.
    """
    return [
        f"{frame.f_code.co_qualname} ({name})"
        for frame in _frames(error)
        for name, value in frame.f_locals.items()
        if any(spellings.find(secret.reveal(), data) for data in _texts(value))
    ]


def _frames(error: BaseException) -> Iterator[FrameType]:
    for one in _chain(error, set()):
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                yield frame


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an error and all that lead to it, whether they are shown or not."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (error.__cause__, error.__context__, *grouped):
        yield from _chain(other, seen)


def _texts(value: object) -> Iterator[bytes]:
    """Yield all that a variable holds as text, in containers and objects of the product too."""
    match value:
        case str():
            yield value.encode(errors="surrogatepass")
        case bytes() | bytearray() | memoryview():
            yield bytes(value)
        case UnicodeError():
            yield repr(value.args).encode(errors="surrogatepass")
        case Mapping():
            yield from _all_texts(chain(value.keys(), value.values()))
        case list() | tuple() | set() | frozenset():
            yield from _all_texts(value)
        case _ if attrs.has(type(value)):
            fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(value)))
            yield from _all_texts(getattr(value, field.name, None) for field in fields)


def _all_texts(values: Iterable[object]) -> Iterator[bytes]:
    for value in values:
        yield from _texts(value)
