"""``provisioner reconcile``: what is known of accounts, against what is really there."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import click

from provisioner.cli.commands.runs import follow, show_preview, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_lines_option, recording
from provisioner.cli.questions import agreed, require_answer, yes_option
from provisioner.cli.render.adoption import adoption_document, tell_plan, totals
from provisioner.cli.render.comparison import answer, comparison_document, line_document, tell
from provisioner.cli.render.pages import write_page
from provisioner.cli.render.reconcile_report import ReportPage
from provisioner.cli.session import Session
from provisioner.core.model.text import Text
from provisioner.core.reconcile.differences import Difference
from provisioner.services.reconcile import ComparedTarget


@click.command("reconcile")
@click.option("--target", metavar="NAME", help="Compare only this target.")
@click.option("--unit", metavar="CODE", help="Show only accounts of this unit and of the units below it.")
@click.option(
    "--html",
    "file",
    metavar="FILE",
    help="Write an HTML report to FILE. It names people and shows how the number of differences changes over time.",
)
@click.option(
    "--repair", is_flag=True, help="Restore the expected state on the targets. Requires the administrator role."
)
@click.option(
    "--handover", is_flag=True, help="With --repair: hand accounts over to the custodians of their units as well."
)
@click.option("--adopt", is_flag=True, help="Take over accounts that exist on the targets but aren't in the store yet.")
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
    repair: bool,
    handover: bool,
    adopt: bool,
    match: str | None,
    yes: bool,
    dry_run: bool,
) -> ExitCode:
    """Compare the accounts in the store with those on the targets.

    The command reads the accounts of each target. It shows each difference and how to resolve it. A difference is shown
    only if a second check confirms it. Without --repair, the command changes nothing on the targets.

    The exit code is 4 if there are differences or if a target can't be compared completely.

    With --repair, the command also writes names and entitlements, closes accounts that were re-enabled, and closes
    accounts on targets whose scope doesn't include them. Accounts that were deleted, disabled or locked are restored
    with a new password, which is sent to their holders. Accounts that have never been on a target are created there at
    their next password rotation, or in this run if the target has 'join = "now"'. The mass-change limit applies.

    With --adopt, the command takes over accounts that exist on the targets but aren't in the store yet. Each account is
    assigned to the matching unit, if that unit has no account yet. Nothing is changed on the targets, and no messages
    are sent. Accounts that match no unit, or more than one, are listed with the reason, and the exit code is 4.

    Example:

        provisioner reconcile --adopt --match mail --dry-run
    """
    if adopt and (file or repair or session.json_lines):
        raise click.UsageError(session.output.text("--html, --jsonl and --repair can't be used with --adopt."))
    if repair and (file or session.json_lines):
        raise click.UsageError(session.output.text("--html and --jsonl can't be used with --repair."))
    if match and not adopt:
        raise click.UsageError(session.output.text("--match needs --adopt."))
    if handover and not repair:
        raise click.UsageError(session.output.text("--handover needs --repair."))
    if (yes or dry_run) and not (adopt or repair):
        raise click.UsageError(session.output.text("--yes and --dry-run need --adopt or --repair."))
    if (adopt or repair) and not dry_run:
        require_answer(session, yes=yes)
    if adopt:
        return _adopt(session, target=target, unit=unit, match=match or "login", yes=yes, dry_run=dry_run)
    if repair:
        return _repair(session, target=target, unit=unit, handover=handover, yes=yes, dry_run=dry_run)
    return _compare(session, target=target, unit=unit, file=file)


def _repair(
    session: Session, *, target: str | None, unit: str | None, handover: bool, yes: bool, dry_run: bool
) -> ExitCode:
    with started(session, dry_run=dry_run) as app:
        found = list(app.reconcile.compare(actor=session.actor, target=target, unit=unit))
        differences = [difference for difference in found if isinstance(difference, Difference)]
        targets = [ended for ended in found if isinstance(ended, ComparedTarget)]
        repairs = app.repairs.plan(differences, actor=session.actor, handover=handover)
        document = comparison_document(differences, targets, session.output)
        tell(differences, targets, session.output)
        if repairs.is_of_outdated:
            session.output.note(
                "the store is older than its audit log was, as 'provisioner check' tells; accounts are only closed, "
                "and the rest is left to you"
            )
        count = Text.counted("{count} account", "{count} accounts", count=repairs.count)
        question = session.output.text("Repair {accounts}?", accounts=count)
        if not repairs.phases or not (dry_run or agreed(session, question, yes=yes)):
            session.output.document({**document, "operations": []})
            session.output.say("nothing was changed")
        elif dry_run:
            show_preview(session, app.repairs.preview(repairs, session.initiator("")), beside=document)
        else:
            code = follow(session, app, app.repairs.start(repairs, session.initiator("")), more=lambda: document)
            return code if code is not ExitCode.DONE or not _remains(repairs.left, targets) else ExitCode.UNFINISHED
    return ExitCode.UNFINISHED if _remains(differences, targets) else ExitCode.DONE


def _remains(differences: Sequence[Difference], targets: Sequence[ComparedTarget]) -> bool:
    return bool(differences) or any(ended.error and not ended.is_omitted for ended in targets)


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
    differs = False
    with session.application() as app:
        for found in app.reconcile.compare(actor=session.actor, target=target, unit=unit):
            if session.json_lines:
                session.output.json_line(line_document(found, session.output))
            if isinstance(found, ComparedTarget):
                targets.append(found)
                continue
            differs = True
            if file or not session.json_lines:
                differences.append(found)
        if file:
            names = [ended.name for ended in targets]
            report = app.reconcile.report(differences, names, viewer=session.actor, unit=unit)
            write_page(file, ReportPage(report, targets, session).html())
    answer(differences, targets, session.output)
    if file:
        session.output.say("the report is in {file}", file=file)
    return ExitCode.UNFINISHED if differs or _remains((), targets) else ExitCode.DONE
