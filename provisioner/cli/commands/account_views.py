"""``provisioner account list`` and ``show``: what is known of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

import click

from provisioner.cli.deadlines import next_action
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, json_option
from provisioner.cli.session import Session
from provisioner.core.model import (
    Account,
    AccountState,
    PasswordDelivery,
    SessionsState,
    TargetState,
)
from provisioner.documents import account_document, delivery_document
from provisioner.services.account_details import AccountDetails, account_details
from provisioner.services.account_lookup import KnownAccounts, known_accounts

if TYPE_CHECKING:
    from provisioner.store import Store


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
    from provisioner.services.accounts import list_accounts

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
    with session.known_accounts() as store:
        known = known_accounts(store, session.configuration.content.accounts.naming, [login])
        [details] = account_details(store, _readable(session, store, known))
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


def _readable(session: Session, store: KnownAccounts, accounts: list[Account]) -> list[Account]:
    """Return accounts without the personal data that the actor may not read."""
    if session.reads_everything:
        return accounts
    return list(session.privacy(cast("Store", store)).shown(accounts))


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
    is_gone = target not in session.configuration.content.targets and state is not SessionsState.ENDED
    gone = text("not proved; the target is no longer configured")
    return text("sessions on {target}", target=target), gone if is_gone else said[state]


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
