"""What did not work, runs that are held, and closing an account in an emergency."""

from __future__ import annotations

from typing import Any

from litestar.params import FromPath
from litestar.response import Response

from provisioner.console.failures import Failure, failure_of
from provisioner.console.pages.log_in import require_proof
from provisioner.console.paging import Part
from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting, required
from provisioner.core.api.errors import InputError, Problem, ProvisionerError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import OperationState
from provisioner.core.model.text import Text

#: How many operations the page shows of each kind.
_MOST = 100


@reads("/operations")
def stuck(visit: Visiting) -> Response[str]:
    """Show the operations that did not work, or not yet, and the passwords that did not arrive."""
    found = visit.app.operations.stuck(viewer=visit.person, limit=_MOST + 1)
    unfinished, failed = found.unfinished[:_MOST], found.failed[:_MOST]
    undelivered = visit.app.deliveries.undelivered(viewer=visit.person, limit=_MOST + 1)
    actors = [operation.actor for operation in (*unfinished, *failed)]
    return visit.page(
        "operations.html",
        unfinished=unfinished,
        failed=failed,
        undelivered=undelivered[:_MOST],
        are_all_unfinished=len(found.unfinished) <= _MOST,
        are_all_failed=len(found.failed) <= _MOST,
        are_all_undelivered=len(undelivered) <= _MOST,
        names=visit.app.persons.names([*actors, *(delivery.person for delivery in undelivered)]),
    )


@changes("/operations/{operation_id:str}/retry")
def retry(visit: Visiting, operation_id: FromPath[str]) -> Response[Any]:
    """Try an operation again now."""
    found = visit.app.operations.retriable_by(operation_id, actor=visit.person)
    summary = visit.app.runs.retry(found.left, found.unchanged, actor=visit.person).wait()
    if summary.is_complete:
        visit.tell(Text("the operation is done"))
    else:
        visit.tell(Text("it did not work yet; the reason is in the list"))
    return visit.redirect("/operations")


@reads("/held")
def held(visit: Visiting) -> Response[str]:
    """Show the runs that wait for a release."""
    found = Part.of(visit.app.held_runs.readable(viewer=visit.person), visit.incoming.query, "part")
    return visit.page("held.html", runs=found, names=visit.app.persons.names(run.actor for run in found.items))


@reads("/held/{run_id:str}")
def show_held(visit: Visiting, run_id: FromPath[str]) -> Response[str]:
    """Show a run that waits for a release, and what can be done with it."""
    return _held(visit, run_id)


@changes("/held/{run_id:str}/release")
def release(visit: Visiting, run_id: FromPath[str]) -> Response[Any]:
    """Release a run, and carry it out behind the page."""
    reason = visit.text("reason")
    try:
        require_proof(visit)
        run = visit.app.held_runs.release(run_id, actor=visit.person, reason=reason)
    except ProvisionerError as error:
        return _held(visit, run_id, failure_of(error))
    visit.console.background.wait_for(run)
    visit.tell(Text("the run is released and is being carried out; what does not work is listed here"))
    return visit.redirect("/operations")


@changes("/held/{run_id:str}/discard")
def discard(visit: Visiting, run_id: FromPath[str]) -> Response[Any]:
    """End a run without changing an account."""
    visit.app.held_runs.discard(run_id, actor=visit.person, reason=visit.text("reason"))
    visit.tell(Text("the run is discarded; no account was changed"))
    return visit.redirect("/held")


@reads("/accounts/{login:str}/close")
def ask_to_close(visit: Visiting, login: FromPath[str]) -> Response[str]:
    """Ask for the one confirmation of an emergency."""
    return _closing(visit, login)


@changes("/accounts/{login:str}/close")
def close(visit: Visiting, login: FromPath[str]) -> Response[Any]:
    """Close an account now, on every target that can be reached; the others follow."""
    reason = visit.text("reason")
    try:
        require_proof(visit)
        required(reason, "reason", Text("the reason is missing"))
        initiator = Initiator(actor=visit.person, reason=reason)
        plan = visit.app.accounts.plan_closing([login], initiator, again=True)
        summary = visit.app.runs.start(plan).wait()
    except ProvisionerError as error:
        return _closing(visit, login, failure=failure_of(error), reason=reason)
    if summary.is_complete:
        visit.tell(Text("the account is closed on every target"))
    elif summary.is_held:
        visit.tell(Text("the run exceeds the mass-change limit; another person has to release it"))
    elif OperationState.INCOMPLETE in summary.states:
        visit.tell(Text("the account is not closed on every target yet; the rest is tried again by itself"))
    else:
        visit.tell(Text("the account is not closed; the history says why"))
    return visit.redirect(f"/accounts/{login}")


def _closing(visit: Visit, login: str, *, failure: Failure | None = None, reason: str = "") -> Response[Any]:
    overview = visit.app.account_overviews.of(login, viewer=visit.person)
    status = failure.status if failure else 200
    return visit.page("close.html", status=status, one=overview, failure=failure, reason=reason)


def _held(visit: Visit, run_id: str, failure: Failure | None = None) -> Response[Any]:
    found = visit.app.held_runs.readable_run(run_id, viewer=visit.person)
    if found is None and failure is None:
        message = Text("there is no held run {id}, or you may not read it", {"id": run_id})
        raise InputError([Problem(field="id", message=message)])
    status = failure.status if failure else 200
    names = visit.app.persons.names([found.run.actor] if found else [])
    return visit.page("held_run.html", status=status, one=found, names=names, failure=failure)


HANDLERS = (stuck, retry, held, show_held, release, discard, ask_to_close, close)
