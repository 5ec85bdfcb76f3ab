"""``provisioner authority``: who may do what, in which units, and for whom (001 ¶4; 003 m.10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, GRANTEE, PERSON, json_option, recording
from provisioner.cli.session import Session
from provisioner.core.governance.roles import Role, RoleAssignment
from provisioner.documents import grant_document
from provisioner.services.delegation import Grant, list_roles, roles_of
from provisioner.services.parts import authority_of

_ROLE = click.Choice([role.value for role in Role])

unit_option = click.option(
    "--unit", metavar="CODE", help="Unit in which the role applies, including the units below it. Default: everywhere."
)


@click.command("grant")
@click.argument("person", type=GRANTEE)
@click.argument("role", metavar="ROLE", type=_ROLE)
@unit_option
@recording
@click.pass_obj
def grant(session: Session, person: str, role: str, *, unit: str | None, dry_run: bool) -> ExitCode:
    """Grant a role to a person.

    ROLE is officer, supervisor, administrator, auditor or personnel_office. To grant it to a service that uses the
    API, use 'service:NAME' as PERSON.

    The role has no end date. To grant a role for a limited period, use 'authority delegate'.
    """
    with session.application() as app:
        granted = app.delegation.grant(person, Role(role), unit=unit, actor=session.actor, dry_run=dry_run)
    return _tell_granted(session, granted, dry_run=dry_run)


@click.command("revoke")
@click.argument("person")
@click.argument("role", metavar="ROLE", type=_ROLE)
@unit_option
@click.option("--from", "delegator", metavar="PERSON", help="Revoke the role that this person delegated.")
@recording
@click.pass_obj
def revoke(
    session: Session, person: str, role: str, *, unit: str | None, delegator: str | None, dry_run: bool
) -> ExitCode:
    """Revoke a person's role.

    ROLE is officer, supervisor, administrator, auditor or personnel_office.

    Without --unit, the command revokes the role that applies everywhere.
    """
    with session.application() as app:
        held = app.delegation.revoke(
            person, Role(role), unit=unit, delegator=delegator, actor=session.actor, dry_run=dry_run
        )
    session.output.document({"items": [grant_document(assignment) for assignment in held]})
    for assignment in held:
        session.output.say("{grant}: revoked", grant=_line(session, assignment))
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
    help="Person who has the role and remains accountable.",
)
@click.option("--to", "person", type=PERSON, metavar="PERSON", required=True, help="Person who acts during the period.")
@click.option(
    "--role",
    metavar="ROLE",
    type=_ROLE,
    required=True,
    help="Role to delegate: officer, supervisor, administrator, auditor or personnel_office.",
)
@unit_option
@click.option("--from-date", metavar="DATE", type=DAY, help="First day (inclusive). Default: effective immediately.")
@click.option("--until", metavar="DATE", type=DAY, required=True, help="Last day (inclusive).")
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
    """Delegate a role for a limited period.

    The delegator remains accountable and is recorded with every action of the delegate. A delegated role can't be
    delegated again. Supervisors don't need a granted role to delegate: their role comes from the personnel system.
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
@click.option("--unit", metavar="CODE", help="Filter by the unit in which the role applies.")
@click.option("--person", metavar="PERSON", help="Filter by person, including the people who act for this person.")
@json_option
@click.pass_obj
def list_(session: Session, *, unit: str | None, person: str | None) -> ExitCode:
    """List roles and the people who have them."""
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
    """Show what a person may do, and on whose behalf.

    The output also lists the people who act for this person.
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
        session.output.say("roles are not enforced: anyone who can run provisioner can do everything")
    if roles.is_configured_administrator:
        session.output.say("{person} is an administrator according to the configuration", person=person)
    _table(session, [*roles.held, *roles.delegated])
    return ExitCode.DONE


def _tell_granted(session: Session, granted: Grant, *, dry_run: bool) -> ExitCode:
    session.output.document({"items": [grant_document(assignment) for assignment in granted.assignments]})
    for assignment in granted.assignments:
        if granted.is_new:
            session.output.say("{grant}: assigned", grant=_line(session, assignment))
        else:
            session.output.say("{grant}: assigned already", grant=_line(session, assignment))
    return _end(session, dry_run=dry_run)


def _end(session: Session, *, dry_run: bool) -> ExitCode:
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


def _line(session: Session, grant: RoleAssignment) -> str:
    who = f"{grant.person} ← {grant.delegator}" if grant.delegator else grant.person
    return f"{who}: {session.output.word(grant.role)}: {grant.unit or session.output.text('everywhere')}"


def _table(session: Session, grants: Iterable[RoleAssignment]) -> None:
    session.output.table(
        ("person", "role", "unit", "acts for", "from", "until"),
        [
            (
                assignment.person,
                session.output.word(assignment.role),
                assignment.unit or session.output.text("everywhere"),
                assignment.delegator or "",
                session.local_day(assignment.starts_at),
                session.local_day(assignment.ends_at and assignment.ends_at - timedelta(seconds=1)),
            )
            for assignment in grants
        ],
    )
