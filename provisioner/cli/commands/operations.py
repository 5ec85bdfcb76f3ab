"""``provisioner operation`` and ``resume``: what is under way, stuck or failed, why, until when, and how it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from provisioner.cli.commands.credentials import results_document, tell_results
from provisioner.cli.commands.runs import follow, show_preview, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.render.notices import notice_line
from provisioner.cli.render.policy_documents import notice_document
from provisioner.cli.session import Session
from provisioner.core.model import Operation, OperationState, PasswordDelivery
from provisioner.core.model.text import marked
from provisioner.core.policy.notice_messages import Notice
from provisioner.documents import delivery_document, iso, operation_document
from provisioner.services.operations import Operations
from provisioner.services.parts import authority_of


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in OperationState]), help="Filter by state.")
@click.option("--all", "ended_too", is_flag=True, help="Include finished operations.")
@click.option("--unit", metavar="CODE", help="Filter by unit, including the units below it.")
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, ended_too: bool, unit: str | None) -> ExitCode:
    """List unfinished operations, latest first.

    An operation in the state 'undone' was rolled back. One in the state 'staged' belongs to a held run.
    """
    with session.store() as store:
        operations = Operations(store=store, authority=authority_of(session.configuration, store), now=store.now)
        wanted = OperationState(state) if state else None
        session.output.stream(
            ("id", "login", "kind", "state", "since", "waits until", "why"),
            operations.find(viewer=session.actor, state=wanted, unit=unit, ended_too=ended_too),
            document=lambda operation: operation_document(operation, session.output.said),
            row=lambda operation: _row(session, operation),
        )
    return ExitCode.DONE


@click.command("show")
@click.argument("operation_id", metavar="ID")
@json_option
@click.pass_obj
def show(session: Session, operation_id: str) -> ExitCode:
    """Show an operation and its steps.

    For an unfinished operation, the output also shows why it is waiting and until when.
    """
    with session.store() as store:
        operations = Operations(store=store, authority=authority_of(session.configuration, store), now=store.now)
        operation = operations.operation(operation_id, viewer=session.actor)
        held_until = operations.held_until(operation)
        deliveries = store.deliveries.of_operation(operation.id)
    content = operation_document(operation, session.output.said)
    messages = [delivery_document(delivery) for delivery in deliveries]
    session.output.document({**content, "held_until": iso(held_until), "deliveries": messages})
    session.output.fields(row for row in _fields(session, operation, held_until) if row[1])
    session.output.table(("step", "hook", "outcome", "attempts", "error"), _steps(session, operation))
    if deliveries:
        session.output.table(("message", "channel", "sent", "state", "awaited until"), _messages(session, deliveries))
    return ExitCode.DONE


@click.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@dry_run_option
@json_option
@click.pass_obj
def retry(session: Session, ids: tuple[str, ...], *, dry_run: bool) -> ExitCode:
    """Retry operations immediately.

    The command continues only these operations and doesn't wait for their next scheduled retry.
    """
    with started(session, dry_run=dry_run) as app:
        found = app.operations.retriable(ids)
        if dry_run:
            return show_preview(session, app.runs.preview_retry(found.left, found.unchanged, viewer=session.actor))
        return follow(session, app, app.runs.retry(found.left, found.unchanged, actor=session.actor))


def _row(session: Session, operation: Operation) -> Sequence[str]:
    output, error = session.output, operation.error
    return (
        operation.id,
        operation.login,
        output.word(operation.kind),
        output.word(operation.state),
        session.local_time(operation.created_at),
        session.local_time(operation.next_try_at),
        output.said(error.message) if error else "",
    )


def _fields(session: Session, operation: Operation, held_until: datetime | None) -> Sequence[tuple[str, str]]:
    output, error = session.output, operation.error
    return (
        (marked("id"), operation.id),
        (marked("login"), operation.login),
        (marked("kind"), output.word(operation.kind)),
        (marked("state"), output.word(operation.state)),
        (marked("actor"), operation.actor),
        (marked("reason"), operation.reason),
        (marked("request"), operation.request or ""),
        (marked("since"), session.local_time(operation.created_at)),
        (marked("ended"), session.local_time(operation.finished_at)),
        (marked("waits until"), session.local_time(operation.next_try_at)),
        (marked("why"), output.said(error.message) if error else ""),
        (marked("cure"), output.said(error.cure) if error else ""),
        (marked("next"), _next_step(session, operation, held_until)),
    )


def _steps(session: Session, operation: Operation) -> Sequence[Sequence[str]]:
    output = session.output
    return [
        (
            step.name,
            step.hook,
            output.word(step.outcome) if step.outcome else "",
            str(step.attempts),
            output.said(step.error.message) if step.error else "",
        )
        for step in operation.steps
    ]


def _messages(session: Session, deliveries: Sequence[PasswordDelivery]) -> Sequence[Sequence[str]]:
    return [
        (
            str(delivery.number),
            delivery.way,
            session.local_time(delivery.sent_at),
            session.output.word(delivery.state),
            session.local_time(delivery.deadline) if delivery.is_open else "",
        )
        for delivery in deliveries
    ]


def _next_step(session: Session, operation: Operation, held_until: datetime | None) -> str:
    """Return what happens next to an operation."""
    text = session.output.text
    if held_until:
        return text("a process is working on it and holds the account until {time}", time=held_until)
    match operation.state:
        case OperationState.STAGED:
            return text("it waits for 'provisioner policy release {run}'", run=operation.staging)
        case OperationState.INCOMPLETE | OperationState.PLANNED if operation.next_try_at:
            return text("the first sweep or 'provisioner resume' after that time, or 'provisioner operation retry'")
        case OperationState.INCOMPLETE | OperationState.PLANNED | OperationState.RUNNING:
            return text("the next sweep or 'provisioner resume' continues it")
    return ""


@click.command("resume")
@click.option("--due", is_flag=True, help="Skip operations that wait for a later retry.")
@dry_run_option
@json_option
@click.pass_obj
def resume(session: Session, *, due: bool, dry_run: bool) -> ExitCode:
    """Continue unfinished operations.

    The command continues operations that are planned, incomplete, or interrupted by a crash. It starts with
    interrupted rotations of credentials.
    """
    with started(session, dry_run=dry_run) as app:
        if dry_run:
            return show_preview(session, app.runs.preview_resume(only_due=due, viewer=session.actor))
        results = app.credentials.resume()
        code = tell_results(session, results)
        shown, run = results_document(session, results), app.runs.resume(only_due=due)

        def notices() -> list[Notice]:
            return app.runs.shown_notices(run.notices, viewer=session.actor)

        def more() -> dict[str, object]:
            told = [notice_document(notice, session.output.said) for notice in notices()]
            return {**shown, "notices": told} if told else shown

        followed = follow(session, app, run, more=more)
        for notice in notices():
            session.output.lines(notice_line(notice, session.output.phrasing))
        return followed or code
