"""Carries out request forms (001 ¶4)."""

from __future__ import annotations

from functools import partial

import attrs

from provisioner.cli.commands.runs import follow, run
from provisioner.cli.exits import ExitCode
from provisioner.cli.session import Session
from provisioner.core.api.errors import DeniedError, InputError, Problem
from provisioner.core.engine.plan import Initiator, Plan, Unchanged
from provisioner.core.governance.access_requests import AccessRequest, FormState
from provisioner.core.model import Account, Operation, OperationKind, OperationState
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import Application
from provisioner.services.runs import Run


def carry_out(session: Session, app: Application, form: AccessRequest, *, dry_run: bool) -> ExitCode:
    """Carry out a form, or drive on what was begun, or say that it is done.

    Raises:

        DeniedError: The actor may not do it, or something has changed since it was approved.

        InputError: It was not approved.
    """
    operation = _operation_of(app, form)
    if form.state is FormState.ARCHIVED or (operation and operation.state is OperationState.DONE):
        if operation and form.state is FormState.EXECUTING and not dry_run:
            app.request_service.archive(attrs.evolve(form, operation=operation.id))
        return _done_already(session, app, form)
    account = app.store.accounts([form.login]).get(form.login)
    app.request_service.require_ready(form, session.actor, _recipient(app, form, account))
    if operation and not operation.state.ended:
        return _drive_on(session, app, operation, dry_run=dry_run)
    plan = _plan(app, form, account, Initiator(actor=session.actor, reason=form.reason, request=form.id))
    return run(session, app, plan, dry_run=dry_run, prepare=partial(_begin, session, app, form, plan))


def require_request_of(form: AccessRequest, kind: OperationKind, login: str) -> None:
    """Make sure that a form asks for this.

    Raises:

        InputError: It asks for something else.
    """
    if (form.kind, form.login) != (kind, login):
        values = {"id": form.id, "kind": form.kind.value, "login": form.login}
        raise InputError([Problem(field="request", message=Text("request {id} asks for '{kind}' of {login}", values))])


def _operation_of(app: Application, form: AccessRequest) -> Operation | None:
    """Return the operation that carries a form out, if it was begun.

    Two officers may have begun at once. Then the form names the later operation, and the journal has the earlier one.
    """
    named = app.store.operations([form.operation]).get(form.operation) if form.operation else None
    if named or form.state is not FormState.EXECUTING:
        return named
    meant = (operation for operation in app.store.find_operations(login=form.login) if operation.request == form.id)
    return next(meant, None)


def _done_already(session: Session, app: Application, form: AccessRequest) -> ExitCode:
    reason = Text("request {id} was carried out already", {"id": form.id})
    return follow(session, app, Run((), unchanged=[Unchanged(login=form.login, reason=reason)], total=0))


def _drive_on(session: Session, app: Application, operation: Operation, *, dry_run: bool) -> ExitCode:
    if operation.state is OperationState.STAGED:
        return follow(session, app, Run([operation]))
    return run(session, app, Plan(work=(app.planner.again(operation),)), dry_run=dry_run)


def _begin(session: Session, app: Application, form: AccessRequest, plan: Plan) -> None:
    """Write down by which operation a form is carried out; one for which nothing is left to do is archived."""
    if plan.refused:
        return
    for work in plan.work:
        if work.holder:
            app.request_service.require_number(
                form, work.holder
            )  # the personnel system was asked again since the form was checked
    operation_id = plan.work[0].operation.id if plan.work else None
    begun = app.request_service.begin(form, session.actor, operation_id)
    if operation_id is None:
        app.request_service.archive(begun)


def _plan(app: Application, form: AccessRequest, account: Account | None, initiator: Initiator) -> Plan:
    """Plan what a form asks for; an account that nobody knows is one that its unit is to get."""
    if account is None:
        plan = app.planner.open_units(list(app.store.units([form.unit]).values()), initiator)
        _require_login(form, plan)
        return plan
    match form.kind:
        case OperationKind.CREATE:
            return app.planner.create([account], initiator)
        case OperationKind.ROTATE:
            return app.planner.rotate([account], initiator=initiator)
        case OperationKind.REOPEN:
            return app.planner.reopen([account], initiator)
        case OperationKind.HANDOVER:
            return app.planner.hand_over(account, to=form.recipient or "", initiator=initiator)
        case _:
            return app.planner.close([account], initiator)


def _require_login(form: AccessRequest, plan: Plan) -> None:
    """Make sure that the account that would be opened is the one that was approved.

    Raises:

        DeniedError: The unit has got another login in the meantime.
    """
    planned = [work.account.login for work in plan.work]
    others = [*(one.login for one in plan.unchanged), *(one.login for one in plan.refused)]
    for login in (*planned, *others):
        if login != form.login:
            raise DeniedError(
                "the unit {unit} has another login than when request {id} was submitted: {login}",
                cure="submit a new request",
                unit=form.unit,
                id=form.id,
                login=login,
            )


def _recipient(app: Application, form: AccessRequest, account: Account | None) -> str | None:
    """Return who would receive the password today."""
    match form.kind:
        case OperationKind.CLOSE:
            return None
        case OperationKind.HANDOVER:
            return form.recipient
    return account.holder if account else app.store.units([form.unit])[form.unit].custodian
