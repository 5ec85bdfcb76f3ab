"""Roles: what somebody is to a unit, permanently or while acting for somebody else (001 ¶4; 003 m.10)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.api.events import Event


class Role(StrEnum):
    """The role of a person for a unit and all units below it."""

    #: Carries out operations (001 ¶4: "PYS yetkilisi").
    OFFICER = "officer"
    #: Approves access requests (001 ¶4: "idari amir") of persons for whom the personnel system names no supervisor.
    SUPERVISOR = "supervisor"
    #: May do everything, and assigns the other roles.
    ADMINISTRATOR = "administrator"
    #: Reads the audit log, and changes nothing.
    AUDITOR = "auditor"
    #: Checks whether a person may leave or start (000 m.5/f).
    PERSONNEL_OFFICE = "personnel_office"


@attrs.frozen(kw_only=True)
class RoleAssignment:
    """One person's role."""

    id: str
    person: str
    role: Role
    #: The code of the unit to which it applies, with all units below it; ``None`` for all units.
    unit: str | None = None
    #: The delegator, who remains accountable (003 m.10). The delegate never has more rights than the delegator.
    delegator: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    granted_by: str
    granted_at: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it has started and has not ended."""
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)

    def covers(self, path: Collection[str]) -> bool:
        """Whether it applies to the unit with this path: its own code and those of all units above it."""
        return self.unit is None or self.unit in path


@attrs.frozen(kw_only=True)
class EffectiveRole:
    """The role by which a person acts."""

    role: Role
    #: The accountable person, if the role is delegated.
    delegator: str | None = None


@attrs.frozen(kw_only=True)
class Granted(Event):
    """A person was assigned a role, permanently or by delegation."""

    kind = "authority_granted"

    grant: RoleAssignment


@attrs.frozen(kw_only=True)
class Revoked(Event):
    """A role was revoked."""

    kind = "authority_revoked"

    grant: RoleAssignment


@attrs.frozen(kw_only=True)
class ActedForAnother(Event):
    """An operation was requested by a delegate. The delegator is accountable for it (003 m.10)."""

    kind = "acted_for_another"

    #: The accountable person.
    delegator: str
