"""Simulates the rules for future days: one sweep a day, on a copy of the stored data."""

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
    """An action that would be carried out on an account."""

    login: str
    deadline: Deadline


@attrs.frozen(kw_only=True)
class Day:
    """One day of a simulation."""

    #: The day, in the time zone of days.
    date: date
    #: The time of the simulated sweep on that day, in UTC.
    at: datetime
    #: The actions, by login.
    happenings: tuple[Happening, ...]

    def count(self, action: Action) -> int:
        """Return the number of accounts with this action."""
        return sum(happening.deadline.action is action for happening in self.happenings)


@attrs.define(eq=False)
class _Life:
    """The simulated state of one account."""

    account: Account
    unit: Unit
    marks: dict[tuple[str, Action], MetDeadline]


@attrs.define(eq=False, kw_only=True)
class Simulation:
    """A copy of the stored data, on which sweeps are simulated. All simulated actions succeed.

    Args:

        policy: The rules.

        time_zone: The time zone of days.

        may: Returns whether an action on an account of this unit is allowed.

        pace: Is called before the rules are asked about an account. What it raises ends the simulation.
    """

    policy: Policy
    time_zone: ZoneInfo
    may: Callable[[Account, Unit, Action], bool] = lambda *_: True
    pace: Callable[[], object] = lambda: None
    #: The rules that failed for an account, by login and by the names of rule set and rule.
    failures: dict[tuple[str, str, str], RuleFailure] = attrs.field(factory=dict, init=False)
    _lives: dict[str, _Life] = attrs.field(factory=dict, init=False)
    _agenda: list[tuple[datetime, str]] = attrs.field(factory=list, init=False)

    def add(
        self, accounts: Iterable[Account], units: Mapping[str, Unit], marks: Mapping[str, Sequence[MetDeadline]]
    ) -> None:
        """Copy some accounts.

        Args:

            accounts: The accounts.

            units: Their units, by code.

            marks: Their deadlines that were met, by login.
        """
        for account in accounts:
            known = {(mark.rule_set, mark.action): mark for mark in marks.get(account.login, ())}
            self._lives[account.login] = _Life(account, units[account.unit], known)
            self._plan_ahead(account.login)

    def days(self, start: datetime, count: int) -> Iterator[Day]:
        """Simulate a sweep a day, the first one at *start* and the others at the same time of day.

        Args:

            start: The time of the first sweep, in UTC.

            count: The number of days.
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
            demand = DueAction.at(now, life.account, life.unit, self._deadlines(life), tuple(life.marks.values()))
            change = demand.rotate or (None if demand.warnings else demand.closure)
            looks = [demand.verify] if demand.verify else []
            for deadline in (*demand.duties, *([change] if change else demand.warnings), *looks):
                if self.may(life.account, life.unit, deadline.action):
                    self._live(life, deadline, now)
                    yield Happening(login=login, deadline=deadline)
            self._plan_ahead(login)

    def _live(self, life: _Life, deadline: Deadline, now: datetime) -> None:
        """Carry out the action of a deadline on a simulated account."""
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
        self.pace()
        found = self.policy.evaluate(life.account, life.unit, life.marks.values())
        self.failures |= {(failure.login, failure.rule_set, failure.rule): failure for failure in found.failures}
        return found.deadlines

    def _plan_ahead(self, login: str) -> None:
        deadlines = self._deadlines(self._lives[login])
        if deadlines:
            heapq.heappush(self._agenda, (deadlines[0].at, login))
