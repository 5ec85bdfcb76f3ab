from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.rules import Action, Deadline, Facts, MetDeadline, Rule
from provisioner.core.model import AccountKind, AccountState
from provisioner.rules.duties import BackupDuty, Custodian

Day = Callable[[float], datetime]


def duty(rule: Rule, facts: Facts) -> Deadline | None:
    """Return the next reminder, as the policy sees it: those that were met are over."""
    [*found] = rule.deadlines(facts)
    mark = facts.marks.get(Action.DUTY)
    later = [one for one in found if mark is None or one.at > mark.at]
    assert {one.action for one in found} <= {Action.DUTY}
    return min(later, key=lambda one: one.at, default=None)


def told(facts: Facts, at: datetime, met_at: datetime | None = None, confirmed_at: datetime | None = None) -> Facts:
    """Return what is known after a reminder."""
    mark = MetDeadline(rule_set="", action=Action.DUTY, at=at, met_at=met_at or at, confirmed_at=confirmed_at)
    return attrs.evolve(facts, marks={Action.DUTY: mark})


def at(deadline: Deadline | None) -> datetime | None:
    return deadline.at if deadline else None


class TestCustodian:
    """000 m.5/b: every unit account has a named custodian, who holds it."""

    @pytest.fixture(name="facts")
    def _without_custodian(self, facts: Facts) -> Facts:
        return attrs.evolve(facts, unit=attrs.evolve(facts.unit, custodian=None))

    def test_reminds_at_once_where_nobody_is_named(self, facts: Facts, day: Day) -> None:
        assert at(duty(Custodian(), facts)) == day(0)

    def test_reminds_where_somebody_else_holds_the_account(self, facts: Facts, day: Day) -> None:
        other = attrs.evolve(facts, unit=attrs.evolve(facts.unit, custodian="1002"))

        found = duty(Custodian(), other)

        assert found is not None
        assert str(found.reason) == "please hand temelegitim46@meb.gov.tr over: its custodian does not hold it"

    def test_reminds_every_week(self, facts: Facts, day: Day) -> None:
        assert at(duty(Custodian(), told(facts, day(0)))) == day(7)
        assert at(duty(Custodian(), told(facts, day(7)))) == day(14)

    def test_does_not_make_up_for_weeks_that_were_missed(self, facts: Facts, day: Day) -> None:
        """After a month without a sweep, one reminder is enough."""
        assert at(duty(Custodian(), told(facts, day(7), met_at=day(40)))) == day(47)

    def test_is_quiet_when_it_is_solved(self, facts: Facts, day: Day) -> None:
        solved = attrs.evolve(facts, unit=attrs.evolve(facts.unit, custodian=facts.account.holder))

        assert duty(Custodian(), told(solved, day(7))) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": AccountKind.PERSONAL},
            {"state": AccountState.CLOSED},
            {"state": AccountState.PLANNED, "opened_at": None},
        ],
    )
    def test_asks_nothing_of_other_accounts(self, facts: Facts, changes: dict[str, object]) -> None:
        other = attrs.evolve(facts, account=attrs.evolve(facts.account, **changes))  # type: ignore[arg-type]

        assert duty(Custodian(), other) is None

    @pytest.mark.parametrize(
        ("kind", "source"), [("branch", "000 m.5/b"), ("district", "000 m.6/b"), ("school", "000 m.7/b")]
    )
    def test_cites_the_article_of_the_unit(self, facts: Facts, kind: str, source: str) -> None:
        found = duty(Custodian(), attrs.evolve(facts, unit=attrs.evolve(facts.unit, kind=kind)))

        assert found is not None
        assert found.source == source


class TestBackupDuty:
    """000 m.5/d, m.7/d: every six months in offices, every three in schools."""

    @pytest.mark.parametrize(
        ("kind", "months", "expected"),
        [
            ("branch", None, (2026, 7, 5)),
            ("school", None, (2026, 4, 5)),
            ("school", 1, (2026, 2, 5)),
            ("branch", 1, (2026, 2, 5)),
        ],
    )
    def test_is_due_after_calendar_months(
        self, facts: Facts, kind: str, months: int | None, expected: tuple[int, int, int]
    ) -> None:
        found = duty(BackupDuty(months=months), attrs.evolve(facts, unit=attrs.evolve(facts.unit, kind=kind)))

        assert at(found) == datetime(*expected, 6, tzinfo=UTC)

    def test_counts_from_the_last_confirmation(self, facts: Facts, day: Day) -> None:
        due = datetime(2026, 7, 5, 6, tzinfo=UTC)
        confirmed = datetime(2026, 7, 20, 9, tzinfo=UTC)

        assert at(duty(BackupDuty(), told(facts, due, confirmed_at=confirmed))) == datetime(2027, 1, 20, 9, tzinfo=UTC)

    def test_begins_anew_when_the_account_is_opened_again(self, facts: Facts, day: Day) -> None:
        before = told(facts, at=day(-400), confirmed_at=day(-390))

        assert at(duty(BackupDuty(months=6), before)) == at(duty(BackupDuty(months=6), facts))

    def test_counts_from_a_confirmation_that_came_before_anybody_asked(self, facts: Facts, day: Day) -> None:
        early = told(facts, day(30), confirmed_at=day(30))

        assert at(duty(BackupDuty(), early)) == facts.months_after(day(30), 6)

    def test_reminds_every_week_until_it_is_confirmed(self, facts: Facts) -> None:
        due = datetime(2026, 7, 5, 6, tzinfo=UTC)

        first = duty(BackupDuty(), told(facts, due))
        assert at(first) == datetime(2026, 7, 12, 6, tzinfo=UTC)
        second = duty(BackupDuty(), told(facts, datetime(2026, 7, 12, 6, tzinfo=UTC)))
        assert at(second) == datetime(2026, 7, 19, 6, tzinfo=UTC)

    def test_a_year_of_it(self, facts: Facts) -> None:
        """Confirmed ten days after each reminder, it comes twice a year and a week later."""
        now, reminders = facts, []
        for _ in range(4):
            found = duty(BackupDuty(remind_days=7), now)
            assert found is not None
            reminders.append(found.at)
            done = facts.days_after(found.at, 10) if len(reminders) % 2 == 0 else None
            previous = now.marks[Action.DUTY].confirmed_at if now.marks else None
            now = told(now, found.at, confirmed_at=done or previous)

        assert [f"{reminder:%Y-%m-%d}" for reminder in reminders] == [
            "2026-07-05",
            "2026-07-12",
            "2027-01-22",
            "2027-01-29",
        ]

    def test_asks_nothing_of_closed_accounts(self, facts: Facts) -> None:
        closed = attrs.evolve(facts.account, state=AccountState.CLOSED)

        assert duty(BackupDuty(), attrs.evolve(facts, account=closed)) is None

    def test_tells_since_when_it_is_due(self, facts: Facts) -> None:
        found = duty(BackupDuty(), told(facts, datetime(2026, 7, 5, 6, tzinfo=UTC)))

        assert found is not None
        assert "it was due on 05.07.2026" in str(found.reason)
        assert found.source == "000 m.5/d"
