"""Handing accounts over, and the records of it."""

from __future__ import annotations

from typing import Any

from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Response

from provisioner import handover_record
from provisioner.console import pdf
from provisioner.console.failures import Failure, failure_of
from provisioner.console.pages.log_in import require_proof
from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting, required
from provisioner.core.api.errors import DeniedError, InputError, ProvisionerError
from provisioner.core.engine.plan import Initiator, Plan
from provisioner.core.model import Person
from provisioner.core.model.text import Text
from provisioner.services.handovers import find_handover
from provisioner.services.runs import RunPreview

#: How many records the list shows.
_MOST = 100

#: The longest text that is searched for, and the longest ID.
_LONGEST = 100


@reads("/accounts/{login:str}/handover")
def prepare(visit: Visiting, login: FromPath[str]) -> Response[str]:
    """Search for the person who receives an account; with a person, show what would be done."""
    if "vacant" in visit.incoming.query:
        return _to_it_unit(visit, login)
    successor = visit.incoming.query.get("to", "").strip()[:_LONGEST]
    if not successor:
        return _form(visit, login)
    try:
        plan = _plan(visit, login, successor, outgoing=None, reason="")
        preview = visit.app.runs.preview(plan, viewer=visit.person)
    except ProvisionerError as error:
        return _form(visit, login, successor=successor, failure=failure_of(error))
    return _form(visit, login, successor=successor, preview=preview)


@changes("/accounts/{login:str}/handover")
def hand_over(visit: Visiting, login: FromPath[str]) -> Response[Any]:
    """Hand an account over to the person whom the page showed."""
    reason, successor = visit.text("reason"), visit.text("successor", longest=_LONGEST)
    try:
        required(reason, "reason", Text("the reason is missing"))
        required(successor, "successor", Text("choose who receives the account"))
        plan = _plan(visit, login, successor, outgoing=visit.text("outgoing", longest=_LONGEST), reason=reason)
        require_proof(visit)
        summary = visit.app.runs.start(plan).wait()
    except ProvisionerError as error:
        return _form(visit, login, successor=successor, reason=reason, failure=failure_of(error))
    if recorded := visit.app.handovers.recorded(plan):
        visit.tell(Text("the account is handed over; print the record, and let both persons sign it"))
        return visit.redirect(f"/handovers/{recorded[0]}")
    if summary.unchanged:
        visit.tell(Text("this person holds the account already"))
    else:
        visit.tell(Text("the account is not handed over yet; the history says why"))
    return visit.redirect(f"/accounts/{login}")


@reads("/handovers")
def records(visit: Visiting) -> Response[str]:
    """Show the records that the person may read."""
    found = visit.app.handovers.readable(viewer=visit.person, limit=_MOST + 1)
    return visit.page("handovers.html", records=found[:_MOST], is_complete=len(found) <= _MOST)


@reads("/handovers/{operation_id:str}")
def record(visit: Visiting, operation_id: FromPath[str]) -> Response[str]:
    """Show a record to print and to sign."""
    return visit.page("handover_record.html", has_pdf=pdf.is_possible(), **_record(visit, operation_id))


@reads("/handovers/{operation_id:str}/pdf")
def record_pdf(visit: Visiting, operation_id: FromPath[str]) -> Response[bytes]:
    """Return a record as a PDF file, to print and to sign."""
    if not pdf.is_possible():
        raise NotFoundException
    values = _record(visit, operation_id)
    content = pdf.pdf_of(visit.html("handover_pdf.html", **values))
    name = f"handover-{values['record'].handover.login}.pdf"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


def _record(visit: Visit, operation_id: str) -> dict[str, Any]:
    found = find_handover(visit.app.store, visit.app.privacy(visit.person), operation_id, whole=True)
    said = visit.phrasing.said
    return {
        "record": found,
        "rows": handover_record.rows(found, said, visit.time),
        "signatures": handover_record.signatures(found, said),
        "note": handover_record.note(said),
    }


def _to_it_unit(visit: Visit, login: str) -> Response[Any]:
    """Lead to the plan that hands an account over to the custodian of the IT unit, because the post is vacant."""
    try:
        custodian = visit.app.handovers.it_custodian()
    except ProvisionerError as error:
        return _form(visit, login, failure=failure_of(error))
    return visit.redirect(f"/accounts/{login}/handover?to={custodian}")


def _plan(visit: Visit, login: str, successor: str, *, outgoing: str | None, reason: str) -> Plan:
    initiator = Initiator(actor=visit.person, reason=reason)
    return visit.app.handovers.plan(login, to=successor, outgoing=outgoing or None, initiator=initiator)


def _form(
    visit: Visit,
    login: str,
    *,
    successor: str = "",
    reason: str = "",
    preview: RunPreview | None = None,
    failure: Failure | None = None,
) -> Response[str]:
    overview = visit.app.account_overviews.of(login, viewer=visit.person)
    words = visit.incoming.query.get("q", "").strip()[:_LONGEST]
    return visit.page(
        "handover.html",
        status=failure.status if failure else 200,
        one=overview,
        words=words,
        found=visit.app.search.persons(words, viewer=visit.person),
        successor=successor,
        receiver=_receiver(visit, successor),
        reason=reason,
        preview=preview,
        has_it_unit=bool(visit.app.handovers.it_unit),
        failure=failure,
    )


def _receiver(visit: Visit, successor: str) -> Person | None:
    """Return the person who receives the account, if the data may be read."""
    try:
        return visit.app.persons.find(successor, viewer=visit.person) if successor else None
    except (DeniedError, InputError):
        return None


HANDLERS = (prepare, hand_over, records, record, record_pdf)
