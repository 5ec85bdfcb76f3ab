from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner import Account, Unit
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.rules import Action, Facts, Rule
from provisioner.core.model import AccountState
from provisioner.testing.contract import RuleContract
from provisioner_schools.plugin import SchoolsInAugust

ISTANBUL = ZoneInfo("Europe/Istanbul")


class TestContract(RuleContract):
    """What every rule must do."""

    @pytest.fixture
    def rule(self) -> Rule:
        return SchoolsInAugust()

    @pytest.fixture
    def kinds(self) -> list[str]:
        return ["school"]


def rotation(
    *, changed: datetime, login: str = "758821", since: datetime | None = None, kind: str = "school"
) -> datetime:
    """Return when the password of an account is rotated, on the clocks of Turkey."""
    account = Account(
        login=login,
        domain="meb.k12.tr",
        unit=login,
        state=AccountState.OPEN,
        opened_at=changed,
        password_changed_at=changed,
    )
    facts = Facts(account=account, unit=Unit(code=login, name="Okul", kind=kind), since=since)
    [deadline] = SchoolsInAugust().deadlines(facts)
    assert deadline.action is Action.ROTATE
    return deadline.at.astimezone(ISTANBUL)


def test_schools_get_new_passwords_in_the_second_half_of_august() -> None:
    at = rotation(changed=datetime(2026, 2, 1, tzinfo=UTC))

    assert (at.year, at.month) == (2026, 8)
    assert 15 <= at.day <= 31


def test_not_all_at_once() -> None:
    """A province has hundreds of schools, and one SMS gateway."""
    days = [rotation(changed=datetime(2026, 2, 1, tzinfo=UTC), login=f"{n}").day for n in range(1700)]

    assert all(60 < days.count(day) < 140 for day in range(15, 32))


@pytest.mark.parametrize("changed", [datetime(2026, 8, 16, tzinfo=UTC), datetime(2026, 12, 31, 22, tzinfo=UTC)])
def test_a_password_of_this_august_or_later_waits_for_the_next(changed: datetime) -> None:
    assert rotation(changed=changed).year == 2027


def test_a_rule_set_that_is_introduced_in_winter_waits_for_august() -> None:
    at = rotation(changed=datetime(2020, 1, 1, tzinfo=UTC), since=datetime(2026, 12, 1, tzinfo=UTC))

    assert (at.year, at.month) == (2027, 8)


def test_offices_are_left_alone() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        rotation(changed=datetime(2026, 2, 1, tzinfo=UTC), kind="office")


def test_one_day_is_enough_and_none_is_not() -> None:
    assert attrs.asdict(SchoolsInAugust(from_day=20, to_day=20)) == {"from_day": 20, "to_day": 20}
    with pytest.raises(ConfigurationError, match="day 19 is before day 20"):
        SchoolsInAugust(from_day=20, to_day=19)
