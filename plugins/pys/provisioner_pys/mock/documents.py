"""The JSON documents of the service. The classes here are also its JSON Schemas and what requests are held to."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import StrEnum
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from provisioner.core.model.secret import Secret

DocumentT = TypeVar("DocumentT")

#: A JSON Schema.
Schema = dict[str, Any]

SCALARS: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Secret: {"type": "string", "format": "password", "minLength": 1, "writeOnly": True},
}

JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


@attrs.frozen(kw_only=True)
class MockStatus:
    """How the service is."""

    service: str
    version: str
    #: Whether changes can be undone.
    undo: bool


@attrs.frozen(kw_only=True)
class PersonDocument:
    """A member of staff."""

    id: str
    name: str
    unit: str | None = None
    title: str = ""
    mobile: str | None = None
    supervisor: str | None = None


@attrs.frozen(kw_only=True)
class UnitDocument:
    """An organisational unit."""

    code: str
    name: str
    kind: str
    parent: str | None = None


@attrs.frozen(kw_only=True)
class AccountDocument:
    """A log-in to PYS."""

    login: str
    unit: str
    holder: str | None
    enabled: bool
    #: When the password was last set.
    changed_at: str


@attrs.frozen(kw_only=True)
class ListData:
    """Which part of the accounts is asked for, in the order of their logins."""

    #: Only accounts whose logins come after this one.
    after: str = ""


@attrs.frozen(kw_only=True)
class AccountList:
    """A part of the accounts, in the order of their logins."""

    accounts: tuple[AccountDocument, ...]
    #: Whether nothing comes after these.
    complete: bool


@attrs.frozen(kw_only=True)
class AccountData:
    """An account as it shall be, with its password. It will be enabled."""

    unit: str
    holder: str | None = None
    password: Secret = attrs.field(converter=Secret)
    #: The caller's name for what this request is a part of; the same one when the request is repeated.
    operation: str = ""


@attrs.frozen(kw_only=True)
class PasswordData:
    """A new password."""

    password: Secret = attrs.field(converter=Secret)
    operation: str = ""


@attrs.frozen(kw_only=True)
class HolderData:
    """A new holder and a new password."""

    holder: str
    password: Secret = attrs.field(converter=Secret)
    operation: str = ""


@attrs.frozen(kw_only=True)
class UpdateData:
    """What an account says of its unit and holder."""

    unit: str
    #: Without one, the holder stays.
    holder: str | None = None
    operation: str = ""


@attrs.frozen(kw_only=True)
class OperationData:
    """Nothing but the caller's name for what this request is a part of."""

    operation: str = ""


@attrs.frozen(kw_only=True)
class UndoData:
    """The change to undo."""

    token: str


@attrs.frozen(kw_only=True)
class LoginData:
    """What somebody types into the log-in page."""

    login: str
    password: Secret = attrs.field(converter=Secret)


@attrs.frozen(kw_only=True)
class Change:
    """What a change did. The token takes it back as long as nothing else happens to the account."""

    #: Whether the account is another one than before.
    changed: bool
    undo_token: str | None = None


@attrs.frozen(kw_only=True)
class LoginAnswer:
    """Whether somebody got in."""

    accepted: bool


@attrs.frozen(kw_only=True)
class ProblemDocument:
    """Why a request was not carried out (RFC 9457). The code is stable; the sentence is not."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def schema_of(hint: Any) -> Schema:
    """Return the JSON Schema of a type; a document class becomes a reference to it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if origin in {Union, UnionType}:
        return {"anyOf": [schema_of(argument) for argument in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {dict, tuple}:
        return _container(origin, arguments)
    if issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    return {"$ref": f"#/components/schemas/{hint.__name__}"}


def _container(origin: type, arguments: tuple[Any, ...]) -> Schema:
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0])}
    return {"type": "object", "additionalProperties": schema_of(arguments[1])}


def object_schema(document: type) -> Schema:
    """Return the JSON Schema of a document class, written out."""
    hints = get_type_hints(document)
    fields = attrs.fields(document)
    return {
        "type": "object",
        "description": inspect.getdoc(document) or "",
        "properties": {field.name: schema_of(hints[field.name]) for field in fields},
        "required": [field.name for field in fields if field.default is attrs.NOTHING],
        "additionalProperties": False,
    }


def violations(value: object, schema: Schema, place: str = "document") -> list[str]:
    """Return the places where *value* is not as *schema* says, by path and without the values found there."""
    if "anyOf" in schema:
        return [] if any(not violations(value, option) for option in schema["anyOf"]) else [place]
    if "enum" in schema:
        return [] if value in schema["enum"] else [place]
    if not _is_of_type(value, schema["type"]) or ("minLength" in schema and value == ""):
        return [place]
    if isinstance(value, dict):
        return _violations_of_object(value, schema, place)
    if isinstance(value, list):
        return [problem for item in value for problem in violations(item, schema["items"], place)]
    return []


def read_document(cls: type[DocumentT], value: object) -> DocumentT | list[str]:
    """Return *value* as a document, or the places where it is none."""
    wrong = violations(value, object_schema(cls), "body")
    return wrong if wrong or not isinstance(value, dict) else cls(**value)


def _is_of_type(value: object, name: str) -> bool:
    return isinstance(value, JSON_TYPES[name]) and not (isinstance(value, bool) and name != "boolean")


def _violations_of_object(value: Mapping[str, object], schema: Schema, place: str) -> list[str]:
    properties: Mapping[str, Schema] = schema["properties"]
    missing = [f"{place}/{key}" for key in schema["required"] if key not in value]
    unknown = [f"{place}/{key}" for key in value if key not in properties]
    wrong = [
        problem
        for key, property_schema in properties.items()
        if key in value
        for problem in violations(value[key], property_schema, f"{place}/{key}")
    ]
    return missing + unknown + wrong
