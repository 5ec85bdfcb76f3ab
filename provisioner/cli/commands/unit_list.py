"""``provisioner unit apply``: the list of units as it shall be."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import click

from provisioner.cli.commands.runs import follow, run_document, started, tell_excess, tell_obstacles
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import changing
from provisioner.cli.questions import agreed, require_answer, yes_option
from provisioner.cli.render.preview import preview_document
from provisioner.cli.render.unit_list import tell_unit_list, unit_list_document
from provisioner.cli.session import Session
from provisioner.manifest import read_units
from provisioner.services.application import Application
from provisioner.services.unit_list import UnitListPlan

#: What stands for stdin.
STDIN = Path("-")


@attrs.frozen(kw_only=True)
class _Order:
    """What the command line asks for."""

    file: Path
    #: The content of stdin, if the list comes from there.
    data: bytes | None
    close_missing: bool
    hand_over: bool
    reason: str

    def planned(self, session: Session, app: Application, *, warn: bool = True) -> UnitListPlan:
        """Return what changes when the list is applied now."""
        listed = read_units(self.file, app.planner.naming, app.store, data=self.data)
        if warn:
            session.output.warn(listed.warnings)
        return app.unit_list.plan(
            listed,
            close_missing=self.close_missing,
            hand_over=self.hand_over,
            initiator=session.initiator(self.reason),
        )


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--close-missing", is_flag=True, help="Close the accounts of units that are not in the list.")
@click.option("--handover", "hand_over", is_flag=True, help="Hand accounts over to the custodians in the list.")
@yes_option
@changing
@click.pass_obj
def apply(
    session: Session,
    file: Path,
    *,
    close_missing: bool,
    hand_over: bool,
    yes: bool,
    reason: str,
    dry_run: bool,
) -> ExitCode:
    """Make units and accounts agree with a list.

    FILE is a CSV, TOML or Excel file as for 'unit import', or '-' for stdin. The command shows the differences and asks
    for confirmation before it changes anything. Then it imports the list, opens the accounts of the listed units,
    and updates changed accounts. If you repeat the command, it changes nothing.

    With --close-missing, the command also closes the accounts of units that aren't in the list, except units above the
    listed units and units that you aren't permitted to change. If the run exceeds the mass-change limit, it is held as
    a whole.

    Examples:

        provisioner unit apply units.csv --dry-run
        provisioner unit apply units.csv --close-missing --handover
    """
    require_answer(session, yes=yes or dry_run)
    data = sys.stdin.buffer.read() if file == STDIN else None
    order = _Order(file=file, data=data, close_missing=close_missing, hand_over=hand_over, reason=reason)
    if dry_run or not yes:
        seen, code = _shown(session, order)
        if dry_run or seen.does_nothing:
            return code
        if not agreed(session, session.output.text("Apply these changes?"), yes=yes):
            session.output.say("nothing was changed")
            return ExitCode.DONE
        return _applied(session, order, seen)
    return _applied(session, order)


def _shown(session: Session, order: _Order) -> tuple[UnitListPlan, ExitCode]:
    """Show what would be changed."""
    with session.application(dry_run=True) as app:
        plan = order.planned(session, app)
        preview = app.unit_list.preview(plan, viewer=session.actor)
    attributes = preview_document(preview.changes)
    session.output.document({**unit_list_document(plan), **run_document(session, preview), "attributes": attributes})
    tell_unit_list(session.output, plan)
    tell_obstacles(session, preview)
    tell_excess(session, preview)
    if plan.does_nothing:
        session.output.say("nothing to do")
    return plan, ExitCode.DONE if preview.is_complete else ExitCode.UNFINISHED


def _applied(session: Session, order: _Order, seen: UnitListPlan | None = None) -> ExitCode:
    """Apply the list; if somebody has agreed to what changes, only that."""
    with started(session, dry_run=False) as app:
        plan = order.planned(session, app, warn=seen is None)
        if seen is None:
            tell_unit_list(session.output, plan)
        else:
            plan.require_seen(seen.digest)
        document = unit_list_document(plan)
        if plan.does_nothing:
            session.output.document({**document, "operations": [], "unchanged": []})
            session.output.say("nothing to do")
            return ExitCode.DONE
        run = app.unit_list.start(plan, session.initiator(order.reason))
        # An error that prevents the run is an answer by itself.
        return follow(session, app, run, more=lambda: document if run.ended or not run.total else {})
