"""Calls rules and monitors, which may be external, and validates their answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta
from typing import Self
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import PluginDefectError, PluginError, raised_at
from provisioner.core.api.logs import Logger
from provisioner.core.api.rules import Deadline, Facts, Monitor, Observation, Reports, Rule
from provisioner.core.gateways.plugin_code import entered
from provisioner.core.model.masking import masked
from provisioner.core.model.text import Text

log = Logger(__name__)


@attrs.frozen(kw_only=True)
class RuleFailure:
    """A rule that failed for one account."""

    login: str
    #: The name of the rule set.
    rule_set: str
    #: The rule's class.
    rule: str
    #: The error.
    message: Text

    @classmethod
    def of(cls, rule: Rule, facts: Facts, rule_set: str, error: BaseException) -> Self:
        """Return a failure, and log it. The text of an external error is not quoted."""
        name, login, names = type(error).__name__, facts.account.login, _names(rule, rule_set)
        log.error("plugin_defect", rule_set=rule_set, login=login, error=name, at=raised_at(error))
        raised = Text("{rule} of rule set {rule_set} raised {error}", {**names, "error": name})
        return cls(login=login, message=error.text if isinstance(error, PluginDefectError) else raised, **names)


@attrs.frozen(kw_only=True)
class Evaluation:
    """The result of the rules for one account."""

    #: The deadlines that were not met yet, the earliest first.
    deadlines: Sequence[Deadline]
    #: The rules that failed.
    failures: Sequence[RuleFailure] = ()


def usable(answer: Iterable[object], rule: Rule | Monitor, rule_set: str) -> tuple[Deadline, ...]:
    """Return the deadlines in the answer of a rule or a monitor, as those of its rule set.

    Args:

        answer: The answer.

        rule: The rule or the monitor.

        rule_set: The name of its rule set.

    Raises:

        PluginDefectError: The answer has other objects, times that are not in UTC, or reasons that can't be formatted.
    """
    return tuple([_usable(deadline, rule, rule_set).of(rule_set) for deadline in answer])


def _usable(deadline: object, rule: Rule | Monitor, rule_set: str) -> Deadline:
    if not isinstance(deadline, Deadline):
        found = type(deadline).__name__
        raise PluginDefectError(
            "{rule} of rule set {rule_set} returned {found} instead of a deadline",
            found=found,
            **_names(rule, rule_set),
        )
    if deadline.at.tzinfo is not UTC and deadline.at.utcoffset() != timedelta(0):
        raise PluginDefectError(
            "{rule} of rule set {rule_set} returned a time that is not in UTC", **_names(rule, rule_set)
        )
    if not deadline.reason.is_complete:
        raise PluginDefectError(
            "{rule} of rule set {rule_set} returned a reason with a placeholder that has no value",
            **_names(rule, rule_set),
        )
    return deadline


def clash_of(rule: Rule, against: Rule, rule_set: str) -> Text | None:
    """Return why a rule can't be combined with another one; ``None`` if it can.

    Args:

        rule: The rule that is called.

        against: The other one.

        rule_set: The name of the rule set of the called rule.

    Raises:

        PluginError: The rule failed.
    """
    try:
        with entered():
            return rule.conflict_with(against)
    except (Exception, SystemExit) as error:
        raise PluginError(
            "rule set {name} raised {error} at {place}",
            cure="correct the plug-in, or remove the rule set",
            name=rule_set,
            error=type(error).__name__,
            place=raised_at(error),
        ) from None


def seen(monitor: Monitor, reports: Reports, time_zone: ZoneInfo, rule_set: str) -> Sequence[Observation]:
    """Call a monitor, and return its observations. If it fails, return that as an observation.

    Args:

        monitor: The monitor.

        reports: Returns the report of a target.

        time_zone: The time zone of days.

        rule_set: The name of the monitor's rule set.
    """
    try:
        with entered():
            found = masked(monitor.look(reports, time_zone))
            return [
                attrs.evolve(observation, deadlines=usable(observation.deadlines, monitor, rule_set))
                for observation in found
            ]
    except (Exception, SystemExit) as error:
        name = type(error).__name__
        log.error("plugin_defect", rule_set=rule_set, error=name, at=raised_at(error))
        raised = PluginDefectError("rule set {name} raised {error}", name=rule_set, error=name)
        defect = error if isinstance(error, PluginDefectError) else raised
        return [Observation(subject=f"rules.{rule_set}", message=defect.text, error=defect)]


def _names(rule: Rule | Monitor, rule_set: str) -> dict[str, str]:
    return {"rule": type(rule).__name__, "rule_set": rule_set}
