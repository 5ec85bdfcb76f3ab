"""Which changes of units and persons are brought to the targets."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from provisioner.core.model import Person, Unit
from provisioner.services.attribute_updates import is_followed

UNIT = Unit(code="okul", name="Okul", kind="school", parent="ilce", login="okul46", custodian="1")
PERSON = Person(id="1", name="Ayşe Işık", unit="okul", title="Müdür", mobile="+905321234567", supervisor="2")


@pytest.mark.parametrize("field", ["name", "kind", "parent"])
def test_a_change_of_a_unit_that_a_target_may_have_is_followed(field: str) -> None:
    change: dict[str, Any] = {field: "other"}
    assert is_followed(UNIT, attrs.evolve(UNIT, **change))


@pytest.mark.parametrize("field", ["name", "unit", "title", "mobile"])
def test_a_change_of_a_person_that_a_target_may_have_is_followed(field: str) -> None:
    change: dict[str, Any] = {field: "other"}
    assert is_followed(PERSON, attrs.evolve(PERSON, **change))


def test_a_change_that_no_target_has_is_not_followed() -> None:
    """Each operation calls every target; a new custodian of a province is no reason."""
    assert not is_followed(UNIT, attrs.evolve(UNIT, login="other", custodian="2"))
    assert not is_followed(PERSON, attrs.evolve(PERSON, supervisor="3"))


def test_what_is_new_is_not_followed() -> None:
    """It has no account yet."""
    assert not is_followed(None, UNIT)
