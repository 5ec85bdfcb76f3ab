"""Changes of units and persons, as facts for the audit log (001 ¶4: the officer answers for current personnel data)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs

from provisioner.core.api.events import Event
from provisioner.core.model import Person, Unit

#: Fields by name, with a mark in the place of a mobile number.
Facts = Mapping[str, str | None]

#: Returns the mark of a mobile number: the same for the same number, and nothing that the number can be found by.
MobileMark = Callable[[str | None], str | None]


@attrs.frozen(kw_only=True)
class UnitEvent(Event):
    """A list changed a unit. The event names the unit's account, if it has one."""

    #: The code of the unit.
    unit: str
    #: The changed fields as they were.
    before: Facts
    #: The changed fields as they are from now on.
    after: Facts


@attrs.frozen(kw_only=True)
class UnitAdded(UnitEvent):
    """A list brought a new unit."""

    kind = "unit_added"


@attrs.frozen(kw_only=True)
class UnitChanged(UnitEvent):
    """A list changed a unit: its name, kind, parent, login or custodian."""

    kind = "unit_changed"


@attrs.frozen(kw_only=True)
class PersonEvent(Event):
    """A list changed a person."""

    #: The id of the person.
    person: str
    #: The changed fields as they were; ``mobile_mark`` stands for the number.
    before: Facts
    #: The changed fields as they are from now on.
    after: Facts


@attrs.frozen(kw_only=True)
class PersonAdded(PersonEvent):
    """A list brought a new person."""

    kind = "person_added"


@attrs.frozen(kw_only=True)
class PersonChanged(PersonEvent):
    """A list changed a person: the name, unit, title, supervisor or mobile number."""

    kind = "person_changed"


def unit_event(before: Unit | None, after: Unit, *, at: datetime, actor: str, login: str = "") -> UnitEvent:
    """Return what the audit log says of a unit that is new or changed.

    Args:

        before: The unit as it was; ``None`` if it is new.

        after: The unit as it is from now on.

        at: When.

        actor: Who changed it.

        login: The login of the unit's account, if it has one.
    """
    old, new = _changes(_unit_facts(before) if before else None, _unit_facts(after))
    make = UnitChanged if before else UnitAdded
    return make(at=at, actor=actor, login=login, unit=after.code, before=old, after=new)


def person_event(before: Person | None, after: Person, *, at: datetime, actor: str, mark: MobileMark) -> PersonEvent:
    """Return what the audit log says of a person who is new or changed.

    Args:

        before: The person as known so far; ``None`` if the person is new.

        after: The person as known from now on.

        at: When.

        actor: Who changed it.

        mark: Returns the mark of a mobile number.
    """
    old, new = _changes(_person_facts(before, mark) if before else None, _person_facts(after, mark))
    make = PersonChanged if before else PersonAdded
    return make(at=at, actor=actor, person=after.id, before=old, after=new)


def _unit_facts(unit: Unit) -> Facts:
    return {
        "name": unit.name,
        "kind": unit.kind,
        "parent": unit.parent,
        "login": unit.login,
        "custodian": unit.custodian,
    }


def _person_facts(person: Person, mark: MobileMark) -> Facts:
    return {
        "name": person.name,
        "unit": person.unit,
        "title": person.title,
        "mobile_mark": mark(person.mobile),
        "supervisor": person.supervisor,
    }


def _changes(before: Facts | None, after: Facts) -> tuple[Facts, Facts]:
    """Return the changed fields as they were and as they are; of something new, all that it has."""
    if before is None:
        return {}, {name: value for name, value in after.items() if value}
    changed = [name for name, value in after.items() if before[name] != value]
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}
