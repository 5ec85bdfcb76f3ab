"""A province of two units and whoever has a role in it, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.authority import Role, RoleAssignment
from provisioner.core.model import Person, Unit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROVINCE = Unit(code="46", name="Kahramanmaraş", kind="province")
SCHOOL = Unit(code="s1", name="Okul", kind="school", parent="46")


def assignment(person: str, role: Role, unit: str | None = None, **more: Any) -> RoleAssignment:
    name = f"{person}-{role}-{unit}"
    return RoleAssignment(id=name, person=person, role=role, unit=unit, granted_by="root", granted_at=NOW, **more)


@attrs.define
class Office:
    """Who has which role."""

    grants: list[RoleAssignment] = attrs.field(factory=list)
    forms: dict[str, AccessRequest] = attrs.field(factory=dict)

    def grants_of(self, person: str, /) -> Sequence[RoleAssignment]:
        return [grant for grant in self.grants if grant.person == person]

    def all_grants(self) -> Sequence[RoleAssignment]:
        return self.grants

    def unit_path(self, code: str, /) -> Sequence[Unit]:
        return {"46": [PROVINCE], "s1": [PROVINCE, SCHOOL]}.get(code, [])

    def units(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        wanted = set(codes)
        return {unit.code: unit for unit in (PROVINCE, SCHOOL) if unit.code in wanted}

    def persons(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        return {}

    def form(self, form_id: str, /) -> AccessRequest | None:
        return self.forms.get(form_id)

    def custodian_named_by(self, login: str, /) -> str | None:
        return None
