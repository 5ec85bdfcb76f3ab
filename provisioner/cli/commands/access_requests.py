"""``provisioner request``: the life of a request form (001 ¶4)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner.cli.commands.handovers import STDOUT
from provisioner.cli.commands.runs import answer, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import PERSON, dry_run_option, json_option, printable_option, reason_option, recording
from provisioner.cli.render.pages import write_page
from provisioner.cli.render.request_page import page, rows
from provisioner.cli.session import Session
from provisioner.cli.streams import write_lines
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.governance.access_requests import REQUESTABLE, AccessRequest, RequestState
from provisioner.core.model import OperationKind
from provisioner.core.model.mobile import masked
from provisioner.core.model.text import Text
from provisioner.documents import form_document

if TYPE_CHECKING:
    from provisioner.services.application import Application

_ID = click.argument("request_id", metavar="ID")

scan_option = click.option(
    "--scan",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Scan of the signed request. Only its SHA-256 hash is stored.",
)


@click.command("submit")
@click.argument("login")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in REQUESTABLE]), required=True, help="Action to request."
)
@click.option("--reason", metavar="TEXT", required=True, help="Reason, for the supervisor and the audit log.")
@click.option(
    "--to", "incoming", type=PERSON, metavar="PERSON", help="Person who receives the account. Required for a handover."
)
@click.option(
    "--officer",
    type=PERSON,
    metavar="PERSON",
    help="Officer who executes the request. Default: any officer of the unit.",
)
@scan_option
@recording
@click.pass_obj
def submit(
    session: Session,
    login: str,
    *,
    kind: str,
    reason: str,
    incoming: str | None,
    officer: str | None,
    scan: Path | None,
    dry_run: bool,
) -> ExitCode:
    """Request an action on an account.

    The actor is the requester. The actor's supervisor in the personnel system decides on the request. If the actor
    already has an identical open request, the command shows that one.

    Example:

        provisioner request submit hukuk46 --kind rotate --reason 2026/117
    """
    wanted = OperationKind(kind)
    if (wanted is OperationKind.HANDOVER) is (incoming is None):
        raise click.UsageError(session.output.text("Use --to PERSON for a handover, and only for a handover."))
    with session.application() as app:
        access_request = app.access_requests.submit(
            login,
            wanted,
            actor=session.actor,
            reason=reason,
            recipient=incoming,
            officer=officer,
            scan_sha256=_sha256(scan) if scan else None,
            dry_run=dry_run,
        )
        return _tell(session, app, access_request, dry_run=dry_run)


@click.command("approve")
@_ID
@scan_option
@recording
@click.pass_obj
def approve(session: Session, request_id: str, *, scan: Path | None, dry_run: bool) -> ExitCode:
    """Approve an access request.

    The actor must be the requester's supervisor or a delegate of the supervisor.
    """
    with session.application() as app:
        paper = _sha256(scan) if scan else None
        access_request = app.access_requests.approve(
            request_id, actor=session.actor, scan_sha256=paper, dry_run=dry_run
        )
        return _tell(session, app, access_request, dry_run=dry_run)


@click.command("reject")
@_ID
@reason_option
@recording
@click.pass_obj
def reject(session: Session, request_id: str, *, reason: str, dry_run: bool) -> ExitCode:
    """Reject an access request.

    The actor must be the requester's supervisor or a delegate of the supervisor.
    """
    with session.application() as app:
        access_request = app.access_requests.reject(request_id, actor=session.actor, reason=reason, dry_run=dry_run)
        return _tell(session, app, access_request, dry_run=dry_run)


@click.command("confirm-mobile")
@_ID
@recording
@click.pass_obj
def confirm_mobile(session: Session, request_id: str, *, dry_run: bool) -> ExitCode:
    """Confirm a changed mobile number.

    If the recipient's mobile number has changed since the request was submitted, an officer must confirm the number
    that is now in the personnel system.
    """
    with session.application() as app:
        confirmation = app.access_requests.confirm_mobile(request_id, actor=session.actor, dry_run=dry_run)
        if person := confirmation.recipient:
            session.output.line(f"{person.id}: {masked(person.mobile) or '-'}")
        return _tell(session, app, confirmation.request, dry_run=dry_run)


@click.command("execute")
@_ID
@dry_run_option
@json_option
@click.pass_obj
def execute(session: Session, request_id: str, *, dry_run: bool) -> ExitCode:
    """Execute an approved access request.

    The actor must be an officer of the unit. You can repeat the command: it continues an incomplete operation and
    doesn't repeat completed steps.
    """
    with started(session, dry_run=dry_run) as app:
        return answer(session, app, app.access_requests.execute(request_id, actor=session.actor, dry_run=dry_run))


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in RequestState]), help="Filter by state.")
@click.option("--login", metavar="LOGIN", help="Filter by account.")
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, login: str | None) -> ExitCode:
    """List access requests, latest first.

    Executed requests have the state 'archived'.
    """
    with session.application() as app:
        wanted = RequestState(state) if state else None
        access_requests = app.access_requests.listed(viewer=session.actor, state=wanted, login=login)
    session.output.document({"items": [form_document(access_request) for access_request in access_requests]})
    session.output.table(
        ("day", "id", "kind", "login", "requested by", "state"),
        [
            (
                session.local_day(access_request.submitted_at),
                access_request.id,
                session.output.word(access_request.kind),
                access_request.login,
                access_request.requester,
                session.output.word(access_request.state),
            )
            for access_request in access_requests
        ],
    )
    return ExitCode.DONE


@click.command("show")
@_ID
@click.option("--archived", is_flag=True, help="Print only the archived copy, exactly as it was hashed.")
@printable_option
@json_option
@click.pass_obj
def show(session: Session, request_id: str, *, archived: bool, file: str | None) -> ExitCode:
    """Show an access request.

    An executed request has an archived copy in canonical JSON. The SHA-256 hash of the copy is in the audit log.
    """
    if file and (archived or (session.json and file == STDOUT)):
        raise click.UsageError(session.output.text("Specify one of --archived, --json and --html -."))
    with session.application() as app:
        access_request = app.access_requests.current(request_id)
        if file:
            return _print(session, app, access_request, file)
        if not archived:
            return _tell(session, app, access_request, dry_run=False)
        copy = app.access_requests.archive_of(access_request, viewer=session.actor)
    write_lines([copy.encode()])
    return ExitCode.DONE


def _print(session: Session, app: Application, access_request: AccessRequest, file: str) -> ExitCode:
    access_request = app.access_requests.printable(access_request, viewer=session.actor)
    text = page(access_request, lambda ids: app.planner.people.look_up(ids).persons, session)
    session.output.document(form_document(access_request))
    if file == STDOUT:
        session.output.lines(text)
    else:
        write_page(file, text)
        session.output.say("the page is in {file}", file=file)
    return ExitCode.DONE


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        message = Text("{file} cannot be read: {reason}", {"file": file, "reason": error.strerror})
        raise InputError([Problem(field="scan", message=message)]) from None


def _tell(session: Session, app: Application, access_request: AccessRequest, *, dry_run: bool) -> ExitCode:
    access_request = app.access_requests.shown(access_request, viewer=session.actor)
    session.output.document(form_document(access_request))
    session.output.table(("field", "value"), rows(access_request, {}, session))
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE
