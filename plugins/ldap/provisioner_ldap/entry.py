"""What an entry holds, what it shall hold, and the difference."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from provisioner.core.api.messages import AttributeChange

if TYPE_CHECKING:
    from provisioner_ldap.schema import Schema

#: Attributes by name, each with all the values it shall have; no value at all removes it.
Attributes = Mapping[str, tuple[bytes, ...]]

#: What a request asks for besides, by its identifier and value.
Control = tuple[str, bytes | None]

OBJECT_CLASS = "objectClass"
PASSWORD = "userPassword"  # noqa: S105 - the name of an attribute


class Concealed(bytes):
    """A value that is not shown where variables are, for example in a traceback: a hashed password."""

    def __repr__(self) -> str:
        return "<concealed>"


def _concealing(values: Mapping[str, tuple[bytes, ...]]) -> Mapping[str, tuple[bytes, ...]]:
    name = PASSWORD.lower()
    return {**values, name: tuple(map(Concealed, values[name]))} if name in values else values


@attrs.frozen
class Entry:
    """An entry as it was read. One that holds nothing is not there."""

    dn: str
    #: The values of each attribute, by its name in lower case.
    values: Mapping[str, tuple[bytes, ...]] = attrs.field(factory=dict, repr=False, converter=_concealing)
    #: Whether the server answered that it is there, and showed nothing of it.
    is_hidden: bool = False

    @property
    def exists(self) -> bool:
        """Whether the entry is there."""
        return bool(self.values)

    def __getitem__(self, name: str) -> tuple[bytes, ...]:
        return self.values.get(name.lower(), ())

    def text(self, name: str) -> str | None:
        """Return the first value of an attribute, or ``None`` if it has none."""
        values = self[name]
        return values[0].decode(errors="replace") if values else None

    def texts(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [value.decode(errors="replace") for value in self[name]]

    def pick(self, names: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
        """Return some attributes with the values they have here, also those that have none."""
        return {name: self[name] for name in names}

    def change(self, name: str, values: Iterable[bytes]) -> AttributeChange:
        """Say what the replacing of the values of an attribute does."""
        return AttributeChange.between(name, self.texts(name), (value.decode(errors="replace") for value in values))

    def differences(
        self, wanted: Attributes, ours: Attributes | None = None, schema: Callable[[], Schema] | None = None
    ) -> dict[str, tuple[bytes, ...]]:
        """Return what has to be replaced so that the entry holds what is *wanted*, and keeps what others added.

        Args:

            wanted: What it shall hold. Object classes are only ever added.

            ours: What we had written there, as far as that is known.

            schema: Returns the schema; it is needed for attributes in which others have values.
        """
        differing = {name: values for name, values in wanted.items() if values != self[name]}
        merged = {name: self._merged(name, values, ours, schema) for name, values in differing.items()}
        merged[OBJECT_CLASS] = self._with_classes(wanted.get(OBJECT_CLASS, ()), schema)
        return {name: values for name, values in merged.items() if set(values) != set(self[name])}

    def _merged(
        self, name: str, wanted: tuple[bytes, ...], ours: Attributes | None, schema: Callable[[], Schema] | None
    ) -> tuple[bytes, ...]:
        others = self._of_others(name, None if ours is None else ours.get(name, ()))
        if wanted and others and schema and schema().is_single(name):
            return wanted
        same = set(map(_canonical, wanted))
        return (*wanted, *(value for value in others if _canonical(value) not in same))

    def _of_others(self, name: str, ours: tuple[bytes, ...] | None) -> tuple[bytes, ...]:
        """Return the values that we have not written. The only value of an attribute to which we gave one is ours."""
        if len(self[name]) == 1 and ours != ():
            return ()
        same = set(map(_canonical, ours or ()))
        return tuple(value for value in self[name] if _canonical(value) not in same)

    def _with_classes(self, wanted: Iterable[bytes], schema: Callable[[], Schema] | None) -> tuple[bytes, ...]:
        present = {value.lower() for value in self[OBJECT_CLASS]}
        missing = [value for value in wanted if value.lower() not in present]
        if missing and schema:
            identity = schema().object_class
            present = {identity(name).encode() for name in self.texts(OBJECT_CLASS)}
            missing = [value for value in missing if identity(value.decode()).encode() not in present]
        return (*self[OBJECT_CLASS], *missing)


def _canonical(value: bytes) -> str:
    """Return what is the same for all values that a directory takes for one: case, spaces, the marks of a number."""
    text = " ".join(value.decode(errors="replace").casefold().split())
    return re.sub(r"[ -]", "", text) if re.fullmatch(r"\+[\d -]+", text) else text
