"""What the audit log says of a changed unit or person: the changed fields only, and never a mobile number."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from provisioner.core.engine.master_data import (
    PersonAdded,
    PersonChanged,
    UnitAdded,
    UnitChanged,
    person_event,
    unit_event,
)
from provisioner.core.model import Person, Unit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIT = Unit(code="46", name="Kahramanmaraş", kind="province", custodian="p1")
PERSON = Person(id="p1", name="Ayşe Işık", mobile="+905320000001")


def mark(mobile: str | None) -> str | None:
    return f"mark of {mobile[-1]}" if mobile else None


def test_a_new_unit_has_no_past() -> None:
    event = unit_event(None, UNIT, at=NOON, actor="p9", login="46")

    assert isinstance(event, UnitAdded)
    assert (event.before, event.login, event.actor) == ({}, "46", "p9")
    assert event.after == {"name": "Kahramanmaraş", "kind": "province", "custodian": "p1"}


def test_a_changed_unit_names_the_changed_fields_only() -> None:
    event = unit_event(UNIT, attrs.evolve(UNIT, custodian=None), at=NOON, actor="p9")

    assert isinstance(event, UnitChanged)
    assert (event.before, event.after) == ({"custodian": "p1"}, {"custodian": None})


def test_a_mobile_number_is_never_in_the_audit_log() -> None:
    other = attrs.evolve(PERSON, mobile="+905320000002", other_mobile="+905320000003")
    events = [
        person_event(before, after, at=NOON, actor="p9", mark=mark)
        for before, after in ((None, PERSON), (PERSON, other))
    ]

    assert [type(event) for event in events] == [PersonAdded, PersonChanged]
    assert events[1].before == {"mobile_mark": "mark of 1", "other_mobile_mark": None}
    assert events[1].after == {"mobile_mark": "mark of 2", "other_mobile_mark": "mark of 3"}
    assert "+90532" not in repr(events)
