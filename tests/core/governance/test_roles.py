"""When and where a role holds."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from provisioner.core.governance.roles import Role
from tests.core.governance.offices import NOW, assignment

DAY = timedelta(days=1)
DELEGATED = assignment("deputy", Role.OFFICER, delegator="officer", starts_at=NOW, ends_at=NOW + DAY)


@pytest.mark.parametrize(("at", "holds"), [(-DAY, False), (0 * DAY, True), (DAY / 2, True), (DAY, False)])
def test_a_delegation_begins_at_its_first_moment_and_is_over_at_its_last(at: timedelta, *, holds: bool) -> None:
    assert DELEGATED.holds(NOW + at) is holds


def test_a_role_without_dates_always_holds() -> None:
    role = attrs.evolve(DELEGATED, starts_at=None, ends_at=None)

    assert role.holds(NOW - 9999 * DAY)
    assert role.holds(NOW + 9999 * DAY)


@pytest.mark.parametrize(
    ("unit", "path", "covers"),
    [("46", {"46", "s1"}, True), ("s1", {"46", "s1"}, True), ("s2", {"46", "s1"}, False), (None, set(), True)],
)
def test_a_role_holds_in_its_unit_and_below(unit: str | None, path: set[str], *, covers: bool) -> None:
    assert assignment("officer", Role.OFFICER, unit).covers(path) is covers


def test_a_role_in_one_unit_does_not_hold_everywhere() -> None:
    assert not assignment("officer", Role.OFFICER, "46").covers(set())
