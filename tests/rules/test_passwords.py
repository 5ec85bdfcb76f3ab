from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner.catalogue import Catalogue
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.rules import Action, Deadline, Facts, MetDeadline, Rule
from provisioner.core.model import AccountState
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.rules.retention import Retention

Day = Callable[[float], datetime]

CLOSED_STATES = [AccountState.PLANNED, AccountState.CLOSED, AccountState.INCOMPLETE]


def times(rule: Rule, facts: Facts, action: Action) -> list[datetime]:
    return sorted(deadline.at for deadline in rule.deadlines(facts) if deadline.action is action)


def with_password_of(facts: Facts, changed: datetime | None) -> Facts:
    return attrs.evolve(facts, account=attrs.evolve(facts.account, password_changed_at=changed))


class TestRenewOrClose:
    """001 ¶2: renewed every 30 days, or closed."""

    def test_warns_three_times_and_closes_on_day_30(self, facts: Facts, day: Day) -> None:
        rule = RenewOrClose()

        assert times(rule, facts, Action.WARN) == [day(23), day(27), day(29)]
        assert times(rule, facts, Action.CLOSE) == [day(30)]
        assert len(rule.deadlines(facts)) == 4

    def test_counts_from_the_last_renewal(self, facts: Facts, day: Day) -> None:
        assert times(RenewOrClose(), with_password_of(facts, day(12)), Action.CLOSE) == [day(42)]

    def test_counts_from_the_opening_where_no_password_is_known(self, facts: Facts, day: Day) -> None:
        assert times(RenewOrClose(), with_password_of(facts, None), Action.CLOSE) == [day(30)]

    @pytest.mark.parametrize("state", [AccountState.PLANNED, AccountState.CLOSED])
    def test_leaves_accounts_alone_that_are_not_open(self, facts: Facts, state: AccountState) -> None:
        account = attrs.evolve(facts.account, state=state)

        assert RenewOrClose().deadlines(attrs.evolve(facts, account=account)) == []

    def test_counts_on_while_a_renewal_is_stuck_half_way(self, facts: Facts, day: Day) -> None:
        account = attrs.evolve(facts.account, state=AccountState.INCOMPLETE)

        assert times(RenewOrClose(), attrs.evolve(facts, account=account), Action.CLOSE) == [day(30)]

    def test_leaves_an_account_alone_whose_reopening_is_stuck(self, facts: Facts, day: Day) -> None:
        account = attrs.evolve(facts.account, state=AccountState.INCOMPLETE, closed_at=day(20))

        assert RenewOrClose().deadlines(attrs.evolve(facts, account=account)) == []

    def test_a_late_warning_puts_the_closing_off(self, facts: Facts, day: Day) -> None:
        late = MetDeadline(rule_set="r", action=Action.WARN, at=day(29), met_at=day(33))

        assert times(RenewOrClose(), attrs.evolve(facts, marks={Action.WARN: late}), Action.CLOSE) == [day(34)]

    def test_closes_at_the_same_time_of_day_after_the_clocks_changed(self, facts: Facts) -> None:
        """They go forward on 29 March 2026 in Berlin."""
        berlin = attrs.evolve(facts, time_zone=ZoneInfo("Europe/Berlin"))
        changed = with_password_of(berlin, datetime(2026, 3, 1, 8, tzinfo=UTC))

        assert times(RenewOrClose(), changed, Action.CLOSE) == [datetime(2026, 3, 31, 7, tzinfo=UTC)]
        assert times(RenewOrClose(), changed, Action.WARN)[0] == datetime(2026, 3, 24, 8, tzinfo=UTC)

    @pytest.mark.parametrize("age", [23.1, 29, 200])
    def test_closes_nobody_unwarned_when_it_is_new(self, facts: Facts, day: Day, age: float) -> None:
        """A person who introduces the rules must not close the province on that day."""
        since = day(age)
        fresh = attrs.evolve(facts, since=since)

        week = timedelta(days=7)
        assert times(RenewOrClose(), fresh, Action.WARN) == [
            since,
            since + timedelta(days=4),
            since + timedelta(days=6),
        ]
        assert times(RenewOrClose(), fresh, Action.CLOSE) == [since + week]

    def test_gives_no_time_to_those_who_had_it(self, facts: Facts, day: Day) -> None:
        assert times(RenewOrClose(), attrs.evolve(facts, since=day(23)), Action.CLOSE) == [day(30)]

    def test_says_in_turkish_what_to_do_until_when(self, facts: Facts) -> None:
        warning = _last(RenewOrClose(), facts, Action.WARN)

        assert warning.reason.said(Catalogue.of("tr")) == (
            "temelegitim46@meb.gov.tr parolasını 1 gün içinde, en geç 04.02.2026 tarihinde yenileyiniz; "
            "aksi takdirde hesap kapatılacaktır"
        )
        assert warning.source == "001 ¶2"

    def test_warns_less_if_told_so(self, facts: Facts, day: Day) -> None:
        assert times(RenewOrClose(days=60, warn_days=(5, 5)), facts, Action.WARN) == [day(55)]
        assert times(RenewOrClose(warn_days=()), facts, Action.WARN) == []

    @pytest.mark.parametrize("warn", [30, 31])
    def test_cannot_warn_before_the_password_is_there(self, warn: int) -> None:
        with pytest.raises(ConfigurationError, match=f"a warning {warn} days before the end is too early"):
            RenewOrClose(warn_days=(1, warn))


