"""Makes settings of the tables of a configuration, and says of everything that is wrong what and where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import cache, partial, reduce
from pathlib import Path
from typing import Any, TypeVar, get_origin
from zoneinfo import ZoneInfo

import attrs
import cattrs
from cattrs.errors import ForbiddenExtraKeysError, IterableValidationError, IterableValidationNote
from cattrs.v import transform_error

from provisioner.config import secrets
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.quotations import bound
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text, Texts

SettingsT = TypeVar("SettingsT")

#: The folder of the file that is read, where its relative paths start.
_folder: ContextVar[Path] = ContextVar("_folder")


def structure(table: Mapping[str, object], cls: type[SettingsT], place: str, *, file: Path) -> SettingsT:
    """Return a table of the configuration as an instance of the attrs class *cls*.

    Raises:

        ConfigurationError: Something is wrong; one line for each problem, with the file and the path in it. Values
            are not quoted, because one may be a secret in the wrong place.
    """
    try:
        with _relative_to(file.parent):
            return _converter().structure(table, cls)
    except cattrs.BaseValidationError as error:
        found = _problems(error)
    except Exception as error:
        found = [("", _describe(error, cls))]
    lines = Texts(_line(file, place, path, problem) for path, problem in found)
    raise ConfigurationError("{problems}", problems=lines) from None


@contextmanager
def _relative_to(folder: Path) -> Iterator[None]:
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def _problems(error: cattrs.BaseValidationError) -> list[tuple[str, Text]]:
    """Return every problem with its path. cattrs puts both into one string, so it gets a number for each problem."""
    found: list[Text] = []

    def number(problem: BaseException, cls: type | None) -> str:
        found.append(_describe(problem, cls))
        return str(len(found) - 1)

    lines = [line.partition(" @ $") for line in transform_error(error, path="$", format_exception=number)]
    return [(path.removeprefix("."), found[int(place)]) for place, _, path in lines]


def _line(file: Path, place: str, path: str, problem: Text) -> Text:
    where = ".".join(part for part in (place, path) if part)
    if not where:
        return Text("{file}: {problem}", {"file": file, "problem": problem})
    return Text("{file}: {place}: {problem}", {"file": file, "place": where, "problem": problem})


def _describe(error: BaseException, cls: type | None) -> Text:
    if isinstance(error, ForbiddenExtraKeysError):
        return reduce(_both, [_unknown(key, error.cl) for key in sorted(error.extra_fields)])
    if isinstance(error, KeyError):
        return Text("it is missing; expected {kind}", {"kind": _kind(cls)})
    if isinstance(error, (ConfigurationError, _WrongTypeError)):
        return _both(error.text, error.cure) if error.cure.template else error.text
    if isinstance(cls, type) and issubclass(cls, Enum):
        return Text("expected {kind}", {"kind": _kind(cls)})
    if isinstance(error, (ValueError, TypeError)):
        return Text("not allowed: {bound}", {"bound": _bound(error)})
    return Text("{error}", {"error": type(error).__name__})


def _both(one: Text, other: Text) -> Text:
    return Text("{one}; {other}", {"one": one, "other": other})


def _unknown(key: str, cls: type) -> Text:
    from difflib import get_close_matches

    known = [attribute.name for attribute in attrs.fields(cls)]
    values = {"key": key, "known": ", ".join(known)}
    for meant in get_close_matches(key, known, n=1):
        return Text("unknown key {key}; did you mean {meant}? The keys are {known}", {**values, "meant": meant})
    return Text("unknown key {key}; the keys are {known}", values)


def _kind(cls: Any) -> Text:
    """Say what a setting of this type looks like in TOML."""
    if cls is Secret:
        return Text("a secret reference: {references}", {"references": secrets.REFERENCES})
    if isinstance(cls, type) and issubclass(cls, Enum):
        return Text("one of {values}", {"values": ", ".join(str(member.value) for member in cls)})
    if _is_list(cls):
        return _LIST
    return _TABLE if attrs.has(cls) or _is_mapping(cls) else _NAMES.get(cls, _NAMES[str])


def _bound(error: BaseException) -> Text:
    """Return a validator's own words: they name the attribute and the bound, before what was found."""
    return bound(str(error.args[0]).split(":")[0].split(" (got")[0] if error.args else type(error).__name__)


_LIST, _TABLE = Text("a list"), Text("a table")
_NAMES = {str: Text("a string"), int: Text("a whole number"), float: Text("a number"), bool: Text("true or false")}

