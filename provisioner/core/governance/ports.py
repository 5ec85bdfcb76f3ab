"""What governance needs of a store: records to read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from provisioner.core.engine.ports import PersonRecords, TargetStateRecords
from provisioner.core.model import Account, AccountState, Handover, Unit
from provisioner.core.model.unit_paths import UnitLookup

if TYPE_CHECKING:
    from provisioner.core.governance.access_requests import AccessRequest
    from provisioner.core.governance.roles import RoleAssignment
    from provisioner.core.governance.tokens import ApiToken


class RoleRecords(Protocol):
    """Reads who has which role."""

    def of(self, person: str, /) -> Sequence[RoleAssignment]:
        """Return the roles of this person, including those that have ended or not started."""

    def all(self) -> Sequence[RoleAssignment]:
        """Return all roles of all persons."""


class UnitPlaces(UnitLookup, Protocol):
    """Reads units, where they stand, and who named their custodians."""

    def path(self, code: str, /) -> Sequence[Unit]:
        """Return the units from the top down to the one with this code."""

    def custodian_named_by(self, login: str, /) -> str | None:
        """Return who last named another custodian for this account's unit in a list, since the unit has the account."""


class AccessRequestLookup(Protocol):
    """Looks up access requests."""

    def get(self, request_id: str, /) -> AccessRequest | None:
        """Return the request with this id; ``None`` if there is none."""


class TokenRecords(Protocol):
    """Reads tokens of the API."""

    def of(self, owner: str, /) -> Sequence[ApiToken]:
        """Return the tokens of this owner, including those that have expired or were revoked."""


class AuthorityRecords(Protocol):
    """The data that is needed to decide who may do what."""

    @property
    def role_assignments(self) -> RoleRecords:
        """The roles of persons."""

    @property
    def units(self) -> UnitPlaces:
        """The units."""

    @property
    def persons(self) -> PersonRecords:
        """The persons, as far as the store knows them."""

    @property
    def access_requests(self) -> AccessRequestLookup:
        """The access requests."""

    @property
    def tokens(self) -> TokenRecords:
        """The tokens of the API."""


class AccessRequestRecords(AccessRequestLookup, Protocol):
    """Reads access requests."""

    def open_for(self, login: str, /) -> Sequence[AccessRequest]:
        """Return the requests about this account that are neither archived nor rejected, the oldest first."""

    def executing_operations(self) -> Collection[str]:
        """Return the ids of the operations that carry out requests which are not archived."""

    def carried_out(self) -> Sequence[AccessRequest]:
        """Return the requests whose operation is done and that are not archived."""


class AccountEndings(TargetStateRecords, Protocol):
    """Reads what happened to accounts."""

    def find(self, *, holder: str, state: AccountState) -> Iterable[Account]:
        """Return the accounts in this state that this person holds."""


class HandoverRecords(Protocol):
    """Reads the records of handovers."""

    def find(self, *, person: str) -> Iterable[Handover]:
        """Return the records of handovers from or to this person."""


class Endings(Protocol):
    """Reads the final state of accounts that a person held."""

    @property
    def accounts(self) -> AccountEndings:
        """The accounts."""

    @property
    def handovers(self) -> HandoverRecords:
        """The records of handovers."""
