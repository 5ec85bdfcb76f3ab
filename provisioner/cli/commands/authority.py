"""``provisioner authority``: who may do what, in which units, and for whom (001 ¶4; 003 m.10)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, PERSON, json_option, recording
from provisioner.cli.render.documents import grant_document
from provisioner.cli.session import Session
from provisioner.core.api.errors import DeniedError, InputError, Problem
from provisioner.core.governance.authority import Granted, Revoked, Role, RoleAssignment
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import Application
from provisioner.store import Store

_ROLE = click.Choice([role.value for role in Role])

unit_option = click.option("--unit", metavar="CODE", help="For this unit and those below it; by default, everywhere.")


@click.command("grant")
@click.argument("person", type=PERSON)
@click.argument("role", type=_ROLE)
@unit_option
@recording
@click.pass_obj
def grant(session: Session, person: str, role: str, *, unit: str | None, dry_run: bool) -> ExitCode:
    """Give a person a role.

    The role has no end date.
    """
    with session.application() as app:
        app.authority.require_own(session.actor, Role.ADMINISTRATOR, unit)
        _require_unit(app.store, unit)
        wanted = _grant(session, app, person=person, role=Role(role), unit=unit)
        same = [one for one in app.store.grants_of(person) if _key(one) == _key(wanted)]
        return _keep(session, app, same or [wanted], is_new=not same, dry_run=dry_run)


@click.command("revoke")
@click.argument("person")
@click.argument("role", type=_ROLE)
@unit_option
@click.option("--from", "delegator", metavar="PERSON", help="Take away the role that this person delegated.")
@recording
@click.pass_obj
def revoke(
    session: Session, person: str, role: str, *, unit: str | None, delegator: str | None, dry_run: bool
) -> ExitCode:
    """Take a role away from a person.

    Without --unit, the role that applies everywhere is taken away.
    """
    with session.application() as app:
        if session.actor != delegator:
            app.authority.require_own(session.actor, Role.ADMINISTRATOR, unit)
        held = [
            one
            for one in app.store.grants_of(person)
            if (one.role, one.unit, one.delegator) == (Role(role), unit, delegator)
        ]
        if not dry_run:
            now = app.engine.context.now()
            app.request_service.record(*(Revoked(at=now, actor=session.actor, grant=one) for one in held))
    session.output.document({"items": [grant_document(one) for one in held]})
    for one in held:
        session.output.say("{grant}: taken away", grant=_line(session, one))
    if not held:
        session.output.say("{person} does not have this role", person=person)
    return _end(session, dry_run=dry_run)


@click.command("delegate")
@click.option(
    "--from",
    "delegator",
    type=PERSON,
    metavar="PERSON",
    required=True,
    help="Who has the role and stays accountable.",
)
@click.option("--to", "person", type=PERSON, metavar="PERSON", required=True, help="Who acts during the period.")
@click.option("--role", type=_ROLE, required=True, help="The role.")
@unit_option
@click.option("--from-date", metavar="DATE", type=DAY, help="The first day; by default it begins immediately.")
@click.option("--until", metavar="DATE", type=DAY, required=True, help="The last day.")
@recording
@click.pass_obj
def delegate(
    session: Session,
    *,
    delegator: str,
    person: str,
    role: str,
    unit: str | None,
    from_date: datetime | None,
    until: datetime,
    dry_run: bool,
) -> ExitCode:
    """Delegate a role for a period.

    The delegator stays accountable and is recorded with each action. A delegated role cannot be delegated again. A
    supervisor needs no role for it, because the personnel system names the supervisors.
    """
    with session.application() as app:
        _require_delegable(session, app, delegator=delegator, person=person, role=Role(role), unit=unit)
        starts_at = session.start_of(from_date) if from_date else app.engine.context.now()
        ends_at = session.start_of(until + timedelta(days=1))
        if ends_at <= starts_at:
            raise InputError([Problem(field="until", message=Text("it would end before it begins"))])
        period = {"starts_at": starts_at, "ends_at": ends_at}
        wanted = _grant(session, app, person=person, role=Role(role), unit=unit, delegator=delegator, **period)
        same = [one for one in app.store.grants_of(person) if _is_same_delegation(one, wanted, from_date)]
        return _keep(session, app, same or [wanted], is_new=not same, dry_run=dry_run)


@click.command("list")
@click.option("--unit", metavar="CODE", help="Only those that apply to this unit.")
@click.option("--person", metavar="ID", help="Only roles of this person, and those of people who act for this person.")
@json_option
@click.pass_obj
def list_(session: Session, *, unit: str | None, person: str | None) -> ExitCode:
    """List who has which role."""
    with session.store() as store:
        _require_unit(store, unit)
        path = {one.code for one in store.unit_path(unit)} if unit else set()
        grants = [
            one
            for one in store.all_grants()
            if (unit is None or one.covers(path)) and (person is None or person in {one.person, one.delegator})
        ]
    session.output.document({"items": [grant_document(one) for one in grants]})
    _table(session, grants)
    return ExitCode.DONE


@click.command("show")
@click.argument("person")
@json_option
@click.pass_obj
def show(session: Session, person: str) -> ExitCode:
    """Show what one person may do, and for whom.

    It also shows who acts for this person.
    """
    settings = session.configuration.content.authority
    named = settings is not None and person in settings.administrators
    with session.store() as store:
        held, given = store.grants_of(person), store.find_grants(delegator=person)
    session.output.document(
        {
            "person": person,
            "enforced": settings is not None,
            "administrator_by_configuration": named,
            "grants": [grant_document(one) for one in held],
            "delegated": [grant_document(one) for one in given],
        }
    )
    if settings is None:
        session.output.say("authority is not enforced: everybody may do everything")
    if named:
        session.output.say("{person} is an administrator by the configuration", person=person)
    _table(session, [*held, *given])
    return ExitCode.DONE


def _grant(session: Session, app: Application, *, person: str, role: Role, **more: object) -> RoleAssignment:
    fields = {"id": str(uuid.uuid4()), "granted_by": session.actor, "granted_at": app.engine.context.now()}
    return RoleAssignment(person=person, role=role, **fields, **more)  # type: ignore[arg-type]


def _key(grant: RoleAssignment) -> tuple[object, ...]:
    return grant.person, grant.role, grant.unit, grant.delegator, grant.ends_at


def _is_same_delegation(held: RoleAssignment, wanted: RoleAssignment, from_date: datetime | None) -> bool:
    """Whether a delegation is there already; one that was to begin at once has begun."""
    begun = from_date is None and held.holds(wanted.granted_at)
    return _key(held) == _key(wanted) and (begun or held.starts_at == wanted.starts_at)


def _require_unit(store: Store, code: str | None) -> None:
    if code is not None and code not in store.units([code]):
        raise InputError([Problem(field="unit", message=Text("there is no unit {code}", {"code": code}))])


def _require_delegable(
    session: Session, app: Application, *, delegator: str, person: str, role: Role, unit: str | None
) -> None:
    """Make sure that a role can be delegated, and that the actor may do it.

    Raises:

        DeniedError: The actor is neither the delegator nor an administrator, or the delegator does not have the role.

        InputError: There is no such unit, or somebody would act for himself.
    """
    _require_unit(app.store, unit)
    if delegator == person:
        raise InputError([Problem(field="to", message=Text("nobody acts for himself"))])
    if session.actor != delegator:
        app.authority.require_own(session.actor, Role.ADMINISTRATOR, unit)
    own = app.authority.effective_role(delegator, {role}, unit)
    if app.authority.enforced and role is not Role.SUPERVISOR and (own is None or own.delegator):
        raise DeniedError(
            "{person} does not have this role, or has it by delegation only",
            cure="it can be delegated by {people}",
            person=delegator,
            people=", ".join(app.authority.who({role}, unit)) or "-",
        )


def _keep(session: Session, app: Application, grants: list[RoleAssignment], *, is_new: bool, dry_run: bool) -> ExitCode:
    if is_new and not dry_run:
        app.request_service.record(*(Granted(at=one.granted_at, actor=session.actor, grant=one) for one in grants))
    session.output.document({"items": [grant_document(one) for one in grants]})
    for one in grants:
        if is_new:
            session.output.say("{grant}: given", grant=_line(session, one))
        else:
            session.output.say("{grant}: had it already", grant=_line(session, one))
    return _end(session, dry_run=dry_run)


def _end(session: Session, *, dry_run: bool) -> ExitCode:
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


def _line(session: Session, grant: RoleAssignment) -> str:
    who = f"{grant.person} ← {grant.delegator}" if grant.delegator else grant.person
    return f"{who}: {session.output.word(grant.role)}: {grant.unit or '*'}"


def _table(session: Session, grants: list[RoleAssignment]) -> None:
    session.output.table(
        ("person", "role", "unit", "acts for", "from", "until"),
        [
            (
                one.person,
                session.output.word(one.role),
                one.unit or "*",
                one.delegator or "",
                session.local_day(one.starts_at),
                session.local_day(one.ends_at and one.ends_at - timedelta(seconds=1)),
            )
            for one in grants
        ],
    )
