"""Masks secrets in text while they are alive: in errors, answers and logs, whoever wrote them.

A secret is known here from the moment it is made until nothing holds it any more.
"""

from __future__ import annotations

import itertools
import logging
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from provisioner.core.model.text import Text, Texts

if TYPE_CHECKING:
    from provisioner.core.model.secret import Secret

#: What stands in the place of a secret.
MASK = "<secret>"

ValueT = TypeVar("ValueT")


class _Living:
    """The secrets that are alive. Threads may share it: each change is one step of a dictionary.

    Those of one operation come and go with it, and many are alive at once. The others, such as the credentials of
    plug-ins, last as long as the program.
    """

    def __init__(self) -> None:
        self._keys = itertools.count()
        self._lasting: dict[int, weakref.ref[Secret]] = {}
        self._passing: dict[int, weakref.ref[Secret]] = {}

    def add(self, secret: Secret, *, passing: bool) -> None:
        """Know a secret for as long as it lives."""
        key, place = next(self._keys), self._passing if passing else self._lasting
        place[key] = weakref.ref(secret, lambda _: place.pop(key, None))

    def lasting(self) -> list[Secret]:
        """Return the secrets that belong to no operation."""
        return [secret for reference in list(self._lasting.values()) if (secret := reference())]

    def all(self) -> list[Secret]:
        """Return all."""
        return [*self.lasting(), *(secret for reference in list(self._passing.values()) if (secret := reference()))]


_living = _Living()

#: Lets a secret be masked from now on.
know = _living.add


def mask(text: str) -> str:
    """Return *text* with every secret that is alive masked, in whatever spelling it is there."""
    return _without(_living.all(), text)


def mask_all(value: ValueT) -> ValueT:
    """Return *value* with every secret that is alive masked in its texts; see :func:`masked` for what it may be."""
    rebuilt: ValueT = _rebuilt(value, mask)
    return rebuilt


def masked(value: ValueT, secret: Secret | None = None) -> ValueT:
    """Return *value* without secrets in its texts; the same object if there is none.

    Args:

        value: A text, or something that texts are in: a collection, a mapping, or an object of attrs.

        secret: The one of the operation at hand, which is masked beside those that belong to none.
    """
    texts = _texts(value)
    if not texts:
        return value
    data = "\n".join(texts).encode(errors="surrogatepass").lower()
    found = [known for known in (*_living.lasting(), secret) if known and known.may_be_in(data)]
    return _rebuilt(value, partial(_without, found)) if found else value


def _without(secrets: Iterable[Secret], text: str) -> str:
    data = text.encode(errors="surrogatepass").lower()
    for secret in secrets:
        if secret.may_be_in(data):
            text = secret.scrub(text)
    return text


def _texts(value: object) -> list[str]:
    """Return all texts in a value."""
    texts: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if one.__class__ is str:
            texts.append(one)
        elif one is not None and not isinstance(one, _PLAIN):
            waiting += _parts(one)
    return [text for text in texts if text]


def _parts(value: Any) -> Collection[object]:
    """Return what is in a value, one level down."""
    if isinstance(value, str):
        parts: Collection[object] = (str(value),)
    elif isinstance(value, Text):
        parts = (value.template, *map(str, value.values.values()))
    elif isinstance(value, Mapping):
        parts = (*value.keys(), *value.values())
    elif isinstance(value, _COLLECTIONS):
        parts = value
    else:
        parts = [getattr(value, name) for name in _names(value.__class__)]
    return parts


@cache
def _names(cls: type) -> tuple[str, ...]:
    """Return the names of the fields of a class of attrs; of any other class, there are none."""
    return tuple(field.name for field in attrs.fields(cls)) if attrs.has(cls) else ()


def _rebuilt(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value with its texts changed."""
    if isinstance(value, str) and not isinstance(value, Enum):
        rebuilt: Any = change(value)
    elif isinstance(value, Text):
        values = {key: _rebuilt_value(one, change) for key, one in value.values.items()}
        rebuilt = attrs.evolve(value, template=change(value.template), values=values)
    elif isinstance(value, Mapping):
        rebuilt = {_rebuilt(key, change): _rebuilt(one, change) for key, one in value.items()}
    elif isinstance(value, _COLLECTIONS):
        rebuilt = type(value)(_rebuilt(item, change) for item in value)
    elif attrs.has(type(value)):
        fields = [field for field in attrs.fields(type(value)) if field.init]
        rebuilt = attrs.evolve(
            value, **{str(field.alias): _rebuilt(getattr(value, field.name), change) for field in fields}
        )
    else:
        rebuilt = value
    return rebuilt


def _rebuilt_value(value: object, change: Callable[[str], str]) -> object:
    return _rebuilt(value, change) if isinstance(value, (Text, Texts)) else change(str(value))


_COLLECTIONS = (list, tuple, set, frozenset)
_PLAIN = (bool, int, float, datetime, Enum)


class _MaskedRecords:
    """Makes the records of all loggers, of libraries too, without the secrets that are alive.

    Args:

        make: Makes a record.
    """

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        if isinstance(record.msg, dict):  # structlog's
            record.msg = mask_all(record.msg)
        else:
            self._mask_message(record)
        if record.exc_info and record.exc_info[0]:
            self._mask_exception(record)
        return record

    def _mask_message(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # logging tells of wrong arguments itself, when the record is written
            return
        said = mask(text)
        if said != text:
            record.msg, record.args = said, ()

    def _mask_exception(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        said = mask(text)
        if said != text:
            record.exc_info, record.exc_text = None, said


def guard_logs() -> None:
    """Mask secrets in every record that is logged in this process from now on. May be called again."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _MaskedRecords):
        logging.setLogRecordFactory(_MaskedRecords(make))
