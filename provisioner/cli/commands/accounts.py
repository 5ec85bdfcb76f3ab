"""``provisioner account``: commands that change accounts, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provisioner.cli.commands.runs import answer, run, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import changing
from provisioner.cli.session import Session
from provisioner.core.model import OperationKind

if TYPE_CHECKING:
    from provisioner.services.application import Application

request_option = click.option("--request", metavar="ID", help="ID of the approved access request to execute.")


@click.command("create")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@changing
@click.pass_obj
def create(session: Session, logins: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Open accounts for the first time.

    LOGIN is the login of a unit. Each account gets a password, which is sent to its holder. The holder of a unit's
    account is normally the unit's custodian. To open a closed account, use 'account reopen'.
    """
    with started(session, dry_run=dry_run) as app:
        return run(session, app, app.accounts.plan_creation(logins, session.initiator(reason)), dry_run=dry_run)


@click.command("close")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@click.option(
    "--again",
    is_flag=True,
    help="Also close accounts that are already closed, in case someone re-enabled them on a target.",
)
@changing
@click.pass_obj
def close(session: Session, logins: tuple[str, ...], *, again: bool, reason: str, dry_run: bool) -> ExitCode:
    """Close accounts.

    Nobody can log in to a closed account. Its data is kept.

    All accounts are closed in one run. If the run exceeds the mass-change limit, it is held: no accounts are changed,
    and the exit code is 6. To carry it out, use 'policy release'. To cancel it, use 'policy discard'.
    """
    with started(session, dry_run=dry_run) as app:
        plan = app.accounts.plan_closing(logins, session.initiator(reason), again=again)
        return run(session, app, plan, dry_run=dry_run)


@click.command("reopen")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@request_option
@changing
@click.pass_obj
def reopen(session: Session, logins: tuple[str, ...], *, request: str | None, reason: str, dry_run: bool) -> ExitCode:
    """Reopen closed accounts.

    Each account gets a new password, which is sent to its holder.
    """
    with started(session, dry_run=dry_run) as app:
        if request:
            return _by_request(session, app, OperationKind.REOPEN, logins, request, dry_run=dry_run)
        plan = app.accounts.plan_reopening(logins, session.initiator(reason))
        return run(session, app, plan, dry_run=dry_run)


@click.command("rotate")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@request_option
@changing
@click.pass_obj
def rotate(session: Session, logins: tuple[str, ...], *, request: str | None, reason: str, dry_run: bool) -> ExitCode:
    """Set new passwords for open accounts.

    Each account gets its own new password, which is set on every target. The password is sent to the account holder.

    Example:

        provisioner account rotate arge46 hukuk46
    """
    with started(session, dry_run=dry_run) as app:
        if request:
            return _by_request(session, app, OperationKind.ROTATE, logins, request, dry_run=dry_run)
        plan = app.accounts.plan_rotation(logins, session.initiator(reason))
        return run(session, app, plan, dry_run=dry_run)


@click.command("update")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@changing
@click.pass_obj
def update(session: Session, logins: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Write current names and entitlements to the targets.

    Passwords don't change, and no messages are sent. Values that weren't written by provisioner are kept. With
    --dry-run, the command shows the old and new values.
    """
    with started(session, dry_run=dry_run) as app:
        return run(session, app, app.accounts.plan_update(logins, session.initiator(reason)), dry_run=dry_run)


@click.command("complete")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@changing
@click.pass_obj
def complete(session: Session, logins: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Create accounts on targets where they are missing.

    If an open account is missing from a target whose scope includes it, the command creates it there and sets a new
    password on all targets. The password is sent to the account holder. If you don't run the command, the account is
    created there at its next password rotation.
    """
    with started(session, dry_run=dry_run) as app:
        return run(session, app, app.accounts.plan_completion(logins, session.initiator(reason)), dry_run=dry_run)


def _by_request(
    session: Session, app: Application, kind: OperationKind, logins: tuple[str, ...], request: str, *, dry_run: bool
) -> ExitCode:
    accounts = app.accounts.find(logins)
    if len(accounts) > 1:
        raise click.UsageError(session.output.text("With --request, specify only one LOGIN."))
    result = app.access_requests.execute_for(request, kind, accounts[0].login, actor=session.actor, dry_run=dry_run)
    return answer(session, app, result)
