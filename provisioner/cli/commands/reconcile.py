"""``provisioner reconcile``: what is known of accounts, against what is really there."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_lines_option, json_option
from provisioner.cli.render.comparison import answer, line_document
from provisioner.cli.session import Session
from provisioner.core.reconcile.differences import Difference
from provisioner.services.reconcile import ComparedTarget


@click.command("reconcile")
@click.option("--target", metavar="NAME", help="Compare only this target.")
@click.option("--unit", metavar="CODE", help="Show only accounts of this unit and of the units below it.")
@json_lines_option
@json_option
@click.pass_obj
def command(session: Session, *, target: str | None, unit: str | None) -> ExitCode:
    """Compare the accounts in the store with those on the targets.

    The command reads the accounts of each target. It shows each difference and how to resolve it. It changes nothing on
    the targets. A difference is shown only if a second check confirms it.

    The exit code is 4 if there are differences or if a target can't be compared completely.
    """
    differences: list[Difference] = []
    targets: list[ComparedTarget] = []
    with session.application() as app:
        for found in app.reconcile.compare(actor=session.actor, target=target, unit=unit):
            if session.json_lines:
                session.output.json_line(line_document(found, session.output))
            if isinstance(found, ComparedTarget):
                targets.append(found)
            elif not session.json_lines:
                differences.append(found)
    answer(differences, targets, session.output)
    return ExitCode.DONE if all(ended.is_clean for ended in targets) else ExitCode.UNFINISHED
