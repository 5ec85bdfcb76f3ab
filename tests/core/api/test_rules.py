"""What a rule is written with: its name, its times where the people are, and its even share."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from provisioner.core.api.messages import TargetReport
from provisioner.core.api.rules import Facts, Monitor, Rule, name_of, share
from provisioner.core.model import Account, Unit

FACTS = Facts(
    account=Account(login="a", domain="meb.gov.tr", unit="46"),
    unit=Unit(code="46", name="Kahramanmaraş", kind="province"),
    time_zone=ZoneInfo("Europe/Berlin"),
)
#: An hour before the clocks go forward there.
EVENING = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)


class CloseAfterYears(Rule):
    """A rule without a name of its own."""


class X509Watch(Monitor):
    """A monitor without a name of its own."""


class Named(Rule):
    rule_name = "our-own"


@pytest.mark.parametrize(
    ("rule", "name"), [(CloseAfterYears(), "close-after-years"), (X509Watch(), "x509-watch"), (Named(), "our-own")]
)
def test_a_rule_is_called_what_the_configuration_calls_it(rule: Rule | Monitor, name: str) -> None:
    assert name_of(rule) == name


def test_days_and_months_are_those_of_the_people() -> None:
    """The clocks change in between: the time of day stays, and not the number of hours."""
    assert FACTS.days_after(EVENING, 1) == datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert FACTS.months_after(datetime(2026, 1, 31, 11, tzinfo=UTC), 1) == datetime(2026, 2, 28, 11, tzinfo=UTC)
    assert FACTS.written_day(EVENING) == "29.03.2026"


def test_a_share_is_the_same_for_the_same_key_and_spread_for_others() -> None:
    shares = [share("renewal", f"a{number}") for number in range(1000)]

    assert share("renewal", "a7") == shares[7]
    assert all(0 <= value < 1 for value in shares)
    assert all(60 <= sum(tenth / 10 <= value < (tenth + 1) / 10 for value in shares) <= 140 for tenth in range(10))
    assert share("ab", "c") != share("a", "bc")


def test_a_rule_makes_sense_beside_every_other_unless_it_says_otherwise() -> None:
    assert CloseAfterYears().conflict_with(Named()) is None


def test_a_rule_without_an_answer_is_a_defect_and_not_silence() -> None:
    with pytest.raises(NotImplementedError):
        CloseAfterYears().deadlines(FACTS)
    with pytest.raises(NotImplementedError):
        X509Watch().look(lambda _: TargetReport(), FACTS.time_zone)