#: The largest integer of TOML. Larger floats are no setting either, and neither is "not a number".
_LARGEST = 2**63 - 1

#: The types that only TOML has and no setting.
_OTHERS = {list: _LIST, dict: _TABLE}


class _WrongTypeError(TypeError):
    """A value has another type than the setting. The message names both types, and not the value."""

    def __init__(self, expected: Text, value: object) -> None:
        found = (_NAMES | _OTHERS).get(type(value), Text("a date or time"))
        self.cure = Text("")
        self.text = Text("expected {kind}", {"kind": expected})
        if found != expected:
            self.text = Text("expected {kind}, found {found}", {"kind": expected, "found": found})
        super().__init__(str(self.text))


def _exactly(kind: type, value: object, cls: Callable[[object], object]) -> object:
    accepted = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, accepted):
        raise _WrongTypeError(_NAMES[kind], value)
    if isinstance(value, (int, float)) and not abs(value) <= _LARGEST:  # "not a number" is not
        raise ConfigurationError("the number is infinite or does not fit in 64 bits")
    return cls(value)  # which may be an enumeration of that kind


def _is_list(cls: Any) -> bool:
    return get_origin(cls) is list or get_origin(cls) is tuple


def _is_mapping(cls: Any) -> bool:
    return get_origin(cls) is dict or get_origin(cls) is Mapping


def _of_table(structure: Callable[[Any, Any], object]) -> Callable[[Any, Any], object]:
    """Return the same for tables, and an error that says what is wrong for everything else."""

    def structured(value: object, cls: object) -> object:
        if not isinstance(value, Mapping):
            raise _WrongTypeError(_TABLE, value)
        return structure(value, cls)

    return structured


def _list(converter: cattrs.Converter, value: object, cls: Any) -> object:
    if not isinstance(value, list):
        raise _WrongTypeError(_LIST, value)
    item = cls.__args__[0]
    items = (
        _tables(converter, value, item)
        if attrs.has(item)
        else [converter.structure(element, item) for element in value]
    )
    return tuple(items) if get_origin(cls) is tuple else items


def _tables(converter: cattrs.Converter, value: list[object], cls: Any) -> list[object]:
    """Return a list of tables as instances of an attrs class; problems say in which of them they are."""
    items, errors = [], []
    for number, element in enumerate(value, start=1):
        try:
            items.append(converter.structure(element, cls))
        except Exception as error:
            error.add_note(IterableValidationNote(f"Structuring table @ index {number}", number, cls))
            errors.append(error)
    if errors:
        raise IterableValidationError("some tables of the list are wrong", errors, list)
    return items


def _is_text_or_list(cls: Any) -> bool:
    return bool(cls == str | tuple[str, ...])


def _text_or_list(converter: cattrs.Converter, value: object) -> object:
    """Return a string as it is, and a list as a tuple."""
    if isinstance(value, list):
        return converter.structure(value, tuple[str, ...])
    if not isinstance(value, str):
        raise _WrongTypeError(Text("a string or a list of strings"), value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _WrongTypeError(_NAMES[str], value)
    return value


def _time_zone(value: object, _: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (KeyError, ValueError, OSError):
        raise ConfigurationError("expected the name of a time zone, such as Europe/Istanbul") from None


@cache
def _converter() -> cattrs.Converter:
    """Return the converter for the tables of all files.

    cattrs generates code for each class, which takes long. It does so for the tables that are there, and only once.
    """
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in _NAMES:
        converter.register_structure_hook(kind, partial(_exactly, kind))
    converter.register_structure_hook(Secret, lambda value, _: secrets.find(_text(value), _folder.get()))
    converter.register_unstructure_hook(Secret, _refuse)
    converter.register_structure_hook(Path, lambda value, _: _folder.get() / _text(value))
    converter.register_structure_hook(ZoneInfo, _time_zone)
    generated = cache(converter.gen_structure_attrs_fromdict)
    converter.register_structure_hook_func(attrs.has, _of_table(lambda value, cls: generated(cls)(value, cls)))
    converter.register_structure_hook_factory(_is_mapping, lambda cls: _of_table(converter.gen_structure_mapping(cls)))
    converter.register_structure_hook_func(_is_text_or_list, lambda value, _: _text_or_list(converter, value))
    converter.register_structure_hook_func(_is_list, lambda value, cls: _list(converter, value, cls))
    return converter


def _refuse(_: Secret) -> str:
    msg = "a Secret cannot be unstructured"
    raise TypeError(msg)
