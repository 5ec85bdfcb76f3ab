"""Incidents: reports of trouble with a login, from the school up to the province."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from litestar.params import FromPath
from litestar.response import Response

from provisioner.console.failures import Failure, failure_of
from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting, required
from provisioner.core.api.errors import ProvisionerError
from provisioner.core.governance.incidents import IncidentState
from provisioner.core.model.text import Text
from provisioner.services.incidents import HandledIncident, find_incident, shown_with_steps

#: How many incidents the list shows of each state.
_MOST = 100

#: What is told if a report or a solution has no text.
_MISSING = Text("the description is missing")


@reads("/incidents")
def incidents(visit: Visiting) -> Response[str]:
    """Show the incidents that the person may read, the open ones first."""
    service = visit.app.incidents
    found = {state: service.readable(viewer=visit.person, state=state, limit=_MOST + 1) for state in IncidentState}
    names = visit.app.persons.names(
        handled.incident.reporter for listed in found.values() for handled in listed[:_MOST]
    )
    return visit.page("incidents.html", found=found, most=_MOST, names=names)


@reads("/incidents/new")
def new(visit: Visiting) -> Response[str]:
    """Show the form of a new incident."""
    return visit.page("new_incident.html", login=visit.incoming.query.get("login", "")[:100], text="", failure=None)


@changes("/incidents/new")
def report(visit: Visiting) -> Response[Any]:
    """Report trouble with a login."""
    login, text = visit.text("login", longest=100), visit.text("text")
    try:
        with visit.one_at_a_time:
            incident = visit.app.incidents.report(login, required(text, "text", _MISSING), actor=visit.person)
    except ProvisionerError as error:
        failure = failure_of(error)
        return visit.page("new_incident.html", status=failure.status, login=login, text=text, failure=failure)
    visit.tell(Text("the incident is reported; the unit of the account handles it first"))
    return visit.redirect(f"/incidents/{incident.id}")


@reads("/incidents/{incident_id:str}")
def show(visit: Visiting, incident_id: FromPath[str]) -> Response[str]:
    """Show an incident with its history, and what the person may do with it."""
    app, person = visit.app, visit.person
    incident = find_incident(app.store, incident_id)
    shown = shown_with_steps(app.store, app.privacy(person), incident)
    service = app.incidents
    return visit.page(
        "incident.html",
        one=shown,
        names=_names(visit, shown),
        not_escalating=_obstacle(lambda: service.escalate(incident.id, actor=person, dry_run=True)),
        not_resolving=_obstacle(lambda: service.resolve(incident.id, "-", actor=person, dry_run=True)),
    )


@changes("/incidents/{incident_id:str}/escalate")
def escalate(visit: Visiting, incident_id: FromPath[str]) -> Response[Any]:
    """Pass an incident on to the unit above."""
    incident = visit.app.incidents.escalate(incident_id, actor=visit.person)
    visit.tell(Text("the incident is passed on to the unit above"))
    return visit.redirect(f"/incidents/{incident.id}")


@changes("/incidents/{incident_id:str}/resolve")
def resolve(visit: Visiting, incident_id: FromPath[str]) -> Response[Any]:
    """Close an incident."""
    text = required(visit.text("text"), "text", _MISSING)
    incident = visit.app.incidents.resolve(incident_id, text, actor=visit.person)
    visit.tell(Text("the incident is resolved"))
    return visit.redirect(f"/incidents/{incident.id}")


def _obstacle(act: Callable[[], object]) -> Failure | None:
    """Return why something can't be done, or not by this person; ``None`` if it can."""
    try:
        act()
    except ProvisionerError as error:
        return failure_of(error)
    return None


def _names(visit: Visit, shown: HandledIncident) -> Mapping[str, str]:
    return visit.app.persons.names(
        [shown.incident.reporter, shown.unit.custodian, *(step.actor for step in shown.steps)]
    )


HANDLERS = (incidents, new, report, show, escalate, resolve)
