"""The JSON of what the rules are, want and would do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from provisioner.core.api.rules import Action, Deadline, Monitor, Observation, Rule, name_of
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.policy import RuleSet
from provisioner.core.policy.policy_run import Refusal
from provisioner.core.policy.simulation import Day
from provisioner.core.policy.telling import Postponed
from provisioner.core.reconcile.verification import VerifiedAccount
from provisioner.documents import Document, error_document, iso
from provisioner.services.policy import Report

#: Returns a message in the language asked for.
Said = Callable[[Text], str]


def rule_set_document(rule_set: RuleSet, since: datetime | None) -> Document:
    """Return a rule set, with the parameters of its rules.

    Args:

        rule_set: The rule set.

        since: Since when it holds.
    """
    return {
        "name": rule_set.name,
        "rules": [_parameters(rule) for rule in rule_set.parts],
        "kinds": sorted(rule_set.scope.kinds),
        "under": sorted(rule_set.scope.under),
        "since": iso(since),
    }


def deadline_document(login: str, deadline: Deadline, said: Said) -> Document:
    """Return what a rule wants of an account."""
    return {
        "login": login,
        "action": deadline.action.value,
        "at": iso(deadline.at),
        "rule_set": deadline.rule_set,
        "reason": said(deadline.reason),
        "source": deadline.source,
    }


def report_documents(reports: Iterable[Report], said: Said) -> Document:
    """Return what a sweep reports besides operations and notices."""
    answer: dict[str, list[Document]] = {
        "refused": [],
        "unseen": [],
        "failed_rules": [],
        "verified": [],
    }
    postponed: Document | None = None
    for report in reports:
        if isinstance(report, Observation):
            answer["unseen"].append({"subject": report.subject, "message": said(report.message)})
        elif isinstance(report, Postponed):
            postponed = {"count": report.count, "until": iso(report.until)}
        elif isinstance(report, VerifiedAccount):
            answer["verified"].append(_verified_document(report, said))
        elif isinstance(report, Refusal):
            shown = deadline_document(report.login, report.deadline, said)
            answer["refused"].append(shown | {"because": said(report.reason)})
        elif isinstance(report, RuleFailure):
            answer["failed_rules"] += failure_documents([report], said)
    return {**answer, "postponed": postponed}


def notice_document(notice: Notice, said: Said) -> Document:
    """Return what happened to a notice."""
    error = said(notice.error.text) if notice.error else None
    shown = deadline_document(notice.subject, notice.deadline, said)
    return shown | {"recipient": notice.recipient, "delivered": not error, "error": error}


def failure_documents(failures: Iterable[RuleFailure], said: Said) -> list[Document]:
    """Return the rules that could not say what they want."""
    return [
        {
            "login": failure.login,
            "rule_set": failure.rule_set,
            "rule": failure.rule,
            "message": said(failure.message),
        }
        for failure in failures
    ]


def _verified_document(verified: VerifiedAccount, said: Said) -> Document:
    return {
        "login": verified.login,
        "target": verified.target,
        "difference": verified.difference.kind.value if verified.difference else None,
        "error": error_document(verified.error, said),
    }


def day_document(day: Day, said: Said) -> Document:
    """Return what would happen on one day."""
    counts = {action.value: day.count(action) for action in Action}
    items = [deadline_document(happening.login, happening.deadline, said) for happening in day.happenings]
    return {"date": day.date.isoformat(), "at": iso(day.at)} | counts | {"items": items}


def _parameters(rule: Rule | Monitor) -> Document:
    cls = type(rule)
    parameters = (
        {field.name: _plain(getattr(rule, field.name)) for field in attrs.fields(cls)} if attrs.has(cls) else {}
    )
    return {"rule": name_of(rule), **parameters}


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (int, str, bool, type(None))) else str(value)
