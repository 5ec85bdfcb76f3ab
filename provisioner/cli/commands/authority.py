"""``provisioner authority``: who may do what, in which units, and for whom (001 ¶4; 003 m.10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, PERSON, json_option, recording
from provisioner.cli.render.documents import grant_document
from provisioner.cli.session import Session
from provisioner.core.governance.authority import Role, RoleAssignment
from provisioner.services.delegation import Grant, list_roles, roles_of
from provisioner.services.parts import authority_of

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
        granted = app.delegation.grant(person, Role(role), unit=unit, actor=session.actor, dry_run=dry_run)
    return _tell_granted(session, granted, dry_run=dry_run)


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
        held = app.delegation.revoke(
            person, Role(role), unit=unit, delegator=delegator, actor=session.actor, dry_run=dry_run
        )
    session.output.document({"items": [grant_document(assignment) for assignment in held]})
    for assignment in held:
        session.output.say("{grant}: taken away", grant=_line(session, assignment))
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
        granted = app.delegation.delegate(
            Role(role),
            delegator=delegator,
            person=person,
            unit=unit,
            starts_at=session.start_of(from_date) if from_date else None,
            ends_at=session.start_of(until + timedelta(days=1)),
            actor=session.actor,
            dry_run=dry_run,
        )
    return _tell_granted(session, granted, dry_run=dry_run)


@click.command("list")
@click.option("--unit", metavar="CODE", help="Only those that apply to this unit.")
@click.option("--person", metavar="ID", help="Only roles of this person, and those of people who act for this person.")
@json_option
@click.pass_obj
def list_(session: Session, *, unit: str | None, person: str | None) -> ExitCode:
    """List who has which role."""
    with session.store() as store:
        grants = list_roles(store, unit=unit, person=person)
    session.output.document({"items": [grant_document(assignment) for assignment in grants]})
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
    with session.store() as store:
        authority = authority_of(session.configuration, store)
        roles = roles_of(store, authority, person)
    session.output.document(
        {
            "person": person,
            "enforced": authority.enforced,
            "administrator_by_configuration": roles.is_configured_administrator,
            "grants": [grant_document(assignment) for assignment in roles.held],
            "delegated": [grant_document(assignment) for assignment in roles.delegated],
        }
    )
    if not authority.enforced:
        session.output.say("authority is not enforced: everybody may do everything")
    if roles.is_configured_administrator:
        session.output.say("{person} is an administrator by the configuration", person=person)
    _table(session, [*roles.held, *roles.delegated])
    return ExitCode.DONE


def _tell_granted(session: Session, granted: Grant, *, dry_run: bool) -> ExitCode:
    session.output.document({"items": [grant_document(assignment) for assignment in granted.assignments]})
    for assignment in granted.assignments:
        if granted.is_new:
            session.output.say("{grant}: given", grant=_line(session, assignment))
        else:
            session.output.say("{grant}: had it already", grant=_line(session, assignment))
    return _end(session, dry_run=dry_run)


def _end(session: Session, *, dry_run: bool) -> ExitCode:
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


def _line(session: Session, grant: RoleAssignment) -> str:
    who = f"{grant.person} ← {grant.delegator}" if grant.delegator else grant.person
    return f"{who}: {session.output.word(grant.role)}: {grant.unit or '*'}"


def _table(session: Session, grants: Iterable[RoleAssignment]) -> None:
    session.output.table(
        ("person", "role", "unit", "acts for", "from", "until"),
        [
            (
                assignment.person,
                session.output.word(assignment.role),
                assignment.unit or "*",
                assignment.delegator or "",
                session.local_day(assignment.starts_at),
                session.local_day(assignment.ends_at and assignment.ends_at - timedelta(seconds=1)),
            )
            for assignment in grants
        ],
    )
