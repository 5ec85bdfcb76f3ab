"""Events as canonical JSON: each event has exactly one text.

Keys are sorted, there are no spaces, times are in ISO 8601 and UTC, and characters that have no shape of their own are
escaped. The hashes of the audit log rest on these bytes, so they never change.

An operation has some twenty events, and the encoder of the standard library asks of each value again what it is. Here a
writer is made once for each class that occurs. The standard library still writes what is rare.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from types import NoneType
from typing import Any

import attrs

from provisioner.core.api.events import Event
from provisioner.core.model.text import printable_json
from provisioner.store.db.rows import as_row


def canonical(event: Event) -> str:
    """Return *event* as canonical JSON.

    Raises:

        TypeError: It contains something that is not for the audit log; above all a secret.
    """
    cls: type = event.__class__
    text = _event_writer(cls)(event)
    return printable_json(text if text.isascii() else text.encode(errors="replace").decode())


@lru_cache(maxsize=8)  # the events of a list have the same time
def iso(time: datetime) -> str:
    """Return an aware time as the audit log writes it."""
    return f"{time.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


@cache
def _event_writer(cls: type[Event]) -> Callable[[Event], str]:
    """Return what writes events of a class, with their kind."""
    return _object_writer({*_names(cls), "kind"})


@cache
def _writer(cls: type) -> Callable[[Any], str]:
    """Return what writes values of a class."""
    writer: Callable[[Any], str] = _encode
    if cls is NoneType:
        writer = _null
    elif cls is int:
        writer = int.__repr__
    elif issubclass(cls, str):
        writer = encode_basestring
    elif issubclass(cls, datetime):
        writer = _time
    elif issubclass(cls, tuple | list):
        writer = _list
    elif cls is dict:
        writer = _dict
    elif attrs.has(cls):
        writer = _object_writer(_names(cls))
    return writer


def _names(cls: type[attrs.AttrsInstance]) -> list[str]:
    return [field.name for field in attrs.fields(cls)]


def _object_writer(names: Iterable[str]) -> Callable[[Any], str]:
    """Return what writes these attributes of an object. No class of events or of the model has but one."""
    ordered = sorted(names)
    values_of = attrgetter(*ordered)
    template = ",".join(f'"{name}":%s' for name in ordered).join("{}")

    def write(value: object) -> str:
        return template % tuple([_writer(part.__class__)(part) for part in values_of(value)])

    return write


def _list(values: list[Any] | tuple[Any, ...]) -> str:
    return ",".join([_writer(value.__class__)(value) for value in values]).join("[]")


def _dict(value: dict[Any, Any]) -> str:
    if not value:  # what was before, of all that is new
        return "{}"
    try:
        parts = [f"{encode_basestring(name)}:{_writer(part.__class__)(part)}" for name, part in sorted(value.items())]
    except TypeError:  # a name is no text, or a value is not for the audit log
        return _encode(value)
    return ",".join(parts).join("{}")


def _null(_: None) -> str:
    return "null"


def _time(time: datetime) -> str:
    return f'"{iso(time)}"'


def _default(value: Any) -> object:
    """Return what the encoder of the standard library is to write instead of an object."""
    if isinstance(value, datetime):
        return iso(value)
    if not attrs.has(type(value)):
        msg = f"{type(value).__name__} is not for the audit log"
        raise TypeError(msg)
    return as_row(value)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_default).encode
