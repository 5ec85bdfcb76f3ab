"""Determines which rules apply to an account, and their deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from operator import attrgetter
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.rules import Action, Deadline, Facts, MetDeadline, Monitor, Observation, Reports, Rule
from provisioner.core.gateways.plugin_code import entered
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.scope import Scope, Specificity
from provisioner.core.policy.evaluation import Evaluation, RuleFailure, clash_of, seen, usable

#: The time of the deadline for an account at which a rule failed and no other deadline is known.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class RuleSet:
    """Rules with their parameters, under one name of the configuration."""

    name: str
    rules: tuple[Rule, ...] = ()
    #: Its monitors, to which the scope doesn't apply.
    monitors: tuple[Monitor, ...] = ()
    scope: Scope = attrs.Factory(Scope)

    @property
    def parts(self) -> list[Rule | Monitor]:
        """The rules and the monitors."""
        return [*self.rules, *self.monitors]


@attrs.define(eq=False, kw_only=True)
class Policy:
    """All rule sets together.

    For one account, a rule of a kind comes from the rule set whose scope is the most specific for the account's unit:
    the one that names the nearest unit above or, if equal, the one that names the unit's kind.

    Args:

        rule_sets: The rule sets, by their order in the configuration.

        path_of: Returns the codes from the unit with this code up to the top; only the code itself if the unit is
            unknown.

        since: When each rule set started to apply, by its name.

        time_zone: The time zone of days.

        fingerprint: Changes with everything that deadlines depend on: rule sets, parameters, versions.

    Raises:

        ConfigurationError: Two rule sets contradict each other for some accounts.
    """

    rule_sets: Sequence[RuleSet] = ()
    path_of: Callable[[str], Sequence[str]] = lambda code: (code,)
    since: Mapping[str, datetime] = attrs.field(factory=dict)
    time_zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("Europe/Istanbul"))
    fingerprint: str = ""

    def __attrs_post_init__(self) -> None:
        for kind, path in self._kinds_of_units():
            self._require_harmony(kind, path)

    def evaluate(self, account: Account, unit: Unit, marks: Iterable[MetDeadline]) -> Evaluation:
        """Call the rules for one account.

        If the product will renew the password before a closure, the holder is not warned of it. A rule that fails
        doesn't affect the others.
        """
        met = _by_rule_set(marks)
        found: list[Deadline] = []
        failures: list[RuleFailure] = []
        for rule_set, rule in self._rules_for(unit.kind, self._path(unit)):
            facts = Facts(
                account=account,
                unit=unit,
                marks=met.get(rule_set.name, {}),
                since=self.since.get(rule_set.name),
                time_zone=self.time_zone,
            )
            try:
                with entered():
                    found += usable(rule.deadlines(facts), rule, rule_set.name)
            except (Exception, SystemExit) as error:
                failures.append(RuleFailure.of(rule, facts, rule_set.name, error))
        return Evaluation(deadlines=_without_needless_warnings(_unmet(found, met)), failures=failures)

    def deadlines(self, account: Account, unit: Unit, marks: Iterable[MetDeadline]) -> Sequence[Deadline]:
        """Return the deadlines of one account that were not met yet, the earliest first; see :meth:`evaluate`."""
        return self.evaluate(account, unit, marks).deadlines

    def next_deadline(self, account: Account, unit: Unit, marks: Iterable[MetDeadline]) -> datetime | None:
        """Return the next deadline of one account, or ``None`` if no rule sets one."""
        return self.planned(account, unit, marks).next_deadline

    def planned(self, account: Account, unit: Unit, marks: Iterable[MetDeadline]) -> Account:
        """Return one account with its next deadline, the action of that, and when the account is closed.

        An account at which a rule failed is due, so that the next sweep calls the rule again.
        """
        found = self.evaluate(account, unit, marks)
        first = next(iter(found.deadlines), None)
        failing = [self.since.get(failure.rule_set, _LONG_AGO) for failure in found.failures]
        return attrs.evolve(
            account,
            next_deadline=min([*failing, *([first.at] if first else [])], default=None),
            next_action=first.action if first and not failing else None,
            closes_at=next((deadline.at for deadline in found.deadlines if deadline.action is Action.CLOSE), None),
        )

    def observations(self, reports: Reports) -> list[Observation]:
        """Call every monitor, and return the observations.

        Args:

            reports: Returns the report of a target.
        """
        return [
            observation
            for rule_set in self.rule_sets
            for monitor in rule_set.monitors
            for observation in seen(monitor, reports, self.time_zone, rule_set.name)
        ]

    @staticmethod
    def unmet(deadlines: Iterable[Deadline], marks: Iterable[MetDeadline]) -> list[Deadline]:
        """Return the deadlines of one account or subject that were not met yet, the earliest first."""
        return _unmet(deadlines, _by_rule_set(marks))

    def _path(self, unit: Unit) -> Sequence[str]:
        """Return the unit's path. Only the units above it are looked up, which are the same for many units."""
        return (unit.code, *self.path_of(unit.parent)) if unit.parent else (unit.code,)

    def _rules_for(self, kind: str, path: Sequence[str]) -> list[tuple[RuleSet, Rule]]:
        most_specific: dict[type[Rule], tuple[Specificity, RuleSet, Rule]] = {}
        for rule_set in self.rule_sets:
            specificity = rule_set.scope.specificity(kind, path)
            if specificity is None:
                continue
            for rule in rule_set.rules:
                known = most_specific.get(type(rule))
                if known is None or known[0] < specificity:
                    most_specific[type(rule)] = (specificity, rule_set, rule)
        return [(rule_set, rule) for _, rule_set, rule in most_specific.values()]

    def password_life(self, now: datetime) -> timedelta | None:
        """Return how long a password that is set now is valid at most, if a rule ends that.

        ``None`` if no rule does. A rule that fails counts as a rule without deadlines.
        """
        lives = [self._password_life(kind, path, now) for kind, path in self._kinds_of_units()]
        return max((life for life in lives if life is not None), default=None)

    def _password_life(self, kind: str, path: Sequence[str], now: datetime) -> timedelta | None:
        """Return how long a password is valid that is set now in a unit of this kind at this position."""
        account = Account(
            login="new", domain="", unit="", state=AccountState.OPEN, opened_at=now, password_changed_at=now
        )
        found: list[Deadline] = []
        for rule_set, rule in self._rules_for(kind, path):
            facts = Facts(account=account, unit=Unit(code="", name="", kind=kind), time_zone=self.time_zone)
            with suppress(Exception, SystemExit), entered():
                found += usable(rule.deadlines(facts), rule, rule_set.name)
        ends = [deadline.at for deadline in found if deadline.action in {Action.ROTATE, Action.CLOSE}]
        return min(ends) - now if ends else None

    def _kinds_of_units(self) -> Iterable[tuple[str, Sequence[str]]]:
        """Yield one unit, as its kind and path, for each combination in which scopes can overlap."""
        kinds = {kind for rules in self.rule_sets for kind in rules.scope.kinds} | {""}
        tops = {code for rules in self.rule_sets for code in rules.scope.under}
        return product(sorted(kinds), [(), *(tuple(self.path_of(code)) for code in sorted(tops))])

    def _require_harmony(self, kind: str, path: Sequence[str]) -> None:
        for one, other in combinations(self.rule_sets, 2):
            self._require_one_to_be_closer(one, other, kind, path)
        for (one, rule), (other, against) in combinations(self._rules_for(kind, path), 2):
            clash = clash_of(rule, against, one.name) or clash_of(against, rule, other.name)
            if clash:
                raise ConfigurationError(
                    "rule sets {one} and {other} contradict each other: {clash}",
                    cure="change their parameters, or the units to which they apply",
                    one=one.name,
                    other=other.name,
                    clash=clash,
                )

    def _require_one_to_be_closer(self, one: RuleSet, other: RuleSet, kind: str, path: Sequence[str]) -> None:
        specificity = one.scope.specificity(kind, path)
        same = {type(rule) for rule in one.rules} & {type(rule) for rule in other.rules}
        if same and specificity is not None and specificity == other.scope.specificity(kind, path):
            raise ConfigurationError(
                "rule sets {one} and {other} are equally specific for the same accounts",
                cure="remove one, or narrow it with kinds or under",
                one=one.name,
                other=other.name,
            )


_Met = Mapping[str, Mapping[Action, MetDeadline]]


def _unmet(deadlines: Iterable[Deadline], met: _Met) -> list[Deadline]:
    return sorted([deadline for deadline in deadlines if _is_open(deadline, met)], key=attrgetter("at"))


def _without_needless_warnings(deadlines: list[Deadline]) -> list[Deadline]:
    rotation = next((deadline for deadline in deadlines if deadline.action is Action.ROTATE), None)
    if rotation is None:
        return deadlines
    closing = {
        deadline.rule_set for deadline in deadlines if deadline.action is Action.CLOSE and deadline.at > rotation.at
    }
    return [
        deadline
        for deadline in deadlines
        if not (deadline.action is Action.WARN and deadline.rule_set in closing and deadline.at < rotation.at)
    ]


def _is_open(deadline: Deadline, met: _Met) -> bool:
    mark = met.get(deadline.rule_set, {}).get(deadline.action)
    return mark is None or deadline.at > mark.at


def _by_rule_set(marks: Iterable[MetDeadline]) -> _Met:
    found: dict[str, dict[Action, MetDeadline]] = {}
    for mark in marks:
        found.setdefault(mark.rule_set, {})[mark.action] = mark
    return found
