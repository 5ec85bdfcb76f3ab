"""``provisioner account``: accounts, one by one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from provisioner.cli.commands.runs import answer, run, started
from provisioner.cli.deadlines import next_action
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, changing, json_option
from provisioner.cli.render.documents import account_document, delivery_document
from provisioner.cli.session import Session
from provisioner.core.model import (
    AccountState,
    OperationKind,
    PasswordDelivery,
    SessionsState,
    TargetState,
)
from provisioner.services.account_details import AccountDetails, account_details
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
        details = account_details(store, accounts)
    session.output.document({"items": [account_document(each) for each in details]})
    session.output.table(
        ("login", "unit", "holder", "state", "password since", "next", "closes on"),
        [
            (
                each.account.mail,
                each.account.unit,
                each.account.holder or "",
                state_of(each, session),
                session.local_day(each.account.password_changed_at),
                next_action(each.account, session),
                session.local_day(each.account.closes_at),
            )
            for each in details
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
        [details] = account_details(store, list(session.privacy(store).shown(known)))
        account = details.account
        last_seen = store.last_seen.times(account.login)
        delivery = next(iter(store.deliveries.recent(account.login)), None)
    document = account_document(details, last_seen)
    session.output.document({**document, "delivery": delivery_document(delivery)})
    session.output.fields(
        [
            ("login", account.mail),
            ("unit", account.unit),
            ("holder", account.holder or ""),
            ("state", state_of(details, session)),
            ("password since", session.local_day(account.password_changed_at)),
            ("next", next_action(account, session)),
            ("closes on", session.local_day(account.closes_at)),
            *([("message", _message(delivery, session))] if delivery else []),
        ],
        [
            *((name, _on_target(state, last_seen.get(name), session)) for name, state in details.targets.items()),
            *(_sessions_on(name, state, session) for name, state in details.sessions.items()),
        ],
    )
    return ExitCode.DONE


def _on_target(state: TargetState, last_seen: datetime | None, session: Session) -> str:
    word = session.output.word(state)
    return session.output.text("{state}, last seen {time}", state=word, time=last_seen) if last_seen else word


def _sessions_on(target: str, state: SessionsState, session: Session) -> tuple[str, str]:
    text = session.output.text
    said = {
        SessionsState.ENDED: text("all ended"),
        SessionsState.UNPROVED: text("ended, not proved"),
        SessionsState.OPEN: text("may be open"),
    }
    return text("sessions on {target}", target=target), said[state]


def _message(delivery: PasswordDelivery, session: Session) -> str:
    return session.output.text(
        "no. {number} over {channel} at {time}: {state}",
        number=delivery.number,
        channel=delivery.way,
        time=delivery.sent_at,
        state=session.output.word(delivery.state),
    )


def state_of(details: AccountDetails, session: Session) -> str:
    """Return the state of an account, and where it is not so: targets that are not closed, and open sessions."""
    word, text, state = session.output.word, session.output.text, details.account.state
    open_on = ", ".join(details.sessions_in(SessionsState.OPEN))
    unproved = ", ".join(details.sessions_in(SessionsState.UNPROVED)) if state is AccountState.CLOSED else ""
    remarks = [f"{name}: {word(known)}" for name, known in _remarkable(details)]
    remarks += [text("sessions may be open on {targets}", targets=open_on)] if open_on else []
    remarks += [text("sessions ended on {targets}, not proved", targets=unproved)] if unproved else []
    return f"{word(state)} ({', '.join(remarks)})" if remarks else word(state)


def _remarkable(details: AccountDetails) -> list[tuple[str, TargetState]]:
    """Return the targets whose states the state of the account doesn't tell."""
    state, closed = details.account.state, {TargetState.CLOSED, TargetState.ABSENT}
    if state is AccountState.INCOMPLETE and details.sessions_in(SessionsState.OPEN):
        return list(details.targets.items())
    return [each for each in details.targets.items() if state is AccountState.CLOSED and each[1] not in closed]


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
