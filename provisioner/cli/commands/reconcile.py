"""``provisioner reconcile``: what is known of accounts, against what is really there."""

from __future__ import annotations

from collections import deque

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_lines_option, recording
from provisioner.cli.questions import agreed, require_answer, yes_option
from provisioner.cli.render.adoption import adoption_document, tell_plan, totals
from provisioner.cli.render.comparison import answer, line_document
from provisioner.cli.render.pages import write_page
from provisioner.cli.render.reconcile_report import ReportPage
from provisioner.cli.session import Session
from provisioner.core.reconcile.differences import Difference
from provisioner.services.reconcile import ComparedTarget


@click.command("reconcile")
@click.option("--target", metavar="NAME", help="Compare only this target.")
@click.option("--unit", metavar="CODE", help="Show only accounts of this unit and of the units below it.")
@click.option("--html", "file", metavar="FILE", help="Write a report with names and the trend to FILE as an HTML page.")
@click.option("--adopt", is_flag=True, help="Take over accounts that targets list and the store doesn't know.")
@click.option(
    "--match",
    metavar="login|mail|ATTRIBUTE",
    help="With --adopt: find the unit by the login (the default), by a mail address, or by an attribute whose value is"
    " the code of the unit.",
)
@yes_option
@json_lines_option
@recording
@click.pass_obj
def command(
    session: Session,
    *,
    target: str | None,
    unit: str | None,
    file: str | None,
    adopt: bool,
    match: str | None,
    yes: bool,
    dry_run: bool,
) -> ExitCode:
    """Compare the accounts in the store with those on the targets.

    The command reads the accounts of each target. It shows each difference and how to resolve it. It changes nothing on
    the targets. A difference is shown only if a second check confirms it.

    The exit code is 4 if there are differences or if a target can't be compared completely.

    With --adopt, the command takes over accounts of a site that the store doesn't know yet. Each account belongs to the
    unit that has no account and matches. Nothing is changed on the targets, and nobody gets a message. Accounts that
    match no unit, or more than one, are listed with the reason, and the exit code is 4.

    Example:

        provisioner reconcile --adopt --match mail --dry-run
    """
    if adopt:
        if file or session.json_lines:
            raise click.UsageError(session.output.text("--html and --jsonl can't be used with --adopt."))
        if not dry_run:
            require_answer(session, yes=yes)
        return _adopt(session, target=target, unit=unit, match=match or "login", yes=yes, dry_run=dry_run)
    if match or yes or dry_run:
        raise click.UsageError(session.output.text("--match, --yes and --dry-run need --adopt."))
    return _compare(session, target=target, unit=unit, file=file)


def _adopt(session: Session, *, target: str | None, unit: str | None, match: str, yes: bool, dry_run: bool) -> ExitCode:
    with session.application(dry_run=dry_run) as app:
        plan = app.adoption.plan(actor=session.actor, match=match, target=target, unit=unit)
        session.output.warn(plan.problems)
        tell_plan(session, plan)
        counts = totals(session, plan)
        question = session.output.text("Adopt {adopted}?", **counts)
        if dry_run or (plan.adopted and not agreed(session, question, yes=yes)):
            session.output.say("{adopted} to adopt, {refused} not; nothing was changed", **counts)
        else:
            deque(session.output.progress(app.adoption.adopt(plan), len(plan.adopted), "adopting accounts"), maxlen=0)
            session.output.say("{adopted} adopted, {refused} not", **counts)
        session.output.document(adoption_document(session, plan, dry_run=dry_run))
    return ExitCode.UNFINISHED if plan.refused else ExitCode.DONE


def _compare(session: Session, *, target: str | None, unit: str | None, file: str | None) -> ExitCode:
    differences: list[Difference] = []
    targets: list[ComparedTarget] = []
    with session.application() as app:
        for found in app.reconcile.compare(actor=session.actor, target=target, unit=unit):
            if session.json_lines:
                session.output.json_line(line_document(found, session.output))
            if isinstance(found, ComparedTarget):
                targets.append(found)
            elif file or not session.json_lines:
                differences.append(found)
        if file:
            names = [ended.name for ended in targets]
            report = app.reconcile.report(differences, names, viewer=session.actor, unit=unit)
            write_page(file, ReportPage(report, targets, session).html())
    answer(differences, targets, session.output)
    if file:
        session.output.say("the report is in {file}", file=file)
    return ExitCode.DONE if all(ended.is_clean for ended in targets) else ExitCode.UNFINISHED