class TestAutoRotate:
    """Renewed in time, without anybody's doing."""

    def test_rotates_within_the_window(self, facts: Facts, day: Day) -> None:
        [at] = times(AutoRotate(), facts, Action.ROTATE)

        assert day(20) <= at < day(27)

    def test_spreads_a_province_evenly(self, facts: Facts, day: Day) -> None:
        """All mailboxes of a province are opened on one day; their SMS must not go out in one hour."""
        logins = [f"okul{number}" for number in range(7000)]
        found = [times(AutoRotate(), _named(facts, login), Action.ROTATE)[0] for login in logins]

        each_day = [sum(day(20 + n) <= at < day(21 + n) for at in found) for n in range(7)]
        assert all(900 < count < 1100 for count in each_day)

    def test_takes_another_time_with_another_password(self, facts: Facts, day: Day) -> None:
        again = with_password_of(facts, day(1))

        [first], [second] = times(AutoRotate(), facts, Action.ROTATE), times(AutoRotate(), again, Action.ROTATE)
        assert second - first != timedelta(days=1)

    def test_spreads_those_that_are_late_when_it_is_new(self, facts: Facts, day: Day) -> None:
        """All of them at once would be a wave of SMS, and a closed gateway."""
        since = day(100)
        found = [
            times(AutoRotate(), attrs.evolve(_named(facts, f"okul{number}"), since=since), Action.ROTATE)[0]
            for number in range(700)
        ]

        each_day = [sum(day(100 + n) <= at < day(101 + n) for at in found) for n in range(7)]
        assert all(60 < count < 140 for count in each_day)

    def test_keeps_its_time_if_that_is_still_to_come(self, facts: Facts, day: Day) -> None:
        fresh = attrs.evolve(facts, since=day(19))

        assert AutoRotate().deadlines(fresh) == AutoRotate().deadlines(facts)

    @pytest.mark.parametrize("state", CLOSED_STATES)
    def test_leaves_accounts_alone_that_are_not_open(self, facts: Facts, state: AccountState) -> None:
        account = attrs.evolve(facts.account, state=state)

        assert AutoRotate().deadlines(attrs.evolve(facts, account=account)) == []

    @pytest.mark.parametrize(("to_day", "clashes"), [(29, False), (30, True), (40, True)])
    def test_clashes_with_an_earlier_closing(self, to_day: int, clashes: bool) -> None:
        clash = AutoRotate(to_day=to_day).conflict_with(RenewOrClose())

        assert (clash is not None) is clashes

    def test_goes_together_with_other_rules(self) -> None:
        assert AutoRotate(to_day=400).conflict_with(Retention()) is None

    def test_needs_a_window(self) -> None:
        with pytest.raises(ConfigurationError, match="the window from day 20 to day 20 is empty"):
            AutoRotate(to_day=20)

    def test_comes_before_the_closing_also_for_those_that_are_late(self, facts: Facts, day: Day) -> None:
        for number in range(200):
            late = attrs.evolve(_named(facts, f"okul{number}"), since=day(29.5))

            [rotation], [closing] = (
                times(AutoRotate(), late, Action.ROTATE),
                times(RenewOrClose(), late, Action.CLOSE),
            )
            assert rotation < closing


def _named(facts: Facts, login: str) -> Facts:
    return attrs.evolve(facts, account=attrs.evolve(facts.account, login=login))


def _last(rule: Rule, facts: Facts, action: Action) -> Deadline:
    return max((deadline for deadline in rule.deadlines(facts) if deadline.action is action), key=lambda one: one.at)
