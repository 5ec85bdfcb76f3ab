"""Asks rules and monitors, which others may have written, and takes no answer that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Self
from zoneinfo import ZoneInfo

import attrs
import structlog

from provisioner.core.api.errors import PluginDefectError, PluginError, raised_at
from provisioner.core.api.rules import Deadline, Facts, Monitor, Observation, Reports, Rule
from provisioner.core.gateways.plugin_code import entered
from provisioner.core.model.masking import masked
from provisioner.core.model.text import Text

log = structlog.stdlib.get_logger(__name__)


@attrs.frozen(kw_only=True)
class RuleFailure:
    """A rule that could not say what it wants of one account."""

    login: str
    #: The name of the rule set.
    rule_set: str
    #: The rule's class.
    rule: str
    #: How it failed.
    message: Text

    @classmethod
    def of(cls, rule: Rule, facts: Facts, rule_set: str, error: BaseException) -> Self:
        """Return what is known of a failure, and log it. The text of an error that is not ours is not quoted."""
        name, login, names = type(error).__name__, facts.account.login, _names(rule, rule_set)
        log.error("plugin_defect", rule_set=rule_set, login=login, error=name, at=raised_at(error))
        raised = Text("{rule} of rule set {rule_set} raised {error}", {**names, "error": name})
        return cls(login=login, message=error.text if isinstance(error, PluginDefectError) else raised, **names)


@attrs.frozen(kw_only=True)
class Evaluation:
    """What the rules want of one account."""

    #: The deadlines that were not met yet, the earliest first.
    deadlines: Sequence[Deadline]
    #: The rules that could not say.
    failures: Sequence[RuleFailure] = ()


def usable(answer: Iterable[object], rule: Rule | Monitor, rule_set: str) -> tuple[Deadline, ...]:
    """Return the deadlines that a rule or a monitor answered.

    Args:

        answer: What it answered.

        rule: The rule or the monitor.

        rule_set: The name of its rule set.

    Raises:

        PluginDefectError: They are no deadlines, not in UTC, or their reasons cannot be said.
    """
    deadlines, names = [], _names(rule, rule_set)
    for deadline in answer:
        if not isinstance(deadline, Deadline):
            found = type(deadline).__name__
            raise PluginDefectError("{rule} of rule set {rule_set} answered {found}, no deadline", found=found, **names)
        if deadline.at.utcoffset() != timedelta(0):
            raise PluginDefectError("{rule} of rule set {rule_set} answered a time that is not in UTC", **names)
        try:
            str(deadline.reason)
        except LookupError:
            raise PluginDefectError(
                "{rule} of rule set {rule_set} answered a reason with a place that nothing fills", **names
            ) from None
        deadlines.append(deadline)
    return tuple(deadlines)


def clash_of(rule: Rule, against: Rule, rule_set: str) -> Text | None:
    """Return why a rule makes no sense beside another one; ``None`` if it does.

    Args:

        rule: The rule that is asked.

        against: The other one.

        rule_set: The name of the rule set of the one that is asked.

    Raises:

        PluginError: The rule cannot say.
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
    """Let a monitor look, and return what it saw. One that fails saw that.

    Args:

        monitor: The monitor.

        reports: Returns what a target says of itself.

        time_zone: Where days begin and end.

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
