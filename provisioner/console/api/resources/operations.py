"""Operations: listed, shown, and retried."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from litestar.params import QueryParameter
from litestar.response import Response

from provisioner.console.api.call import PAGE, Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Id, Limit, Offset, run_answer
from provisioner.console.api.routing import changes, reads
from provisioner.console.api.shapes import OperationAnswer, OperationPage, RunAnswer
from provisioner.core.model import OperationState
from provisioner.documents import operation_document

#: In which state they are.
State = Annotated[OperationState | None, QueryParameter(name="state", description="Only those in this state.")]


@reads("/operations")
def list_(call: Calling, wanted: State = None, limit: Limit = PAGE, offset: Offset = 0) -> Response[OperationPage]:
    """List operations in a state, or those that have not ended, the latest first."""
    found = call.app.operations.find(viewer=call.actor, state=wanted)
    items = [operation_document(operation, call.said) for operation in islice(found, offset + limit + 1)]
    return call.page(items, limit=limit, offset=offset)


@reads("/operations/{operation_id:str}")
def show(call: Calling, operation_id: Id) -> Response[OperationAnswer]:
    """Show an operation with its steps. Personal data that the owner of the token may not read is masked."""
    with looked_up():
        operation = call.app.operations.operation(operation_id, viewer=call.actor)
    return call.answer(operation_document(operation, call.said))


@changes("/operations/{operation_id:str}/retry")
def retry(call: Calling, operation_id: Id) -> Response[RunAnswer]:
    """Try an operation that has not ended again now."""
    with looked_up():
        known = call.app.operations.operation(operation_id, viewer=call.actor).id
    found = call.app.operations.retriable_by(known, actor=call.actor)
    return run_answer(call, call.app.runs.retry(found.left, found.unchanged, actor=call.actor))


HANDLERS = (list_, show, retry)
