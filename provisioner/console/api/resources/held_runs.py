"""Held runs: listed, released, and discarded."""

from __future__ import annotations

from litestar.params import JSONBody
from litestar.response import Response

from provisioner.console.api.call import PAGE, Call, Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Id, Limit, Offset, operations_answer
from provisioner.console.api.routing import changes, reads
from provisioner.console.api.shapes import HeldRunPage, ReasonBody, RunAnswer, StartedRun
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text
from provisioner.documents import held_run_document
from provisioner.services.held_runs import WaitingRun


@reads("/held-runs")
def list_(call: Calling, limit: Limit = PAGE, offset: Offset = 0) -> Response[HeldRunPage]:
    """List the runs that wait for their release and of which the owner of the token may read every account."""
    runs, end = call.app.held_runs.readable(viewer=call.actor), offset + limit
    page = [call.app.held_runs.with_logins(run) for run in runs[offset:end]]
    items = [held_run_document(waiting.run, waiting.logins) for waiting in page]
    return call.part({"items": items}, has_more=len(runs) > end, limit=limit, offset=offset)


@changes("/held-runs/{run_id:str}/release", status=202)
def release(call: Calling, run_id: Id, data: JSONBody[ReasonBody]) -> Response[StartedRun]:
    """Release a run. It is carried out after the answer, and its operations show how far it is. Services can't."""
    waiting = _readable(call, run_id)
    run = call.app.held_runs.release(waiting.run.id, actor=call.actor, reason=data.reason)
    call.console.background.wait_for(run)
    return call.answer({"run": waiting.run.id, "operations": len(waiting.logins)}, status=202)


@changes("/held-runs/{run_id:str}/discard")
def discard(call: Calling, run_id: Id, data: JSONBody[ReasonBody]) -> Response[RunAnswer]:
    """End a run without changing an account."""
    waiting = _readable(call, run_id)
    ended = call.app.held_runs.discard(waiting.run.id, actor=call.actor, reason=data.reason)
    return operations_answer(call, ended)


def _readable(call: Call, run_id: str) -> WaitingRun:
    """Return a run. To those who may not read it, it isn't there."""
    found = call.app.held_runs.readable_run(run_id, viewer=call.actor)
    with looked_up():
        if found is None:
            message = Text("there is no held run {id}, or you may not read it", {"id": run_id})
            raise InputError([Problem(field="id", message=message)])
    return found


HANDLERS = (list_, release, discard)
