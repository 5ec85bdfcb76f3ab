"""``provisioner account``: accounts, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provisioner.cli.commands.runs import answer, run, started
from provisioner.cli.deadlines import next_action
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, changing, json_option
from provisioner.cli.render.documents import account_document, delivery_document
from provisioner.cli.session import Session
from provisioner.core.model import Account, AccountState, OperationKind, PasswordDelivery, TargetState
from provisioner.services.accounts import known_accounts, list_accounts

if TYPE_CHECKING:
    from provisioner.services.application import Application

request_option = click.option("--request", metavar="ID", help="ID of the approved access request to execute.")


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in AccountState]), help="Filter by state.")
@click.option("--unit", metavar="CODE", help="Filter by unit, including the units below it.")
@click.option(
    "--due-before",
    metavar="DATE",
    type=DAY,
    help="Show only accounts that have a deadline or warning before this date.",
)
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, unit: str | None, due_before: datetime | None) -> ExitCode:
    """List accounts."""
    due = session.start_of(due_before) if due_before else None
    with session.store() as store:
        wanted = AccountState(state) if state else None
        found = list_accounts(store, state=wanted, unit=unit, due_before=due)
        accounts = list(session.privacy(store).shown(found))
        targets = store.accounts.all_target_states([account.login for account in accounts])
    shown = [account_document(account, targets.get(account.login, {})) for account in accounts]
    session.output.document({"items": shown})
    session.output.table(
        ("login", "unit", "holder", "state", "password since", "next", "closes on"),
        [
            (
                account.mail,
                account.unit,
                account.holder or "",
                state_of(account, targets.get(account.login, {}), session),
                session.local_day(account.password_changed_at),
                next_action(account, session),
                session.local_day(account.closes_at),
            )
            for account in accounts
        ],
    )
    return ExitCode.DONE


@click.command("show")
@click.argument("login")
@json_option
@click.pass_obj
def show(session: Session, login: str) -> ExitCode:
    """Show an account and its state on each target."""
    with session.store() as store:
        known = known_accounts(store, session.configuration.content.accounts.naming, [login])
        [account] = session.privacy(store).shown(known)
        targets = store.accounts.target_states(account.login)
        last_seen = store.last_seen.times(account.login)
        delivery = next(iter(store.deliveries.recent(account.login)), None)
    document = account_document(account, targets, last_seen)
    session.output.document({**document, "delivery": delivery_document(delivery)})
    session.output.fields(
        [
            ("login", account.mail),
            ("unit", account.unit),
            ("holder", account.holder or ""),
            ("state", state_of(account, targets, session)),
            ("password since", session.local_day(account.password_changed_at)),
            ("next", next_action(account, session)),
            ("closes on", session.local_day(account.closes_at)),
            *([("message", _message(delivery, session))] if delivery else []),
        ],
        [(name, _on_target(state, last_seen.get(name), session)) for name, state in targets.items()],
    )
    return ExitCode.DONE


def _on_target(state: TargetState, last_seen: datetime | None, session: Session) -> str:
    word = session.output.word(state)
    return session.output.text("{state}, last seen {time}", state=word, time=last_seen) if last_seen else word


def _message(delivery: PasswordDelivery, session: Session) -> str:
    return session.output.text(
        "no. {number} over {channel} at {time}: {state}",
        number=delivery.number,
        channel=delivery.channel,
        time=delivery.sent_at,
        state=session.output.word(delivery.state),
    )


def state_of(account: Account, targets: Mapping[str, TargetState], session: Session) -> str:
    """Return the state of an account; of one that is closed, also where it is not."""
    word = session.output.word
    closed = {TargetState.CLOSED, TargetState.ABSENT}
    left = [f"{name}: {word(state)}" for name, state in targets.items() if state not in closed]
    if account.state is not AccountState.CLOSED or not left:
        return word(account.state)
    return f"{word(account.state)} ({', '.join(left)})"


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
