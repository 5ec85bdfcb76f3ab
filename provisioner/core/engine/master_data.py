"""Changes of units and persons, as facts for the audit log (001 ¶4: the officer is accountable for current personnel
data).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from provisioner.core.api.events import Event
from provisioner.core.model import Person, Unit
from provisioner.core.model.mobile import MobileMark

#: Fields by name, with a mark instead of a mobile number.
Facts = Mapping[str, str | None]


@attrs.frozen(kw_only=True)
class UnitEvent(Event):
    """A list changed a unit. The event names the unit's account, if it has one."""

    #: The code of the unit.
    unit: str
    #: The old values of the changed fields.
    before: Facts
    #: The new values of the changed fields.
    after: Facts


@attrs.frozen(kw_only=True)
class UnitAdded(UnitEvent):
    """A list added a unit."""

    kind = "unit_added"


@attrs.frozen(kw_only=True)
class UnitChanged(UnitEvent):
    """A list changed a unit: its name, kind, parent, login or custodian."""

    kind = "unit_changed"


@attrs.frozen(kw_only=True)
class UnitRemoved(UnitEvent):
    """A unit was removed. A list that names it adds it again."""

    kind = "unit_removed"


@attrs.frozen(kw_only=True)
class PersonEvent(Event):
    """The data of a person changed."""

    #: The ID of the person.
    person: str
    #: The old values of the changed fields; marks replace the numbers.
    before: Facts
    #: The new values of the changed fields.
    after: Facts


@attrs.frozen(kw_only=True)
class PersonAdded(PersonEvent):
    """A list added a person."""

    kind = "person_added"


@attrs.frozen(kw_only=True)
class PersonChanged(PersonEvent):
    """A list changed a person: the name, unit, title, supervisor or a mobile number."""

    kind = "person_changed"


@attrs.frozen(kw_only=True)
class PersonNumberConfirmed(PersonEvent):
    """An administrator confirmed a person's other mobile number."""

    kind = "person_number_confirmed"


def unit_event(before: Unit | None, after: Unit, *, at: datetime, actor: str, login: str = "") -> UnitEvent:
    """Return the event of a unit that was added or changed.

    Args:

        before: The old unit; ``None`` if it is new.

        after: The new unit.

        at: The time.

        actor: Who changed it.

        login: The login of the unit's account, if it has one.
    """
    old, new = _changes(_unit_facts(before) if before else None, _unit_facts(after))
    make = UnitChanged if before else UnitAdded
    return make(at=at, actor=actor, login=login, unit=after.code, before=old, after=new)


def unit_removed(unit: Unit, *, at: datetime, actor: str, login: str = "") -> UnitRemoved:
    """Return the event of a unit that was removed.

    Args:

        unit: The unit.

        at: The time.

        actor: Who removed it.

        login: The login of the unit's account, if it has one.
    """
    before = {name: value for name, value in _unit_facts(unit).items() if value}
    return UnitRemoved(at=at, actor=actor, login=login, unit=unit.code, before=before, after={})


def person_event(before: Person | None, after: Person, *, at: datetime, actor: str, mark: MobileMark) -> PersonEvent:
    """Return the event of a person who was added or changed.

    Args:

        before: The old data of the person; ``None`` if the person is new.

        after: The new data.

        at: The time.

        actor: Who changed it.

        mark: Returns the mark of a mobile number.
    """
    old, new = _changes(_person_facts(before, mark) if before else None, _person_facts(after, mark))
    make = PersonChanged if before else PersonAdded
    return make(at=at, actor=actor, person=after.id, before=old, after=new)


def number_confirmed(
    before: Person, after: Person, *, at: datetime, actor: str, mark: MobileMark
) -> PersonNumberConfirmed:
    """Return the event of a person whose other mobile number was confirmed.

    Args:

        before: The old data of the person.

        after: The new data.

        at: The time.

        actor: Who confirmed it.

        mark: Returns the mark of a mobile number.
    """
    old, new = _changes(_person_facts(before, mark), _person_facts(after, mark))
    return PersonNumberConfirmed(at=at, actor=actor, person=after.id, before=old, after=new)


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
        "other_mobile_mark": mark(person.other_mobile),
        "confirmed_mobile_mark": mark(person.confirmed_mobile),
        "supervisor": person.supervisor,
    }


def _changes(before: Facts | None, after: Facts) -> tuple[Facts, Facts]:
    """Return the old and new values of the changed fields; for a new item, all its fields."""
    if before is None:
        return {}, {name: value for name, value in after.items() if value}
    changed = [name for name, value in after.items() if before[name] != value]
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}
