"""Access requests: the inbox, a request and its steps, and a new request."""

from __future__ import annotations

from typing import Any

from litestar.params import FromPath
from litestar.response import Response

from provisioner.console.failures import failure_of
from provisioner.console.paging import Part
from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting, required
from provisioner.core.api.errors import InputError, Problem, ProvisionerError
from provisioner.core.governance.access_requests import REQUESTABLE, AccessRequest, RequestState
from provisioner.core.model import OperationKind
from provisioner.core.model.text import Text

#: The fields of a new request.
_FIELDS = ("login", "kind", "to", "reason")


@reads("/requests")
def inbox(visit: Visiting) -> Response[str]:
    """Show the requests that wait for the person."""
    found = visit.app.inboxes.of(visit.person)
    to_decide = Part.of(found.to_decide, visit.incoming.query, "decide")
    to_carry_out = Part.of(found.to_carry_out, visit.incoming.query, "carry-out")
    shown = [*to_decide.items, *to_carry_out.items, *found.own]
    names = visit.app.persons.names(request.requester for request in shown)
    return visit.page("inbox.html", inbox=found, to_decide=to_decide, to_carry_out=to_carry_out, names=names)


@reads("/requests/new")
def new(visit: Visiting) -> Response[str]:
    """Show the form of a new request."""
    given = {**dict.fromkeys(_FIELDS, ""), "login": visit.incoming.query.get("login", "")[:100]}
    return visit.page("new_request.html", given=given, kinds=REQUESTABLE, failure=None)


@changes("/requests/new")
def submit(visit: Visiting) -> Response[Any]:
    """Submit a new request."""
    given = {name: visit.text(name) for name in _FIELDS}
    try:
        with visit.one_at_a_time:
            request = visit.app.access_requests.submit(
                given["login"],
                _kind(given["kind"]),
                actor=visit.person,
                reason=required(given["reason"], "reason", Text("the reason is missing")),
                recipient=given["to"] or None,
            )
    except ProvisionerError as error:
        failure = failure_of(error)
        return visit.page("new_request.html", status=failure.status, given=given, kinds=REQUESTABLE, failure=failure)
    if request.state is RequestState.SUBMITTED:
        visit.tell(Text("the request was submitted; the supervisor decides next"))
    else:
        visit.tell(Text("you have already requested this, and the request is approved"))
    return visit.redirect(f"/requests/{request.id}")


@reads("/requests/{request_id:str}")
def show(visit: Visiting, request_id: FromPath[str]) -> Response[str]:
    """Show a request, and what the person may do with it."""
    request = visit.app.access_requests.current(request_id)
    steps = visit.app.inboxes.steps(request, viewer=visit.person)
    shown = visit.app.access_requests.shown(request, viewer=visit.person)
    return visit.page("request.html", request=shown, steps=steps, names=_names(visit, shown))


@changes("/requests/{request_id:str}/approve")
def approve(visit: Visiting, request_id: FromPath[str]) -> Response[Any]:
    """Approve a request."""
    visit.app.access_requests.approve(request_id, actor=visit.person)
    visit.tell(Text("the request is approved; an officer carries it out next"))
    return visit.redirect(f"/requests/{request_id}")


@changes("/requests/{request_id:str}/reject")
def reject(visit: Visiting, request_id: FromPath[str]) -> Response[Any]:
    """Reject a request."""
    reason = required(visit.text("reason"), "reason", Text("the reason is missing"))
    visit.app.access_requests.reject(request_id, actor=visit.person, reason=reason)
    visit.tell(Text("the request is rejected"))
    return visit.redirect(f"/requests/{request_id}")


@changes("/requests/{request_id:str}/execute")
def execute(visit: Visiting, request_id: FromPath[str]) -> Response[Any]:
    """Carry out a request. If the browser goes away meanwhile, the work goes on."""
    summary = visit.app.access_requests.execute(request_id, actor=visit.person).wait()
    if summary.is_complete:
        visit.tell(Text("the request is carried out"))
    elif summary.is_held:
        visit.tell(Text("the run exceeds the mass-change limit; another person has to release it"))
    else:
        visit.tell(Text("the request is not carried out completely; the account shows why"))
    return visit.redirect(f"/requests/{request_id}")


def _kind(given: str) -> OperationKind:
    for kind in REQUESTABLE:
        if kind.value == given:
            return kind
    raise InputError([Problem(field="kind", message=Text("choose what is to be done"))])


def _names(visit: Visit, request: AccessRequest) -> Any:
    parts = ("requester", "recipient", "approver", "approver_for", "officer", "officer_for", "mobile_confirmed_by")
    return visit.app.persons.names(getattr(request, part) for part in parts)


HANDLERS = (inbox, new, submit, show, approve, reject, execute)
