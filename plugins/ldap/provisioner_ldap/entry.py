"""What an entry holds, what it shall hold, and the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter

import attrs

from provisioner.core.model import Account, Person, Unit

#: Attributes by name, each with all the values it shall have; no value at all removes it.
Attributes = Mapping[str, tuple[bytes, ...]]

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

    @property
    def exists(self) -> bool:
        """Whether the entry is there."""
        return bool(self.values)

    def __getitem__(self, name: str) -> tuple[bytes, ...]:
        return self.values.get(name.lower(), ())

    def text(self, name: str) -> str | None:
        """Return the first value of an attribute, or ``None`` if it has none."""
        return self[name][0].decode(errors="replace") if self[name] else None

    def texts(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [value.decode(errors="replace") for value in self[name]]

    def pick(self, names: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
        """Return some attributes with the values they have here, also those that have none."""
        return {name: self[name] for name in names}

    def differences(self, wanted: Attributes) -> dict[str, tuple[bytes, ...]]:
        """Return what has to be replaced so that the entry holds what is *wanted*.

        Object classes are only ever added; what an attribute holds besides is replaced.
        """
        complete = {**wanted, OBJECT_CLASS: self._with_classes(wanted.get(OBJECT_CLASS, ()))}
        return {name: values for name, values in complete.items() if set(values) != set(self[name])}

    def _with_classes(self, wanted: Iterable[bytes]) -> tuple[bytes, ...]:
        present = {value.lower() for value in self[OBJECT_CLASS]}
        return (*self[OBJECT_CLASS], *(value for value in wanted if value.lower() not in present))


def placeholders(account: Account, unit: Unit, holder: Person) -> dict[str, str]:
    """Return what the places of attribute templates stand for."""
    return {
        "login": account.login,
        "mail": account.mail,
        "domain": account.domain,
        "unit_code": unit.code,
        "unit_name": unit.name,
        "unit_kind": unit.kind,
        "unit_parent": unit.parent or "",
        "holder_id": holder.id,
        "holder_name": holder.name,
        "holder_title": holder.title,
        "holder_mobile": holder.mobile or "",
    }


_NOBODY = placeholders(Account(login="", domain="", unit=""), Unit(code="", name="", kind=""), Person(id="", name=""))

#: The places an attribute template may have.
PLACEHOLDERS = frozenset(_NOBODY)


def unknown_places(template: str) -> list[str]:
    """Return the places of a template that stand for nothing.

    Raises:

        ValueError: Its braces do not match.
    """
    fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(template) if name is not None]
    return [name for name, spec, conversion in fields if name not in PLACEHOLDERS or spec or conversion]


def rendered(templates: Mapping[str, str], places: Mapping[str, str]) -> dict[str, tuple[bytes, ...]]:
    """Fill attribute templates. An attribute that comes out blank has no value."""
    texts = {name: template.format_map(places).strip() for name, template in templates.items()}
    return {name: (text.encode(),) if text else () for name, text in texts.items()}
