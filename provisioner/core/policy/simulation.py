"""What the rules would do in the days to come: a sweep a day, played on a copy of what is known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.rules import Action, Deadline, MetDeadline
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.days import days_after
from provisioner.core.policy.due import DueAction
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.policy import Policy


@attrs.frozen(kw_only=True)
class Happening:
    """Something that would happen to an account."""

    login: str
    deadline: Deadline


@attrs.frozen(kw_only=True)
class Day:
    """One day of a simulation."""

    #: The day, where the people are.
    date: date
    #: When the sweep of that day is played, in UTC.
    at: datetime
    #: What would happen, by login.
    happenings: tuple[Happening, ...]

    def count(self, action: Action) -> int:
        """Return to how many accounts this would happen."""
        return sum(happening.deadline.action is action for happening in self.happenings)


@attrs.define(eq=False)
class _Life:
    """One account as the simulation leaves it."""

    account: Account
    unit: Unit
    marks: dict[tuple[str, Action], MetDeadline]


@attrs.define(eq=False, kw_only=True)
class Simulation:
    """A copy of what is known, on which sweeps are played. Everything they try succeeds.

    Args:

        policy: The rules.

        time_zone: Where days begin and end.

        may: Whether something may be done to an account of this unit.
    """

    policy: Policy
    time_zone: ZoneInfo
    may: Callable[[Account, Unit, Action], bool] = lambda *_: True
    #: The rules that could not say what they want of an account, by login and by the names of rule set and rule.
    failures: dict[tuple[str, str, str], RuleFailure] = attrs.field(factory=dict, init=False)
    _lives: dict[str, _Life] = attrs.field(factory=dict, init=False)
    _agenda: list[tuple[datetime, str]] = attrs.field(factory=list, init=False)

    def add(
        self, accounts: Iterable[Account], units: Mapping[str, Unit], marks: Mapping[str, Sequence[MetDeadline]]
    ) -> None:
        """Copy what is known of some accounts.

        Args:

            accounts: The accounts.

            units: Their units, by code.

            marks: Which of their deadlines were met, by login.
        """
        for account in accounts:
            known = {(mark.rule_set, mark.action): mark for mark in marks.get(account.login, ())}
            self._lives[account.login] = _Life(account, units[account.unit], known)
            self._plan_ahead(account.login)

    def days(self, start: datetime, count: int) -> Iterator[Day]:
        """Play a sweep a day, the first one at *start* and the others at the same time of day.

        Args:

            start: When the first sweep is played, in UTC.

            count: How many days.
        """
        for number in range(count):
            at = days_after(start, number, self.time_zone)
            happenings = sorted(self._sweep(at), key=lambda happening: happening.login)
            yield Day(date=at.astimezone(self.time_zone).date(), at=at, happenings=tuple(happenings))

    def _sweep(self, now: datetime) -> Iterator[Happening]:
        due = []
        while self._agenda and self._agenda[0][0] <= now:
            due.append(heapq.heappop(self._agenda)[1])
        for login in due:
            life = self._lives[login]
            demand = DueAction.at(now, life.account, life.unit, self._deadlines(life), life.marks.values())
            change = demand.rotate or (None if demand.warnings else demand.shut)
            for deadline in (*demand.duties, *([change] if change else demand.warnings)):
                if self.may(life.account, life.unit, deadline.action):
                    self._live(life, deadline, now)
                    yield Happening(login=login, deadline=deadline)
            self._plan_ahead(login)

    def _live(self, life: _Life, deadline: Deadline, now: datetime) -> None:
        """Do to an account what a deadline asks for."""
        key = (deadline.rule_set, deadline.action)
        confirmed_at = life.marks[key].confirmed_at if key in life.marks else None
        life.marks[key] = MetDeadline(
            rule_set=deadline.rule_set,
            action=deadline.action,
            at=deadline.at,
            met_at=now,
            confirmed_at=confirmed_at,
        )
        if deadline.action is Action.ROTATE:
            life.account = attrs.evolve(life.account, state=AccountState.OPEN, password_changed_at=now)
        elif deadline.action is Action.CLOSE:
            life.account = attrs.evolve(life.account, state=AccountState.CLOSED, closed_at=now)

    def _deadlines(self, life: _Life) -> Sequence[Deadline]:
        found = self.policy.evaluate(life.account, life.unit, life.marks.values())
        self.failures |= {(failure.login, failure.rule_set, failure.rule): failure for failure in found.failures}
        return found.deadlines

    def _plan_ahead(self, login: str) -> None:
        deadlines = self._deadlines(self._lives[login])
        if deadlines:
            heapq.heappush(self._agenda, (deadlines[0].at, login))
