"""``provisioner account``: accounts, one by one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime

import click

from provisioner.cli.commands.forms import carry_out, require_request_of
from provisioner.cli.commands.runs import run, started
from provisioner.cli.deadlines import next_action
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, changing, json_option
from provisioner.cli.render.documents import account_document
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError, InputError, Problem
from provisioner.core.engine.plan import Naming, Plan
from provisioner.core.model import Account, AccountState, OperationKind, TargetState, Unit
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import Application
from provisioner.services.ids import find_id
from provisioner.store import Store
from provisioner.store.ids import Named

request_option = click.option("--request", metavar="ID", help="The approved request that this carries out.")


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in AccountState]), help="Only those in this state.")
@click.option("--unit", metavar="CODE", help="Only those of this unit and of the units below it.")
@click.option(
    "--due-before", metavar="DATE", type=DAY, help="Only those with a deadline before this day; a warning is one too."
)
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, unit: str | None, due_before: datetime | None) -> ExitCode:
    """List accounts."""
    due = session.start_of(due_before) if due_before else None
    with session.store() as store:
        if unit and unit not in store.units([unit]):
            raise InputError([Problem(field="unit", message=Text("there is no unit {code}", {"code": unit}))])
        wanted = AccountState(state) if state else None
        accounts = list(session.privacy(store).shown(store.find_accounts(state=wanted, under=unit, due_before=due)))
        targets = store.all_target_states([account.login for account in accounts])
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
    """Show one account.

    It shows the state of the account on each target.
    """
    with session.store() as store:
        known = known_accounts(store, session.configuration.content.accounts.naming, [login])
        [account] = session.privacy(store).shown(known)
        targets = store.target_states(account.login)
    session.output.document(account_document(account, targets))
    session.output.fields(
        [
            ("login", account.mail),
            ("unit", account.unit),
            ("holder", account.holder or ""),
            ("state", state_of(account, targets, session)),
            ("password since", session.local_day(account.password_changed_at)),
            ("next", next_action(account, session)),
            ("closes on", session.local_day(account.closes_at)),
        ],
        [(name, session.output.word(state)) for name, state in targets.items()],
    )
    return ExitCode.DONE


def state_of(account: Account, targets: Mapping[str, TargetState], session: Session) -> str:
    """Return the state of an account; of one that is closed, also where it is not."""
    word = session.output.word
    shut = {TargetState.CLOSED, TargetState.ABSENT}
    left = [f"{name}: {word(state)}" for name, state in targets.items() if state not in shut]
    if account.state is not AccountState.CLOSED or not left:
        return word(account.state)
    return f"{word(account.state)} ({', '.join(left)})"


@click.command("create")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@changing
@click.pass_obj
def create(session: Session, logins: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Open accounts that were never open.

    Give logins that units have, or would get.
    """
    with started(session, dry_run=dry_run) as app:
        wanted = _logins(logins, app.planner.naming)
        known = app.store.accounts(wanted)
        units = _units_of([login for login in wanted if login not in known], app)
        plan = app.planner.create([known[login] for login in wanted if login in known], session.initiator(reason))
        new = app.planner.open_units(units, session.initiator(reason))
        both = Plan(
            work=(*plan.work, *new.work),
            unchanged=(*plan.unchanged, *new.unchanged),
            refused=(*plan.refused, *new.refused),
        )
        return run(session, app, both, dry_run=dry_run)


@click.command("close")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@changing
@click.pass_obj
def close(session: Session, logins: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Close accounts.

    Nobody can log in after that.
    """
    with started(session, dry_run=dry_run) as app:
        accounts = known_accounts(app.store, app.planner.naming, logins)
        return run(session, app, app.planner.close(accounts, session.initiator(reason)), dry_run=dry_run)


@click.command("reopen")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@request_option
@changing
@click.pass_obj
def reopen(session: Session, logins: tuple[str, ...], *, request: str | None, reason: str, dry_run: bool) -> ExitCode:
    """Open closed accounts again.

    Each account gets a new password.
    """
    with started(session, dry_run=dry_run) as app:
        accounts = known_accounts(app.store, app.planner.naming, logins)
        if request:
            return _by_request(session, app, OperationKind.REOPEN, accounts, request, dry_run=dry_run)
        return run(session, app, app.planner.reopen(accounts, session.initiator(reason)), dry_run=dry_run)


@click.command("rotate")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@request_option
@changing
@click.pass_obj
def rotate(session: Session, logins: tuple[str, ...], *, request: str | None, reason: str, dry_run: bool) -> ExitCode:
    """Give open accounts new passwords.

    The passwords go to the holders of the accounts.
    """
    with started(session, dry_run=dry_run) as app:
        accounts = known_accounts(app.store, app.planner.naming, logins)
        if request:
            return _by_request(session, app, OperationKind.ROTATE, accounts, request, dry_run=dry_run)
        return run(session, app, app.planner.rotate(accounts, initiator=session.initiator(reason)), dry_run=dry_run)


def _by_request(
    session: Session, app: Application, kind: OperationKind, accounts: list[Account], request: str, *, dry_run: bool
) -> ExitCode:
    if len(accounts) > 1:
        raise click.UsageError(session.output.text("A request is for one LOGIN."))
    form = app.request_service.find(find_id(app.store, Named.REQUEST, request))
    require_request_of(form, kind, accounts[0].login)
    return carry_out(session, app, form, dry_run=dry_run)


def known_or_future_account(app: Application, given: str) -> Account:
    """Return the account with this login, or the one that a unit would get under it.

    Raises:

        InputError: There is neither.
    """
    [login] = _logins([given], app.planner.naming)
    known = app.store.accounts([login]).get(login)
    if known:
        return known
    [unit] = _units_of([login], app)
    return Account(login=login, domain=app.planner.naming.domain_for(unit), unit=unit.code, holder=unit.custodian)


def known_accounts(store: Store, naming: Naming, given: Iterable[str]) -> list[Account]:
    """Return the accounts with these logins.

    Raises:

        InputError: Some are unknown; all of them are named.
    """
    logins = _logins(given, naming)
    found = store.accounts(logins)
    _require_all(logins, found)
    return [found[login] for login in logins]


def _logins(given: Iterable[str], naming: Naming) -> list[str]:
    """Return the logins in what was given, with or without their domains, each once.

    Raises:

        InputError: Some are no logins of ours; all of them are named.
    """
    problems: list[Problem] = []
    logins: dict[str, None] = {}
    for one in given:
        try:
            logins[naming.login(one)] = None
        except ValueError:
            problems.append(_problem(Text("{login} is not a login of ours", {"login": one})))
    if problems:
        raise InputError(problems)
    return list(logins)


def _units_of(logins: list[str], app: Application) -> list[Unit]:
    """Return the units whose accounts would get these logins.

    Raises:

        InputError: There is none for some; all of them are named.
    """
    units = dict(_future_logins(app)) if logins else {}
    _require_all(logins, units)
    return [units[login] for login in logins]


def _future_logins(app: Application) -> Iterator[tuple[str, Unit]]:
    """Yield every unit with the login that its account would get, where that can be told."""
    for unit in app.store.all_units():
        try:
            yield app.planner.naming.login(unit.login or app.planner.choose_login(unit)), unit
        except (ValueError, ConfigurationError):
            continue


def _require_all(logins: Iterable[str], found: Container[str]) -> None:
    unknown = [login for login in logins if login not in found]
    if unknown:
        raise InputError([_problem(Text("{login} is unknown", {"login": login})) for login in unknown])


def _problem(message: Text) -> Problem:
    return Problem(field="login", message=message)
