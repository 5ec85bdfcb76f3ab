"""Nobody gets notices over a channel for notices who was not chosen."""

from __future__ import annotations

import pytest

from provisioner.core.model import Person, Unit
from provisioner.core.model.scope import Scope
from provisioner.core.policy.audience import Audience, Audiences

UNITS = {
    "il": Unit(code="il", name="İl", kind="province"),
    "ilce": Unit(code="ilce", name="İlçe", kind="district", parent="il"),
    "okul": Unit(code="okul", name="Okul", kind="school", parent="ilce"),
}
PATHS = {"il": ["il"], "ilce": ["ilce", "il"], "okul": ["okul", "ilce", "il"]}


def reached(audience: Audience | None, person: str, unit: str | None, *, open_to_all: bool = False) -> bool:
    audiences = Audiences(
        by_channel={"mail": audience} if audience else {},
        open_to_all={"mail"} if open_to_all else set(),
        units=lambda codes: {code: UNITS[code] for code in codes if code in UNITS},
        path_of=lambda code: PATHS[code],
    )
    return audiences.include("mail", Person(id=person, name="x", unit=unit))


@pytest.mark.parametrize("open_to_all", [True, False])
def test_where_nobody_was_chosen_only_a_channel_for_passwords_reaches_everybody(open_to_all: bool) -> None:
    assert reached(None, "1", "okul", open_to_all=open_to_all) is open_to_all


@pytest.mark.parametrize(
    ("audience", "person", "unit", "is_reached"),
    [
        (Audience(), "1", "okul", False),
        (Audience(persons=frozenset({"1"})), "1", None, True),
        (Audience(persons=frozenset({"1"})), "2", "okul", False),
        (Audience(units=Scope(kinds=frozenset({"school"}))), "1", "okul", True),
        (Audience(units=Scope(kinds=frozenset({"school"}))), "1", "ilce", False),
        (Audience(units=Scope(under=frozenset({"ilce"}))), "1", "okul", True),
        (Audience(units=Scope(under=frozenset({"ilce"}))), "1", "il", False),
        (Audience(units=Scope(under=frozenset({"ilce"}))), "1", "gone", False),
        (Audience(units=Scope(under=frozenset({"ilce"}))), "1", None, False),
    ],
)
def test_only_chosen_persons_and_the_staff_of_chosen_units_are_reached(
    audience: Audience, person: str, unit: str | None, is_reached: bool
) -> None:
    assert reached(audience, person, unit, open_to_all=True) is is_reached
