"""What several subjects share: the parameters of lists, and the answer of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from litestar.params import PathParameter, QueryParameter
from litestar.response import Response

from provisioner.console.api.call import FURTHEST, LARGEST_PAGE, Call
from provisioner.core.api.errors import BusyError
from provisioner.core.engine.plan import Refused, Unchanged
from provisioner.core.model import Operation
from provisioner.documents import operation_document
from provisioner.services.runs import Run

#: How many items a page of a list has.
Limit = Annotated[int, QueryParameter(ge=1, le=LARGEST_PAGE, description="How many items the page has at most.")]

#: How many items come before the page.
Offset = Annotated[int, QueryParameter(ge=0, le=FURTHEST, description="How many items come before the page.")]

#: The ID of something, or the first characters of it.
Id = Annotated[str, PathParameter(min_length=1, max_length=100, description="The ID, or the first characters of it.")]

#: A login.
Login = Annotated[str, PathParameter(min_length=1, max_length=100, description="The login, with or without domain.")]


def run_answer(call: Call, run: Run) -> Response[Any]:
    """Carry a run out, and return what became of it.

    Raises:

        BusyError: Another process has the account, and nothing was planned.
    """
    run.wait()
    _require_planned(call, run.ended)
    return operations_answer(call, run.ended, run.unchanged, run.refused)


def _require_planned(call: Call, operations: Sequence[Operation]) -> None:
    """Check that an operation is in the journal, unless another process has its account."""
    busy = {one.id: one.error for one in operations if one.error and one.error.name == BusyError.__name__}
    known = call.app.store.operations.get_many(busy)
    for operation_id, error in busy.items():
        if operation_id not in known:
            raise BusyError(error.message, cure=error.cure)


def operations_answer(
    call: Call, operations: Iterable[Operation], unchanged: Iterable[Unchanged] = (), refused: Iterable[Refused] = ()
) -> Response[Any]:
    """Return the answer with the operations of a run, and with the accounts that have none."""
    said = call.said
    return call.answer(
        {
            "operations": [
                operation_document(operation, said) for operation in call.app.runs.shown(operations, viewer=call.actor)
            ],
            "unchanged": [{"login": one.login, "reason": said(one.reason)} for one in unchanged],
            "refused": [{"login": one.login, "reason": said(one.reason), "cure": said(one.cure)} for one in refused],
        }
    )
