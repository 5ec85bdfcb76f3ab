"""Access requests: submitted, decided on, and carried out."""

from __future__ import annotations

from typing import Annotated

from litestar.params import JSONBody, QueryParameter
from litestar.response import Response

from provisioner.console.api.call import PAGE, Call, Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Id, Limit, Offset, run_answer
from provisioner.console.api.routing import changes, reads
from provisioner.console.api.shapes import InboxAnswer, ReasonBody, RequestAnswer, RequestBody, RequestPage, RunAnswer
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.governance.access_requests import REQUESTABLE, AccessRequest, RequestState
from provisioner.core.model.text import Text
from provisioner.documents import Document, form_document

#: In which state they are.
State = Annotated[RequestState | None, QueryParameter(name="state", description="Only those in this state.")]


@reads("/requests")
def list_(call: Calling, wanted: State = None, limit: Limit = PAGE, offset: Offset = 0) -> Response[RequestPage]:
    """List access requests, the latest first. Personal data that the owner of the token may not read is masked."""
    found = call.app.access_requests.listed(viewer=call.actor, state=wanted, limit=offset + limit + 1)
    return call.page([form_document(request) for request in found], limit=limit, offset=offset)


@reads("/requests/inbox")
def inbox(call: Calling, limit: Limit = PAGE, offset: Offset = 0) -> Response[InboxAnswer]:
    """List the access requests that wait for the owner of the token, and the latest 30 of the owner's own.

    own_is_complete is false if the owner has submitted more.

    Limit and offset choose a page of those to decide and of those to carry out; next is null when both have ended.

    If the personnel system doesn't tell whose requests these are, some to decide are missing, and is_complete is false.
    """
    found = call.app.inboxes.of(call.actor)
    waiting = {"to_decide": found.to_decide, "to_carry_out": found.to_carry_out}
    return call.pages(
        {
            name: [form_document(request) for request in requests[: offset + limit + 1]]
            for name, requests in waiting.items()
        },
        limit=limit,
        offset=offset,
        own=[form_document(request) for request in found.own],
        is_complete=found.error is None,
        own_is_complete=found.own_is_complete,
    )


@reads("/requests/{request_id:str}")
def show(call: Calling, request_id: Id) -> Response[RequestAnswer]:
    """Show an access request. Personal data that the owner of the token may not read is masked."""
    with looked_up():
        request = call.app.access_requests.current(request_id)
    return call.answer(_shown(call, request))


@changes("/requests", status=201)
def submit(call: Calling, data: JSONBody[RequestBody]) -> Response[RequestAnswer]:
    """Submit an access request. An open request of the same owner for the same action is returned instead."""
    if data.kind not in REQUESTABLE:
        message = Text("this can't be requested; it can be: {kinds}", {"kinds": ", ".join(REQUESTABLE)})
        raise InputError([Problem(field="kind", message=message)])
    request = call.app.access_requests.submit(
        data.login, data.kind, actor=call.actor, reason=data.reason, recipient=data.to
    )
    return call.answer(_shown(call, request), status=201, location=f"/requests/{request.id}")


@changes("/requests/{request_id:str}/approve")
def approve(call: Calling, request_id: Id) -> Response[RequestAnswer]:
    """Approve an access request. Services can't."""
    known = _known(call, request_id)
    return call.answer(_shown(call, call.app.access_requests.approve(known, actor=call.actor)))


@changes("/requests/{request_id:str}/reject")
def reject(call: Calling, request_id: Id, data: JSONBody[ReasonBody]) -> Response[RequestAnswer]:
    """Reject an access request. Services can't."""
    known = _known(call, request_id)
    return call.answer(_shown(call, call.app.access_requests.reject(known, actor=call.actor, reason=data.reason)))


@changes("/requests/{request_id:str}/execute")
def execute(call: Calling, request_id: Id) -> Response[RunAnswer]:
    """Carry out an approved access request. What was begun is continued, and what is done is not repeated."""
    known = _known(call, request_id)
    return run_answer(call, call.app.access_requests.execute(known, actor=call.actor))


def _known(call: Call, request_id: str) -> str:
    with looked_up():
        return call.app.access_requests.find(request_id).id


def _shown(call: Call, request: AccessRequest) -> Document:
    return form_document(call.app.access_requests.shown(request, viewer=call.actor))


HANDLERS = (list_, inbox, show, submit, approve, reject, execute)
