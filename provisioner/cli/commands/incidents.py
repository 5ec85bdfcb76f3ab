"""``provisioner trouble``: trouble with a login, from the school up to the province (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option, recording
from provisioner.cli.render.documents import Document, iso, trouble_document
from provisioner.cli.session import Session
from provisioner.core.governance.incidents import TroubleState
from provisioner.services.incidents import (
    HandledTrouble,
    PastStep,
    find_trouble,
    shown_troubles,
    shown_with_steps,
)

_ID = click.argument("trouble_id", metavar="ID")


@click.command("report")
@click.argument("login")
@click.option(
    "--text", required=True, help="What does not work. Never write a password here: the text is kept permanently."
)
@recording
@click.pass_obj
def report(session: Session, login: str, *, text: str, dry_run: bool) -> ExitCode:
    """Report that a login does not work.

    The actor is the reporter. The unit of the account handles the report first; 'trouble escalate' passes it on to the
    unit above. If the actor has already made the same report and it is open, that report is shown.
    """
    with session.application() as app:
        trouble = app.incidents.report(login, text, actor=session.actor, dry_run=dry_run)
        found = shown_with_steps(app.store, app.privacy(session.actor), trouble)
    return _tell(session, found, dry_run=dry_run)


@click.command("escalate")
@_ID
@recording
@click.pass_obj
def escalate(session: Session, trouble_id: str, *, dry_run: bool) -> ExitCode:
    """Pass a report on to the unit above.

    It goes from a school to its district, and from there to the province. At the top it goes to the IT unit, if the
    configuration names one.
    """
    with session.application() as app:
        trouble = app.incidents.escalate(trouble_id, actor=session.actor, dry_run=dry_run)
        found = shown_with_steps(app.store, app.privacy(session.actor), trouble)
    return _tell(session, found, dry_run=dry_run)


@click.command("resolve")
@_ID
@click.option("--text", required=True, help="What helped. Never write a password here: the text is kept permanently.")
@recording
@click.pass_obj
def resolve(session: Session, trouble_id: str, *, text: str, dry_run: bool) -> ExitCode:
    """Close a report, and say what helped."""
    with session.application() as app:
        trouble = app.incidents.resolve(trouble_id, text, actor=session.actor, dry_run=dry_run)
        found = shown_with_steps(app.store, app.privacy(session.actor), trouble)
    return _tell(session, found, dry_run=dry_run)


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in TroubleState]), help="Only those in this state.")
@click.option("--unit", metavar="CODE", help="Only those that this unit, or a unit below it, handles.")
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, unit: str | None) -> ExitCode:
    """List reports and the units that handle them.

    The latest comes first.
    """
    with session.store() as store:
        troubles = store.find_troubles(state=TroubleState(state) if state else None, under=unit)
        found = shown_troubles(store, session.privacy(store), troubles)
    session.output.document({"items": [trouble_document(item.trouble, item.unit.custodian) for item in found]})
    session.output.table(
        ("day", "id", "login", "state", "in hand of", "custodian"),
        [
            (
                session.local_day(item.trouble.reported_at),
                item.trouble.id,
                item.trouble.login,
                session.output.word(item.trouble.state),
                item.unit.name,
                item.unit.custodian or "",
            )
            for item in found
        ],
    )
    return ExitCode.DONE


@click.command("show")
@_ID
@json_option
@click.pass_obj
def show(session: Session, trouble_id: str) -> ExitCode:
    """Show one report with all its steps."""
    with session.store() as store:
        found = shown_with_steps(store, session.privacy(store), find_trouble(store, trouble_id))
    return _tell(session, found, dry_run=False)


def _tell(session: Session, found: HandledTrouble, *, dry_run: bool) -> ExitCode:
    document = trouble_document(found.trouble, found.unit.custodian)
    session.output.document({**document, "steps": [_step_document(step) for step in found.steps]})
    _draw(session, found)
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


def _step_document(step: PastStep) -> Document:
    return {"at": iso(step.at), "kind": step.kind.value, "actor": step.actor, "unit": step.unit}


def _draw(session: Session, found: HandledTrouble) -> None:
    trouble, unit = found.trouble, found.unit
    happened = [
        (session.local_time(step.at), f"{session.output.word(step.kind)}: {step.unit}: {step.actor}")
        for step in found.steps
    ]
    session.output.fields(
        [
            ("id", trouble.id),
            ("login", trouble.login),
            ("trouble", trouble.text),
            ("state", session.output.word(trouble.state)),
            ("in hand of", f"{unit.name} ({unit.code}), {unit.custodian or '-'}"),
            *([("resolution", trouble.resolution)] if trouble.resolution else []),
        ],
        happened,
    )
