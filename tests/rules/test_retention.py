from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs
import pytest

from provisioner.core.api.rules import Action, Facts
from provisioner.core.model import AccountState
from provisioner.rules.retention import Retention

Day = Callable[[float], datetime]


@pytest.fixture(name="closed")
def _closed(facts: Facts, day: Day) -> Facts:
    return attrs.evolve(facts, account=attrs.evolve(facts.account, state=AccountState.CLOSED, closed_at=day(30)))


def test_deletes_half_a_year_after_the_closing(closed: Facts, day: Day) -> None:
    [deadline] = Retention().deadlines(closed)

    assert (deadline.action, deadline.at) == (Action.DELETE, day(210))


def test_deletes_nothing_at_once_when_it_is_new(closed: Facts, day: Day) -> None:
    """It cannot be taken back; the person who introduces the rule has time to see what it will do."""
    [deadline] = Retention(days=90).deadlines(attrs.evolve(closed, since=day(1000)))

    assert deadline.at == day(1090)


@pytest.mark.parametrize("state", [AccountState.OPEN, AccountState.PLANNED, AccountState.INCOMPLETE])
def test_never_deletes_what_is_not_closed(closed: Facts, state: AccountState) -> None:
    other = attrs.evolve(closed, account=attrs.evolve(closed.account, state=state))

    assert Retention().deadlines(other) == []


@pytest.mark.parametrize("days", [0, -1])
def test_keeps_accounts_for_a_day_at_least(days: int) -> None:
    with pytest.raises(ValueError, match="days"):
        Retention(days=days)
