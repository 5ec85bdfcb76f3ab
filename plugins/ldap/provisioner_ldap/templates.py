"""Templates of attributes and containers: text with placeholders in braces, each with filters after it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import lru_cache
from string import Formatter

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import Account, Person, Unit
from provisioner_ldap.filters import FILTERS, filtered

#: The placeholder of the POSIX number of an account.
NUMBER = "number"


@attrs.frozen
class Placeholder:
    """A placeholder of a template."""

    name: str
    #: The names of its filters, in their order.
    filters: tuple[str, ...] = ()


@attrs.frozen
class Piece:
    """A part of a template: text, and the placeholder after it if there is one."""

    text: str
    placeholder: Placeholder | None


def placeholders(account: Account, unit: Unit, holder: Person | None, parent: Unit | None = None) -> dict[str, str]:
    """Return the values of placeholders. Those of a holder or of a unit above that is not known are left out.

    Args:

        account: The account.

        unit: Its unit.

        holder: Its holder, if it has one.

        parent: The unit above the unit, if there is one.
    """
    places = {
        "login": account.login,
        "mail": account.mail,
        "domain": account.domain,
        "unit_code": unit.code,
        "unit_name": unit.name,
        "unit_kind": unit.kind,
        "unit_parent": unit.parent or "",
    }
    if parent or not unit.parent:
        places |= {"parent_name": parent.name if parent else ""}
    if holder:
        places |= {
            "holder_id": holder.id,
            "holder_name": holder.name,
            "holder_title": holder.title,
            "holder_mobile": holder.mobile or "",
        }
    return places


_NOBODY = placeholders(Account(login="", domain="", unit=""), Unit(code="", name="", kind=""), Person(id="", name=""))

#: The placeholders that every template may have.
PLACEHOLDERS = frozenset(_NOBODY)

#: Those of the holder. They change with a handover.
OF_HOLDER = frozenset(name for name in PLACEHOLDERS if name.startswith("holder_"))


@lru_cache(maxsize=1024)
def pieces(template: str) -> tuple[Piece, ...]:
    """Return the parts of a template.

    Raises:

        ValueError: Its braces do not match.
    """
    return tuple(
        Piece(text, None if field is None else _placeholder(field, spec, conversion))
        for text, field, spec, conversion in Formatter().parse(template)
    )


def _placeholder(field: str, spec: str | None, conversion: str | None) -> Placeholder:
    if spec or conversion:
        return Placeholder(f"{field}{'!' if conversion else ':'}{conversion or spec}")
    name, *filters = field.split("|")
    return Placeholder(name, tuple(filters))


def names_in(template: str) -> set[str]:
    """Return the names of the placeholders of a template."""
    return {piece.placeholder.name for piece in pieces(template) if piece.placeholder}


def verify(template: str, place: str, known: Container[str] = PLACEHOLDERS) -> None:
    """Check a template of the configuration.

    Args:

        template: The template.

        place: The path of the setting, for messages.

        known: The names of the placeholders that it may have.

    Raises:

        ConfigurationError: Its braces do not match, or it has an unknown placeholder or filter.
    """
    try:
        found = [piece.placeholder for piece in pieces(template) if piece.placeholder]
    except ValueError:
        raise ConfigurationError("{place}: the braces of the template do not match", place=place) from None
    for placeholder in found:
        if placeholder.name not in known:
            raise ConfigurationError(
                "{place}: the template has the unknown placeholder {unknown}",
                cure="use the placeholders that the README of the plug-in lists, each by its name in braces",
                place=place,
                unknown="{" + placeholder.name + "}",
            )
        _verify_filters(placeholder, place)


def _verify_filters(placeholder: Placeholder, place: str) -> None:
    unknown = [name for name in placeholder.filters if name not in FILTERS]
    if unknown:
        raise ConfigurationError(
            "{place}: the template has the unknown filter {unknown}",
            cure="use one of {known}, each after a vertical bar",
            place=place,
            unknown=repr(unknown[0]),
            known=", ".join(FILTERS),
        )


def filled(template: str, places: Mapping[str, str], written: Callable[[str], str] = str) -> str:
    """Fill a template whose placeholders all have values.

    Args:

        template: The template.

        places: The values of placeholders.

        written: Returns a value as it stands in the result, for example with backslashes.
    """
    return "".join(
        piece.text + (written(_value(piece.placeholder, places)) if piece.placeholder else "")
        for piece in pieces(template)
    )


def _value(placeholder: Placeholder, places: Mapping[str, str]) -> str:
    return filtered(places[placeholder.name], placeholder.filters)


def rendered(templates: Mapping[str, Iterable[str]], places: Mapping[str, str]) -> dict[str, tuple[bytes, ...]]:
    """Fill attribute templates. Blank values are left out, and attributes with a placeholder that has no value.

    Args:

        templates: The templates of the values of each attribute.

        places: The values of placeholders.
    """
    return {
        name: tuple(dict.fromkeys(text.encode() for value in values if (text := filled(value, places).strip())))
        for name, values in templates.items()
        if all(names_in(value) <= places.keys() for value in values)
    }


def level_templates(template: str) -> Iterator[tuple[str, str]]:
    """Yield the attribute and the template of the value of each container, the topmost first."""
    for level in reversed(template.split(",") if template else []):
        name, _, value = level.partition("=")
        yield name.strip(), value.strip()
