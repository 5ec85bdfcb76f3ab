"""Masks secrets in errors, answers and logs, regardless of who wrote them.

A secret is masked from its creation until no object refers to it.
"""

from __future__ import annotations

import itertools
import logging
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache, partial
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from provisioner.core.model.text import Text, Texts

if TYPE_CHECKING:
    from provisioner.core.model.secret import Secret

#: Replaces a secret.
MASK = "<secret>"

#: The metadata of a field into which the core doesn't look: a plug-in's own data, which only the plug-in gets back.
OPAQUE: Mapping[str, bool] = MappingProxyType({"provisioner.opaque": True})

ValueT = TypeVar("ValueT")


class _Living:
    """The secrets that exist. Threads can share it: each change is one step of a dictionary.

    Secrets of one operation exist only during it, and many exist at the same time. Other secrets, such as the
    credentials of plug-ins, exist as long as the program.
    """

    def __init__(self) -> None:
        self._keys = itertools.count()
        self._lasting: dict[int, weakref.ref[Secret]] = {}
        self._passing: dict[int, weakref.ref[Secret]] = {}

    def add(self, secret: Secret, *, passing: bool) -> None:
        """Mask a secret for as long as it exists."""
        key, place = next(self._keys), self._passing if passing else self._lasting
        place[key] = weakref.ref(secret, lambda _: place.pop(key, None))

    def lasting(self) -> list[Secret]:
        """Return the secrets that belong to no operation."""
        return [secret for reference in list(self._lasting.values()) if (secret := reference())]

    def all(self) -> list[Secret]:
        """Return all secrets."""
        return [*self.lasting(), *(secret for reference in list(self._passing.values()) if (secret := reference()))]


_living = _Living()

#: Masks a secret from now on.
know = _living.add


def mask(text: str) -> str:
    """Return *text* with every existing secret masked, in every encoding."""
    return _without(_living.all(), text)


def mask_all(value: ValueT) -> ValueT:
    """Return *value* with every existing secret masked in its texts; see :func:`masked` for allowed values."""
    rebuilt: ValueT = _rebuilt(value, mask)
    return rebuilt


def masked(value: ValueT, secret: Secret | None = None) -> ValueT:
    """Return *value* without secrets in its texts; the same object if there is none.

    Args:

        value: A text, or something that contains texts: a collection, a mapping, or an object of attrs.

        secret: The secret of the current operation, which is masked in addition to those that belong to no operation.
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
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if one.__class__ is str:
            texts.append(one)
        elif parts := _parts(one.__class__):
            waiting += parts(one)
    return [text for text in texts if text]


@cache
def _parts(cls: type) -> Callable[[Any], Iterable[object]] | None:
    """Return what reads the content of values of a class, one level down; ``None`` if there is none."""
    parts: Callable[[Any], Iterable[object]] | None = None
    if issubclass(cls, _PLAIN):
        parts = None
    elif issubclass(cls, str):
        parts = _as_text
    elif issubclass(cls, Text):
        parts = _parts_of_text
    elif issubclass(cls, Mapping):
        parts = _parts_of_mapping
    elif issubclass(cls, _COLLECTIONS):
        parts = iter
    elif names := _names(cls):
        parts = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
    return parts


def _as_text(value: str) -> Iterable[object]:
    return (str(value),)


def _parts_of_text(value: Text) -> Iterable[object]:
    return (*value.templates, *map(str, value.values.values()))


def _parts_of_mapping(value: Mapping[object, object]) -> Iterable[object]:
    return (*value.keys(), *value.values())


def _names(cls: type) -> tuple[str, ...]:
    """Return the names of the fields of a class of attrs, without opaque ones; other classes have none."""
    return tuple(field.name for field in attrs.fields(cls) if not _is_opaque(field)) if attrs.has(cls) else ()


def _is_opaque(field: attrs.Attribute[Any]) -> bool:
    return bool(field.metadata.keys() & OPAQUE.keys())


def _rebuilt(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value with its texts changed."""
    if isinstance(value, str) and not isinstance(value, Enum):
        rebuilt: Any = change(value)
    elif isinstance(value, Text):
        rebuilt = value.changed(change, {key: _rebuilt_value(one, change) for key, one in value.values.items()})
    elif isinstance(value, Mapping):
        rebuilt = {_rebuilt(key, change): _rebuilt(one, change) for key, one in value.items()}
    elif isinstance(value, _COLLECTIONS):
        rebuilt = type(value)(_rebuilt(item, change) for item in value)
    elif attrs.has(type(value)):
        fields = [field for field in attrs.fields(type(value)) if field.init and not _is_opaque(field)]
        rebuilt = attrs.evolve(
            value, **{str(field.alias): _rebuilt(getattr(value, field.name), change) for field in fields}
        )
    else:
        rebuilt = value
    return rebuilt


def _rebuilt_value(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, (Text, Texts)):
        return _rebuilt(value, change)
    written = str(value)
    changed = change(written)
    return value if isinstance(value, int) and changed == written else changed


_COLLECTIONS = (list, tuple, set, frozenset)
_PLAIN = (bool, int, float, datetime, Enum)


class _MaskedRecords:
    """Creates the records of all loggers, including those of libraries, and masks the existing secrets.

    Args:

        make: Creates a record.
    """

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        if isinstance(record.msg, dict):  # structlog's
            record.msg = mask_all(record.msg)
        else:
            self._mask_message(record)
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
        if not record.exc_info or not record.exc_info[0]:
            return
        cls, error, _ = record.exc_info
        text = logging.Formatter().formatException(record.exc_info)
        said = mask(text)
        if said != text:
            stand_in = _namesake(cls)
            record.exc_info, record.exc_text = (stand_in, stand_in(mask(str(error))), None), said


def _namesake(cls: type[BaseException]) -> type[Exception]:
    """Return a class of errors that only has the name of another one, and none of what its errors hold."""
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return type(cls.__name__, (Exception,), names)


def guard_logs() -> None:
    """Mask secrets in every record that is logged in this process from now on. Can be called repeatedly."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _MaskedRecords):
        logging.setLogRecordFactory(_MaskedRecords(make))
