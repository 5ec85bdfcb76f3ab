"""Verifications are spread, come again in time, and concern accounts of which it is known what should be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import attrs
import pytest

from provisioner.core.api.rules import Action, Facts, MetDeadline
from provisioner.core.model import AccountState
from provisioner.rules.verification import Verify

DAY = timedelta(days=1)


def next_time(facts: Facts, days: int = 30) -> datetime:
    [deadline] = Verify(days=days).deadlines(facts)
    assert deadline.action is Action.VERIFY
    return deadline.at


def verified(facts: Facts, at: datetime, met_at: datetime) -> Facts:
    mark = MetDeadline(rule_set="", action=Action.VERIFY, at=at, met_at=met_at)
    return attrs.evolve(facts, marks={Action.VERIFY: mark})


def times_of(facts: Facts) -> Iterator[datetime]:
    """Yield the times of the verifications of a year, of which each other one is a day late."""
    for number in range(12):
        due = next_time(facts)
        at = due + number % 2 * DAY
        facts = verified(facts, due, at)
        yield at


def test_no_two_verifications_are_further_apart_than_allowed_even_if_sweeps_run_daily(facts: Facts) -> None:
    assert facts.account.opened_at
    times = [facts.account.opened_at, *times_of(facts)]

    assert all(later - earlier <= 30 * DAY for earlier, later in pairwise(times))


def test_accounts_that_were_opened_together_are_spread_evenly(facts: Facts, day: Callable[[float], datetime]) -> None:
    accounts = [attrs.evolve(facts.account, login=f"okul{number}") for number in range(2900)]
    times = [next_time(attrs.evolve(facts, account=account)) for account in accounts]
    counts = Counter((time - day(0)) // DAY for time in times)

    assert set(counts) == set(range(29))
    assert max(counts.values()) < 1.5 * 100


def test_a_new_rule_set_gives_existing_accounts_a_period(facts: Facts, day: Callable[[float], datetime]) -> None:
    assert day(400) < next_time(attrs.evolve(facts, since=day(400))) <= day(429)


def test_a_verification_that_was_late_does_not_move_the_next_one(facts: Facts) -> None:
    due = next_time(facts)

    assert next_time(verified(facts, due, due + 5 * DAY)) == due + 29 * DAY


def test_a_closed_account_may_be_enabled_behind_our_back(facts: Facts, day: Callable[[float], datetime]) -> None:
    account = attrs.evolve(facts.account, state=AccountState.CLOSED, closed_at=day(100))

    assert next_time(attrs.evolve(facts, account=account)) > day(100)


@pytest.mark.parametrize("state", [AccountState.PLANNED, AccountState.INCOMPLETE])
def test_other_accounts_are_not_verified(facts: Facts, state: AccountState) -> None:
    account = attrs.evolve(facts.account, state=state)

    assert Verify().deadlines(attrs.evolve(facts, account=account)) == []


def test_less_than_two_days_leave_no_room_for_a_daily_sweep() -> None:
    with pytest.raises(ValueError, match="days"):
        Verify(days=1)
