"""Incidents: reports of trouble with a login, from the school up to the province."""

from __future__ import annotations

from typing import Annotated

from litestar.params import JSONBody, QueryParameter
from litestar.response import Response

from provisioner.console.api.call import PAGE, Call, Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Id, Limit, Offset
from provisioner.console.api.routing import changes, reads
from provisioner.console.api.shapes import IncidentAnswer, IncidentBody, IncidentPage, TextBody
from provisioner.core.governance.incidents import Incident, IncidentState
from provisioner.documents import Document, incident_document, incident_step_document
from provisioner.services.incidents import find_incident, shown_with_steps

#: In which state they are.
State = Annotated[IncidentState, QueryParameter(name="state", description="Only those in this state.")]


@reads("/incidents")
def list_(
    call: Calling, wanted: State = IncidentState.OPEN, limit: Limit = PAGE, offset: Offset = 0
) -> Response[IncidentPage]:
    """List incidents that the owner of the token may read, the latest first."""
    found = call.app.incidents.readable(viewer=call.actor, state=wanted, limit=offset + limit + 1)
    items = [incident_document(handled.incident, handled.unit.custodian) for handled in found]
    return call.page(items, limit=limit, offset=offset)


@reads("/incidents/{incident_id:str}")
def show(call: Calling, incident_id: Id) -> Response[IncidentAnswer]:
    """Show an incident with its history. Personal data that the owner of the token may not read is masked."""
    return call.answer(_shown(call, _known(call, incident_id)))


@changes("/incidents", status=201)
def report(call: Calling, data: JSONBody[IncidentBody]) -> Response[IncidentAnswer]:
    """Report trouble with a login. An open incident of the same owner with the same text is returned instead."""
    incident = call.app.incidents.report(data.login, data.text, actor=call.actor)
    return call.answer(_shown(call, incident), status=201, location=f"/incidents/{incident.id}")


@changes("/incidents/{incident_id:str}/escalate")
def escalate(call: Calling, incident_id: Id) -> Response[IncidentAnswer]:
    """Pass an incident on to the unit above."""
    known = _known(call, incident_id)
    return call.answer(_shown(call, call.app.incidents.escalate(known.id, actor=call.actor)))


@changes("/incidents/{incident_id:str}/resolve")
def resolve(call: Calling, incident_id: Id, data: JSONBody[TextBody]) -> Response[IncidentAnswer]:
    """Resolve an incident."""
    known = _known(call, incident_id)
    return call.answer(_shown(call, call.app.incidents.resolve(known.id, data.text, actor=call.actor)))


def _known(call: Call, incident_id: str) -> Incident:
    with looked_up():
        return find_incident(call.app.store, incident_id)


def _shown(call: Call, incident: Incident) -> Document:
    handled = shown_with_steps(call.app.store, call.app.privacy(call.actor), incident)
    document = incident_document(handled.incident, handled.unit.custodian)
    return {**document, "steps": [incident_step_document(step) for step in handled.steps]}


HANDLERS = (list_, show, report, escalate, resolve)
