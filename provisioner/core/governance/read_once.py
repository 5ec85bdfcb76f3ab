"""Records that are read once, for many questions about one moment: a list can have hundreds of access requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from provisioner.core.engine.ports import PersonRecords
from provisioner.core.governance.ports import (
    AccessRequestLookup,
    AuthorityRecords,
    RoleRecords,
    TokenRecords,
    UnitPlaces,
)
from provisioner.core.governance.roles import RoleAssignment
from provisioner.core.model import Unit


class RolesReadOnce:
    """Roles of which those of each person are read once.

    Args:

        records: The stored roles.
    """

    def __init__(self, records: RoleRecords) -> None:
        #: Returns the roles of a person.
        self.of: Callable[[str], Sequence[RoleAssignment]] = cache(records.of)
        #: Returns all roles of all persons.
        self.all: Callable[[], Sequence[RoleAssignment]] = cache(records.all)


class PlacesReadOnce:
    """Units of which the place of each is read once.

    Args:

        records: The stored units.
    """

    def __init__(self, records: UnitPlaces) -> None:
        self._records = records
        self._known: dict[str, Unit | None] = {}

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        """Return the units with these codes, by code. What does not exist is left out."""
        wanted = list(dict.fromkeys(codes))
        if unknown := [code for code in wanted if code not in self._known]:
            self._known |= {**dict.fromkeys(unknown), **self._records.get_many(unknown)}
        return {code: unit for code in wanted if (unit := self._known[code])}

    def path(self, code: str, /) -> Sequence[Unit]:
        """Return the units from the top down to one; a store lets no unit be above itself."""
        if code not in self._known:
            self._known |= {code: None, **{unit.code: unit for unit in self._records.path(code)}}
        branch: list[Unit] = []
        above: str | None = code
        while above and (unit := self.get_many([above]).get(above)):
            branch.append(unit)
            above = unit.parent
        return branch[::-1]

    def custodian_named_by(self, login: str, /) -> str | None:
        """Return who last named another custodian for this account's unit in a list, since the unit has the account."""
        return self._records.custodian_named_by(login)


class RecordsReadOnce:
    """What is needed to decide who may do what, with roles and places that are read once.

    Args:

        records: The stored data.
    """

    def __init__(self, records: AuthorityRecords) -> None:
        self.role_assignments: RoleRecords = RolesReadOnce(records.role_assignments)
        self.units: UnitPlaces = PlacesReadOnce(records.units)
        self.persons: PersonRecords = records.persons
        self.access_requests: AccessRequestLookup = records.access_requests
        self.tokens: TokenRecords = records.tokens
