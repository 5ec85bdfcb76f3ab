"""Roles: given, taken away, and delegated for a period (001 ¶4; 003 m.10)."""

from __future__ import annotations

import uuid
from datetime import datetime

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Granted, Revoked, Role, RoleAssignment
from provisioner.core.model.text import Text
from provisioner.services.parts import Clock
from provisioner.services.units import require_unit
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class Grant:
    """Roles that a person has after a grant or a delegation."""

    assignments: tuple[RoleAssignment, ...]
    #: Whether the person did not have them before.
    is_new: bool


@attrs.frozen(kw_only=True)
class PersonRoles:
    """What one person may do, and for whom."""

    #: The roles that the person has, also those that others delegated.
    held: tuple[RoleAssignment, ...]
    #: The roles that the person delegated to others.
    delegated: tuple[RoleAssignment, ...]
    #: Whether the configuration names the person as an administrator.
    is_configured_administrator: bool


def list_roles(store: Store, *, unit: str | None = None, person: str | None = None) -> list[RoleAssignment]:
    """Return who has which role.

    Args:

        store: The stored data.

        unit: Only roles that apply to this unit.

        person: Only roles of this person, and those of people who act for this person.

    Raises:

        InputError: There is no such unit.
    """
    require_unit(store, unit)
    path = {above.code for above in store.units.path(unit)} if unit else set()
    return [
        assignment
        for assignment in store.role_assignments.all()
        if (unit is None or assignment.covers(path))
        and (person is None or person in {assignment.person, assignment.delegator})
    ]


def roles_of(store: Store, authority: Authority, person: str) -> PersonRoles:
    """Return what one person may do, and for whom."""
    return PersonRoles(
        held=tuple(store.role_assignments.of(person)),
        delegated=tuple(store.role_assignments.find(delegator=person)),
        is_configured_administrator=authority.enforced and person in authority.administrators,
    )


@attrs.frozen(kw_only=True)
class Delegation:
    """Gives roles and takes them away. With ``dry_run``, a method only checks whether it can be done.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
    authority: Authority
    record: Recorder
    now: Clock

    def grant(self, person: str, role: Role, *, unit: str | None = None, actor: str, dry_run: bool = False) -> Grant:
        """Give a person a role that has no end date.

        Args:

            person: Who gets the role.

            role: The role.

            unit: The unit to which it applies, with those below it; ``None`` for everywhere.

            actor: Who gives it.

            dry_run: Only check whether it can be done.

        Raises:

            DeniedError: The actor is not an administrator there, or is one by delegation only.

            InputError: There is no such unit.
        """
        self.authority.require_own(actor, Role.ADMINISTRATOR, unit)
        require_unit(self.store, unit)
        now = self.now()
        wanted = RoleAssignment(
            id=str(uuid.uuid4()), person=person, role=role, unit=unit, granted_by=actor, granted_at=now
        )
        held = [assignment for assignment in self.store.role_assignments.of(person) if _key(assignment) == _key(wanted)]
        return self._granted(held, wanted, actor, dry_run=dry_run)

    def revoke(
        self,
        person: str,
        role: Role,
        *,
        unit: str | None = None,
        delegator: str | None = None,
        actor: str,
        dry_run: bool = False,
    ) -> list[RoleAssignment]:
        """Take a role away from a person.

        Args:

            person: Who has the role.

            role: The role.

            unit: The unit to which it applies; ``None`` for the role that applies everywhere.

            delegator: Who delegated it; ``None`` for a role that was granted.

            actor: Who takes it away.

            dry_run: Only check whether it can be done.

        Returns:

            What the person had; nothing if the person did not have the role.

        Raises:

            DeniedError: The actor is neither the delegator nor an administrator there.
        """
        if actor != delegator:
            self.authority.require_own(actor, Role.ADMINISTRATOR, unit)
        wanted = (role, unit, delegator)
        held = [
            assignment
            for assignment in self.store.role_assignments.of(person)
            if (assignment.role, assignment.unit, assignment.delegator) == wanted
        ]
        if not dry_run:
            now = self.now()
            self.record(*(Revoked(at=now, actor=actor, grant=assignment) for assignment in held))
        return held

    def delegate(
        self,
        role: Role,
        *,
        delegator: str,
        person: str,
        unit: str | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime,
        actor: str,
        dry_run: bool = False,
    ) -> Grant:
        """Let a person act for another one during a period.

        Args:

            role: The role. A supervisor needs none, because the personnel system names the supervisors.

            delegator: Who has the role and stays accountable.

            person: Who acts.

            unit: The unit to which it applies, with those below it; ``None`` for everywhere.

            starts_at: When it begins; ``None`` for now.

            ends_at: When it ends.

            actor: Who says so.

            dry_run: Only check whether it can be done.

        Raises:

            DeniedError: The actor is neither the delegator nor an administrator, or the delegator does not have the
                role, or has it by delegation only.

            InputError: There is no such unit, delegator and delegate are the same person, or it ends before it starts.
        """
        self._require_delegable(role, delegator=delegator, person=person, unit=unit, actor=actor)
        now = self.now()
        wanted = RoleAssignment(
            id=str(uuid.uuid4()),
            person=person,
            role=role,
            unit=unit,
            delegator=delegator,
            starts_at=starts_at or now,
            ends_at=ends_at,
            granted_by=actor,
            granted_at=now,
        )
        if ends_at <= (starts_at or now):
            raise InputError([Problem(field="until", message=Text("it ends before it starts"))])
        held = [
            assignment
            for assignment in self.store.role_assignments.of(person)
            if _is_same_delegation(assignment, wanted, begins_now=starts_at is None)
        ]
        return self._granted(held, wanted, actor, dry_run=dry_run)

    def _require_delegable(self, role: Role, *, delegator: str, person: str, unit: str | None, actor: str) -> None:
        """Check that a role can be delegated, and that the actor may do it.

        Raises:

            DeniedError: The actor is neither the delegator nor an administrator, or the delegator does not have the
                role.

            InputError: There is no such unit, or delegator and delegate are the same person.
        """
        require_unit(self.store, unit)
        if delegator == person:
            raise InputError([Problem(field="to", message=Text("nobody can act for themselves"))])
        if actor != delegator:
            self.authority.require_own(actor, Role.ADMINISTRATOR, unit)
        self.authority.require_delegable(role, delegator, unit)

    def _granted(self, held: list[RoleAssignment], wanted: RoleAssignment, actor: str, *, dry_run: bool) -> Grant:
        if held:
            return Grant(assignments=tuple(held), is_new=False)
        if not dry_run:
            self.record(Granted(at=wanted.granted_at, actor=actor, grant=wanted))
        return Grant(assignments=(wanted,), is_new=True)


def _key(assignment: RoleAssignment) -> tuple[object, ...]:
    return assignment.person, assignment.role, assignment.unit, assignment.delegator, assignment.ends_at


def _is_same_delegation(held: RoleAssignment, wanted: RoleAssignment, *, begins_now: bool) -> bool:
    """Whether a delegation is there already; one that was to begin at once has begun."""
    has_begun = begins_now and held.holds(wanted.granted_at)
    return _key(held) == _key(wanted) and (has_begun or held.starts_at == wanted.starts_at)
