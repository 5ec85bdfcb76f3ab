"""Who has which role: what the events change, and what is read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from provisioner.core.api.events import Event
from provisioner.core.governance.roles import Granted, Revoked, RoleAssignment
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, add, as_row, models
from provisioner.store.db.tables import grants

_ALL = select(grants).order_by(grants.c.granted_at, grants.c.id)
_OF_PERSON = _ALL.where(grants.c.person == bindparam("person", type_=grants.c.person.type))

_GRANT = add(grants)
_REVOKE = delete(grants).where(grants.c.id == bindparam("this"))


def _granted(event: Granted) -> Iterable[Change]:
    yield _GRANT, as_row(event.grant)


def _revoked(event: Revoked) -> Iterable[Change]:
    yield _REVOKE, {"this": event.grant.id}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {Granted: _granted, Revoked: _revoked}


class StoredRoleAssignments:
    """The roles of persons in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def of(self, person: str, /) -> Sequence[RoleAssignment]:
        """Return the roles of this person, those that are over or have not begun included."""
        return self.find(person=person)

    def all(self) -> Sequence[RoleAssignment]:
        """Return all roles of all persons."""
        return self.find()

    def find(self, *, person: str | None = None, delegator: str | None = None) -> Sequence[RoleAssignment]:
        """Return roles in the order in which they were given.

        Args:

            person: Only those of this person.

            delegator: Only those in which somebody acts for this person.
        """
        found = self._reader.find(_ALL) if person is None else self._reader.find(_OF_PERSON, person=person)
        roles = models(RoleAssignment, grants.c.keys(), found)
        return [assignment for assignment in roles if delegator is None or assignment.delegator == delegator]
