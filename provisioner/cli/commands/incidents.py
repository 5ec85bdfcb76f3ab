"""``provisioner trouble``: trouble with a login, from the school up to the province (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option, recording
from provisioner.cli.session import Session
from provisioner.core.governance.incidents import IncidentState
from provisioner.documents import incident_document, incident_step_document
from provisioner.services.incidents import (
    HandledIncident,
    find_incident,
    shown_troubles,
    shown_with_steps,
)

_ID = click.argument("incident_id", metavar="ID")


@click.command("report")
@click.argument("login")
@click.option(
    "--text", required=True, help="Description of the problem. Don't include a password: the text is kept permanently."
)
@recording
@click.pass_obj
def report(session: Session, login: str, *, text: str, dry_run: bool) -> ExitCode:
    """Report a problem with a login.

    The command creates an incident, with the actor as the reporter. The account's unit handles it first. To pass it on
    to the unit above, use 'trouble escalate'. If the actor already has an identical open incident, the command shows
    that one.
    """
    with session.application() as app:
        incident = app.incidents.report(login, text, actor=session.actor, dry_run=dry_run)
        found = shown_with_steps(app.store, app.privacy(session.actor), incident)
    return _tell(session, found, dry_run=dry_run)


@click.command("escalate")
@_ID
@recording
@click.pass_obj
def escalate(session: Session, incident_id: str, *, dry_run: bool) -> ExitCode:
    """Escalate an incident to the unit above.

    An incident goes from the school to the district, and from there to the province. From the province, it goes to the
    IT unit, if the configuration has one.
    """
    with session.application() as app:
        incident = app.incidents.escalate(incident_id, actor=session.actor, dry_run=dry_run)
        found = shown_with_steps(app.store, app.privacy(session.actor), incident)
    return _tell(session, found, dry_run=dry_run)


@click.command("resolve")
@_ID
@click.option(
    "--text",
    required=True,
    help="Description of the solution. Don't include a password: the text is kept permanently.",
)
@recording
@click.pass_obj
def resolve(session: Session, incident_id: str, *, text: str, dry_run: bool) -> ExitCode:
    """Resolve an incident."""
    with session.application() as app:
        incident = app.incidents.resolve(incident_id, text, actor=session.actor, dry_run=dry_run)
        found = shown_with_steps(app.store, app.privacy(session.actor), incident)
    return _tell(session, found, dry_run=dry_run)


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in IncidentState]), help="Filter by state.")
@click.option(
    "--unit", metavar="CODE", help="Filter by the unit that handles the incident, including the units below it."
)
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, unit: str | None) -> ExitCode:
    """List incidents and the units that handle them, latest first."""
    with session.store() as store:
        troubles = store.incidents.find(state=IncidentState(state) if state else None, under=unit)
        found = shown_troubles(store, session.privacy(store), troubles)
    session.output.document({"items": [incident_document(item.incident, item.unit.custodian) for item in found]})
    session.output.table(
        ("day", "id", "login", "state", "handled by", "custodian"),
        [
            (
                session.local_day(item.incident.reported_at),
                item.incident.id,
                item.incident.login,
                session.output.word(item.incident.state),
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
def show(session: Session, incident_id: str) -> ExitCode:
    """Show an incident and its history."""
    with session.store() as store:
        found = shown_with_steps(store, session.privacy(store), find_incident(store, incident_id))
    return _tell(session, found, dry_run=False)


def _tell(session: Session, found: HandledIncident, *, dry_run: bool) -> ExitCode:
    document = incident_document(found.incident, found.unit.custodian)
    session.output.document({**document, "steps": [incident_step_document(step) for step in found.steps]})
    _draw(session, found)
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


def _draw(session: Session, found: HandledIncident) -> None:
    incident, unit = found.incident, found.unit
    happened = [
        (session.local_time(step.at), f"{session.output.word(step.kind)}: {step.unit}: {step.actor}")
        for step in found.steps
    ]
    session.output.fields(
        [
            ("id", incident.id),
            ("login", incident.login),
            ("trouble", incident.text),
            ("state", session.output.word(incident.state)),
            ("handled by", f"{unit.name} ({unit.code}), {unit.custodian or '-'}"),
            *([("resolution", incident.resolution)] if incident.resolution else []),
        ],
        happened,
    )
