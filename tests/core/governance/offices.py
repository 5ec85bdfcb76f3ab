"""A province of two units and the person who has a role in it, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ParamSpec

import attrs

from provisioner.core.api.errors import DeniedError
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.roles import Role, RoleAssignment
from provisioner.core.governance.tokens import ApiToken
from provisioner.core.model import Person, Unit
from provisioner.core.model.tokens import TokenAccess

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROVINCE = Unit(code="46", name="Kahramanmaraş", kind="province")
SCHOOL = Unit(code="s1", name="Okul", kind="school", parent="46")

P = ParamSpec("P")


def denied(require: Callable[P, object], *args: P.args, **more: P.kwargs) -> DeniedError | None:
    """Return how a check denies something; ``None`` if it permits it."""
    try:
        require(*args, **more)
    except DeniedError as error:
        return error
    return None


def assignment(person: str, role: Role, unit: str | None = None, **more: Any) -> RoleAssignment:
    name = f"{person}-{role}-{unit}"
    return RoleAssignment(id=name, person=person, role=role, unit=unit, granted_by="root", granted_at=NOW, **more)


def token_for(service: str, creator: str) -> ApiToken:
    return ApiToken(
        id="t1",
        hash="",
        name="list",
        owner=service,
        access=TokenAccess.WRITE,
        created_by=creator,
        created_at=NOW,
        expires_at=NOW,
    )


@attrs.define
class Roles:
    """Roles in memory."""

    grants: list[RoleAssignment]

    def of(self, person: str, /) -> Sequence[RoleAssignment]:
        return [grant for grant in self.grants if grant.person == person]

    def all(self) -> Sequence[RoleAssignment]:
        return self.grants


@attrs.define
class Requests:
    """Access requests in memory."""

    forms: dict[str, AccessRequest]

    def get(self, request_id: str, /) -> AccessRequest | None:
        return self.forms.get(request_id)


@attrs.define
class MadeTokens:
    """Tokens in memory."""

    tokens: list[ApiToken]

    def of(self, owner: str, /) -> Sequence[ApiToken]:
        return [token for token in self.tokens if token.owner == owner]


class Units:
    """The two units."""

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        wanted = set(codes)
        return {unit.code: unit for unit in (PROVINCE, SCHOOL) if unit.code in wanted}

    def path(self, code: str, /) -> Sequence[Unit]:
        return {"46": [PROVINCE], "s1": [PROVINCE, SCHOOL]}.get(code, [])

    def custodian_named_by(self, login: str, /) -> str | None:
        return None


class Persons:
    """Nobody."""

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        return {}


@attrs.define
class Office:
    """Who has which role."""

    grants: list[RoleAssignment] = attrs.field(factory=list)
    forms: dict[str, AccessRequest] = attrs.field(factory=dict)
    made: list[ApiToken] = attrs.field(factory=list)

    units: Units = attrs.field(factory=Units, init=False)
    persons: Persons = attrs.field(factory=Persons, init=False)

    @property
    def role_assignments(self) -> Roles:
        return Roles(self.grants)

    @property
    def tokens(self) -> MadeTokens:
        return MadeTokens(self.made)

    @property
    def access_requests(self) -> Requests:
        return Requests(self.forms)
