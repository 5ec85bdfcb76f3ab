"""``provisioner reconcile``: what is known of accounts, against what is really there."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.render.documents import Document, error_document
from provisioner.cli.session import Session
from provisioner.core.model.text import Text
from provisioner.core.reconcile.differences import Difference
from provisioner.services.reconcile import ComparedTarget


@click.command("reconcile")
@click.option("--target", metavar="NAME", help="Compare only this target.")
@click.option("--unit", metavar="CODE", help="Show only accounts of this unit and of the units below it.")
@json_option
@click.pass_obj
def command(session: Session, *, target: str | None, unit: str | None) -> ExitCode:
    """Compare the accounts in the store with those on the targets.

    The command reads the accounts of each target. It shows each difference and how to resolve it. It changes nothing on
    the targets. A difference is shown only if a second check confirms it.

    The exit code is 4 if there are differences or if a target can't be compared completely.
    """
    differences: list[Difference] = []
    compared: list[ComparedTarget] = []
    with session.application() as app:
        for found in app.reconcile.compare(actor=session.actor, target=target, unit=unit):
            if isinstance(found, Difference):
                differences.append(found)
            else:
                compared.append(found)
    session.output.document(
        {
            "items": [_difference_document(session, difference) for difference in differences],
            "targets": [_target_document(session, ended) for ended in compared],
        }
    )
    session.output.table(
        ("target", "login", "difference", "known", "actual", "cure"),
        [_row(session, difference) for difference in differences],
    )
    for ended in compared:
        _tell(session, ended)
    return ExitCode.DONE if all(ended.is_clean for ended in compared) else ExitCode.UNFINISHED


def _row(session: Session, difference: Difference) -> tuple[str, ...]:
    say = session.output
    return (
        difference.target,
        difference.login,
        say.word(difference.kind),
        say.translated(difference.known),
        say.translated(difference.actual),
        say.said(difference.cure),
    )


def _tell(session: Session, ended: ComparedTarget) -> None:
    total = sum(ended.differences.values())
    if ended.error is None:
        listed = Text.counted("{count} account listed", "{count} accounts listed", count=ended.listed)
        found = Text.counted("{count} difference", "{count} differences", count=total)
        session.output.say("{target}: {listed}, {found}", target=ended.name, listed=listed, found=found)
    elif ended.is_omitted:
        session.output.say("{target}: not compared: {reason}", target=ended.name, reason=ended.error.message)
    else:
        session.output.note(
            "{target}: not compared completely: {reason}", target=ended.name, reason=ended.error.message
        )


def _difference_document(session: Session, difference: Difference) -> Document:
    return {
        "target": difference.target,
        "login": difference.login,
        "unit": difference.unit,
        "difference": difference.kind.value,
        "known": difference.known,
        "actual": difference.actual,
        "cure": session.output.said(difference.cure),
    }


def _target_document(session: Session, ended: ComparedTarget) -> Document:
    return {
        "name": ended.name,
        "listed": ended.listed,
        "differences": {kind.value: count for kind, count in ended.differences.items()},
        "error": error_document(ended.error, session.output.said),
    }
