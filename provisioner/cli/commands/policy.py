"""``provisioner policy``: the rules, what they want, and what they would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial

import click

from provisioner.cli.commands.credentials import results_document, tell_results
from provisioner.cli.commands.runs import follow, started
from provisioner.cli.deadlines import next_action
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, dry_run_option, json_option, recording
from provisioner.cli.output import Output
from provisioner.cli.render.heatmap import page
from provisioner.cli.render.notices import SaidNotices, notice_line
from provisioner.cli.render.pages import write_page
from provisioner.cli.render.policy_documents import (
    day_document,
    deadline_document,
    failure_documents,
    report_documents,
    rule_set_document,
)
from provisioner.cli.session import Session
from provisioner.core.api.rules import Action, Observation, name_of
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.policy_run import Refusal
from provisioner.core.policy.telling import Postponed
from provisioner.core.reconcile.verification import VerifiedAccount
from provisioner.documents import account_document
from provisioner.services.account_details import AccountDetails
from provisioner.services.policy import Forecast, Report

#: The most days that are simulated: ten years.
_MOST_DAYS = 3660


@click.command("show")
@json_option
@click.pass_obj
def show(session: Session) -> ExitCode:
    """Show the rule sets, their scopes and their start dates."""
    with session.application() as app:
        policy = app.policy
    items = [rule_set_document(rule_set, policy.since.get(rule_set.name)) for rule_set in policy.rule_sets]
    session.output.document({"items": items, "fingerprint": policy.fingerprint})
    everywhere = session.output.text("everywhere")
    session.output.table(
        ("rule set", "rules", "kinds", "under", "since"),
        [
            (
                rule_set.name,
                ", ".join(name_of(rule) for rule in rule_set.parts),
                ", ".join(sorted(rule_set.scope.kinds)) or everywhere,
                ", ".join(sorted(rule_set.scope.under)) or everywhere,
                session.local_day(policy.since.get(rule_set.name)),
            )
            for rule_set in policy.rule_sets
        ],
    )
    return ExitCode.DONE


@click.command("due")
@click.option(
    "--until",
    metavar="DATE",
    type=DAY,
    help="Include what becomes due before this day (exclusive). Default: only what is due now.",
)
@click.option("--unit", metavar="CODE", help="Filter by unit, including the units below it.")
@json_option
@click.pass_obj
def due(session: Session, *, until: datetime | None, unit: str | None) -> ExitCode:
    """List what is due, most urgent first."""
    with session.application() as app:
        found = app.deadlines.due(before=session.start_of(until) if until else None, unit=unit)
    items = [deadline_document(account.login, deadline, session.output.said) for account, deadline in found.items]
    session.output.document({"items": items, "failed_rules": failure_documents(found.failures, session.output.said)})
    session.output.table(
        ("day", "login", "action", "rule set", "source"),
        [
            (
                session.local_day(deadline.at),
                account.mail,
                session.output.word(deadline.action),
                deadline.rule_set,
                deadline.source,
            )
            for account, deadline in found.items
        ],
    )
    _tell(session.output, found.failures)
    return ExitCode.UNFINISHED if found.failures else ExitCode.DONE


@click.command("sweep")
@click.option(
    "--clock-is-right",
    is_flag=True,
    help=(
        "Continue even if the system clock seems wrong (more than one day behind or 45 days ahead of the last use of "
        "the store). Use this option only after you have checked the clock. The audit log records that you used it."
    ),
)
@dry_run_option
@json_option
@click.pass_obj
def sweep(session: Session, *, clock_is_right: bool, dry_run: bool) -> ExitCode:
    """Carry out what is due, such as warnings and rotations.

    Run this command regularly, for example hourly. It also continues incomplete operations. If an action fails,
    the next sweep retries it. The exit code is 4 if the rule 'verify' finds an account that differs from its expected
    state on a target.

    Example:

        provisioner policy sweep --dry-run
    """
    with started(session, dry_run=dry_run) as app:
        confirmed_by = session.actor if clock_is_right else None
        if dry_run:
            return _show_days(session, app.deadlines.preview_sweep(clock_confirmed_by=confirmed_by))
        sweep = app.deadlines.sweep(clock_confirmed_by=confirmed_by)
        reports = partial(sweep.reports, viewer=session.actor)
        results = app.credentials.resume()
        unfinished = tell_results(session, results)
        shown = results_document(session, results)
        with SaidNotices(session.output) as notices:
            sweep.pass_on_notices(notices.add, viewer=session.actor)
            code = follow(
                session,
                app,
                sweep.run,
                more=lambda: {**report_documents(reports(), session.output.said), **shown},
                long={"notices": notices},
            )
            for lines in () if session.output.is_json else notices.pages():
                session.output.lines(lines)
        _tell(session.output, reports())
        if sweep.is_stopped:
            session.output.note("the sweep was stopped; the next one does the rest")
    if code is ExitCode.DONE and not sweep.is_complete:
        return ExitCode.UNFINISHED
    return code or unfinished


@click.command("simulate")
@click.option(
    "--days", metavar="N", type=click.IntRange(1, _MOST_DAYS), default=30, show_default=True, help="Number of days."
)
@click.option("--html", "file", metavar="FILE", help="Write a calendar to FILE as HTML.")
@json_option
@click.pass_obj
def simulate(session: Session, *, days: int, file: str | None) -> ExitCode:
    """Show day by day what the policy would do.

    Nothing changes. The command simulates one sweep a day, at the current time of day, and assumes that every action
    succeeds and that no run is held.

    Example:

        provisioner policy simulate --days 90 --html calendar.html
    """
    with session.application(dry_run=True) as app:
        forecast = app.deadlines.simulate(days=days)
    if file:
        write_page(file, page(forecast.days, session))
    return _show_days(session, forecast)


@click.command("confirm")
@click.argument("login")
@click.argument("rule_set", metavar="RULE-SET")
@recording
@click.pass_obj
def confirm(session: Session, login: str, rule_set: str, *, dry_run: bool) -> ExitCode:
    """Confirm that a duty has been fulfilled.

    A duty is something that a person must do, for example a backup. 'policy due' lists the duties with their logins and
    rule sets.
    """
    with session.application() as app:
        after = app.deadlines.confirm(login, rule_set, actor=session.actor, dry_run=dry_run)
    shown = account_document(AccountDetails(account=after))
    session.output.document(
        {"rule_set": rule_set, **{name: shown[name] for name in ("login", "next_deadline", "next_action", "closes_at")}}
    )
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    else:
        session.output.say("{login}: confirmed; next: {next}", login=after.mail, next=next_action(after, session))
    return ExitCode.DONE


def _tell(output: Output, reports: Iterable[Report]) -> None:
    """Say what happened to notices, and what could not be done."""
    for report in reports:
        if isinstance(report, (Observation, RuleFailure)):
            subject = report.subject if isinstance(report, Observation) else report.login
            output.say("{subject}: {message}", subject=subject, message=output.said(report.message))
            continue
        if isinstance(report, VerifiedAccount):
            _tell_verified(output, report)
            continue
        if isinstance(report, Postponed):
            output.say(_waiting(report))
            continue
        action, said = output.word(report.deadline.action), output.said
        if isinstance(report, Refusal):
            output.say("{login}: {action}: not done: {why}", login=report.login, action=action, why=said(report.reason))
        else:
            output.lines(notice_line(report, output.phrasing))


def _waiting(postponed: Postponed) -> Text:
    return Text.counted(
        "{count} notice waits for the end of the quiet hours, {end}",
        "{count} notices wait for the end of the quiet hours, {end}",
        count=postponed.count,
        end=postponed.until,
    )


def _tell_verified(output: Output, verified: VerifiedAccount) -> None:
    """Say that an account differs, without personal data, or why a target did not show it."""
    if verified.difference:
        what = output.word(verified.difference.kind)
        output.say(
            "{login}: {target}: {difference}; 'provisioner account verify {login}' shows more",
            login=verified.login,
            target=verified.target,
            difference=what,
        )
    elif verified.error:
        why = output.said(verified.error.message)
        output.say("{login}: {target}: not verified: {why}", login=verified.login, target=verified.target, why=why)


def _show_days(session: Session, forecast: Forecast) -> ExitCode:
    output, days, failures = session.output, forecast.days, forecast.failures
    totals = Counter(happening.deadline.action for day in days for happening in day.happenings)
    output.document(
        {
            "days": [day_document(day, output.said) for day in days],
            "totals": {action.value: totals[action] for action in Action},
            "failed_rules": failure_documents(failures, output.said),
        }
    )
    rows = [
        [day.date.isoformat(), *(str(day.count(action) or "") for action in Action)] for day in days if day.happenings
    ]
    total = [output.text("total"), *(str(totals[action]) for action in Action)]
    output.table(("day", "warn", "rotate", "close", "duty", "delete", "verify"), [*rows, total])
    _tell(output, failures)
    output.say("nothing was changed")
    return ExitCode.UNFINISHED if failures else ExitCode.DONE
