"""A simulation does day by day what sweeps would do, once each, on a copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.rules import Action, Deadline, Facts, MetDeadline, Rule
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.policy.simulation import Day, Simulation

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)
ISTANBUL = ZoneInfo("Europe/Istanbul")
UNIT = Unit(code="46", name="Kahramanmaraş", kind="province")
ACCOUNT = Account(login="a", domain="meb.gov.tr", unit="46", state=AccountState.OPEN, password_changed_at=START - DAY)


@attrs.frozen(kw_only=True)
class Every(Rule):
    """Wants something so many days after the password was set."""

    action: Action
    days: int

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        changed_at = facts.account.password_changed_at
        if facts.account.state is not AccountState.OPEN or changed_at is None:
            return []
        at = facts.days_after(changed_at, self.days)
        return [Deadline(action=self.action, at=at, reason=Text("so"), source="here")]


class Closing(Every):
    """One of its own kind, as an account has one rule of each kind."""


class Broken(Rule):
    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        raise ZeroDivisionError


def simulation(*rules: Rule, **more: object) -> Simulation:
    policy = Policy(rule_sets=[RuleSet(name="r", rules=rules)])
    return Simulation(policy=policy, time_zone=ISTANBUL, **more)  # type: ignore[arg-type]


def played(
    simulated: Simulation, count: int, *accounts: Account, marks: Iterable[MetDeadline] = ()
) -> list[tuple[int, Action]]:
    """Return on which day, from 0, what happens."""
    simulated.add(accounts or [ACCOUNT], {"46": UNIT}, {"a": list(marks)})
    days: list[Day] = list(simulated.days(START, count))
    return [(number, happening.deadline.action) for number, day in enumerate(days) for happening in day.happenings]


def test_a_renewal_comes_again_and_again() -> None:
    assert played(simulation(Every(action=Action.ROTATE, days=3)), 9) == [
        (2, Action.ROTATE),
        (5, Action.ROTATE),
        (8, Action.ROTATE),
    ]


def test_a_closed_account_has_no_further_deadlines() -> None:
    assert played(simulation(Every(action=Action.CLOSE, days=2)), 9) == [(1, Action.CLOSE)]


def test_a_warning_is_given_once_and_the_closing_follows() -> None:
    rules = Every(action=Action.WARN, days=2), Closing(action=Action.CLOSE, days=4)

    assert played(simulation(*rules), 9) == [(1, Action.WARN), (3, Action.CLOSE)]


def test_what_was_met_before_is_not_played_again() -> None:
    mark = MetDeadline(rule_set="r", action=Action.WARN, at=START + DAY, met_at=START + DAY)

    assert played(simulation(Every(action=Action.WARN, days=2)), 9, marks=[mark]) == []


def test_what_is_not_allowed_does_not_happen() -> None:
    assert played(simulation(Every(action=Action.CLOSE, days=2), may=lambda *_: False), 4) == []


def test_a_rule_that_fails_is_named_once() -> None:
    simulated = simulation(Broken())
    played(simulated, 3)

    assert list(simulated.failures) == [("a", "r", "Broken")]


def test_a_day_is_that_of_the_people_and_counts_by_action() -> None:
    simulated = simulation(Every(action=Action.CLOSE, days=1))
    simulated.add([attrs.evolve(ACCOUNT, login=login) for login in ("b", "a")], {"46": UNIT}, {})
    [day] = simulated.days(START.replace(hour=22), 1)

    assert day.date == date(2026, 3, 3)
    assert [happening.login for happening in day.happenings] == ["a", "b"]
    assert (day.count(Action.CLOSE), day.count(Action.WARN)) == (2, 0)
