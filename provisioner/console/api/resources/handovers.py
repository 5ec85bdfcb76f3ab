"""Handing accounts over, and the records of it."""

from __future__ import annotations

from litestar.params import JSONBody
from litestar.response import Response

from provisioner.console.api.call import PAGE, Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Id, Limit, Login, Offset, run_answer
from provisioner.console.api.routing import changes, reads
from provisioner.console.api.shapes import HandoverAnswer, HandoverBody, HandoverPage, RunAnswer
from provisioner.core.engine.plan import Initiator
from provisioner.documents import handover_document
from provisioner.services.handovers import find_handover


@changes("/accounts/{login:str}/handover")
def hand_over(call: Calling, login: Login, data: JSONBody[HandoverBody]) -> Response[RunAnswer]:
    """Hand an account over to another person. The record has the ID of the operation."""
    with looked_up():
        call.app.accounts.find([login])
    initiator = Initiator(actor=call.actor, reason=data.reason)
    plan = call.app.handovers.plan(login, to=data.to, outgoing=data.outgoing, initiator=initiator)
    return run_answer(call, call.app.runs.start(plan))


@reads("/handovers")
def list_(call: Calling, limit: Limit = PAGE, offset: Offset = 0) -> Response[HandoverPage]:
    """List the records of handovers that the owner of the token may read, the latest first."""
    found = call.app.handovers.readable(viewer=call.actor, limit=offset + limit + 1)
    return call.page([handover_document(record) for record in found], limit=limit, offset=offset)


@reads("/handovers/{operation_id:str}")
def show(call: Calling, operation_id: Id) -> Response[HandoverAnswer]:
    """Show the record of a handover."""
    with looked_up():
        record = find_handover(call.app.store, call.app.privacy(call.actor), operation_id, whole=True)
    return call.answer(handover_document(record))


HANDLERS = (hand_over, list_, show)
