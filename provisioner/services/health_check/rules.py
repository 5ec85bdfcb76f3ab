"""Checks the rule sets, and what they watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.rules import Observation
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.services.health_check.results import CheckResult, CheckStatus, problem
from provisioner.services.parts import Clock, open_store
from provisioner.services.rule_sets import make_policy
from provisioner.store import Store


def check_rule_sets(config: LoadedConfiguration, plugins: Plugins, now: Clock) -> Iterator[CheckResult]:
    """Check that the rule sets go together and hold for units that are known, and what they watch."""
    if plugins.rule_sets.keys() != config.content.rules.keys():
        return  # it was said already which plug-in did not load
    with open_store(config) as store:
        try:
            policy = make_policy(config, plugins, store, now())
        except ConfigurationError as error:
            yield problem("rules", error)
            return
        for rule_set in policy.rule_sets:
            yield _rule_set(rule_set, store)
        yield from _failing_rules(policy, store)
        for observation in policy.observations(plugins.report):
            yield _observation(observation, now())


def _rule_set(rule_set: RuleSet, store: Store) -> CheckResult:
    name, scope = f"rules.{rule_set.name}", rule_set.scope
    if unknown := scope.under - store.units.get_many(scope.under).keys():
        return CheckResult(
            name=name,
            status=CheckStatus.WARNING,
            message=Text("there is no unit {code}", {"code": ", ".join(sorted(unknown))}),
            cure=Text("correct the codes in 'under', or import the units"),
        )
    kinds, under = ", ".join(sorted(scope.kinds)), ", ".join(sorted(scope.under))
    if rule_set.rules and (kinds or under):
        places = {"kinds": kinds or "*", "under": under or "*"}
        return CheckResult(name=name, message=Text("applies to units of kind {kinds} under {under}", places))
    return CheckResult(name=name, message=Text("applies to all units"))


def _failing_rules(policy: Policy, store: Store) -> Iterator[CheckResult]:
    """Ask every rule about every account it holds for, and name the first account at which a rule fails."""
    first: dict[tuple[str, str], RuleFailure] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for accounts in store.schedule.accounts_after(""):
        units, marks = (
            store.units.get_many({account.unit for account in accounts}),
            store.marks.get_many([account.login for account in accounts]),
        )
        for account in accounts:
            for failure in policy.evaluate(account, units[account.unit], marks.get(account.login, ())).failures:
                counts[failure.rule_set, failure.rule] += 1
                first.setdefault((failure.rule_set, failure.rule), failure)
    for key, failure in first.items():
        yield CheckResult(
            name=f"rules.{failure.rule_set}",
            status=CheckStatus.PROBLEM,
            message=Text.counted(
                "{rule} fails for {count} account: {login}",
                "{rule} fails for {count} accounts, the first is {login}",
                count=counts[key],
                rule=failure.message.values["rule"],
                login=failure.login,
            ),
            cure=Text("correct the plug-in or its parameters; 'provisioner policy due' names all accounts"),
            error=ConfigurationError,
        )


def _observation(observation: Observation, now: datetime) -> CheckResult:
    if observation.error:
        return problem(observation.subject, observation.error)
    due = [deadline for deadline in observation.deadlines if deadline.at <= now]
    if due:
        reason = max(due, key=lambda deadline: deadline.at).reason
        return CheckResult(name=observation.subject, status=CheckStatus.WARNING, message=reason)
    return CheckResult(name=observation.subject, message=observation.message)
