"""Who has which role: what the events change, and what is read of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from provisioner.core.api.events import Event
from provisioner.core.engine.master_data import UnitChanged
from provisioner.core.governance.authority import Granted, Revoked, RoleAssignment
from provisioner.store.db.rows import Change, add, as_row
from provisioner.store.db.tables import events, grants
from provisioner.store.records import StoredRecords

_GRANT = add(grants)
_REVOKE = delete(grants).where(grants.c.id == bindparam("this"))


def _granted(event: Granted) -> Iterable[Change]:
    yield _GRANT, as_row(event.grant)


def _revoked(event: Revoked) -> Iterable[Change]:
    yield _REVOKE, {"this": event.grant.id}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {Granted: _granted, Revoked: _revoked}


class StoredAuthority(StoredRecords):
    """What is read of roles."""

    def grants_of(self, person: str, /) -> Sequence[RoleAssignment]:
        """Return the roles of this person, those that are over or have not begun included."""
        return self.find_grants(person=person)

    def custodian_named_by(self, login: str, /) -> str | None:
        """Return who last named another custodian for the unit of this account in a list, since it has the account."""
        query = select(events.c.actor, events.c.body).where(events.c.login == login, events.c.kind == UnitChanged.kind)
        for row in self._all(query.order_by(events.c.seq.desc())):
            if "custodian" in json.loads(row.body)["after"]:
                return str(row.actor)
        return None

    def all_grants(self) -> Sequence[RoleAssignment]:
        """Return all roles of all persons."""
        return self.find_grants()

    def find_grants(self, *, person: str | None = None, delegator: str | None = None) -> Sequence[RoleAssignment]:
        """Return roles in the order in which they were given.

        Args:

            person: Only those of this person.

            delegator: Only those in which somebody acts for this person.
        """
        query = select(grants).order_by(grants.c.granted_at, grants.c.id)
        if person is not None:
            query = query.where(grants.c.person == person)
        if delegator is not None:
            query = query.where(grants.c.delegator == delegator)
        return [RoleAssignment(**row._asdict()) for row in self._all(query)]
