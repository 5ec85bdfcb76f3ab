"""Roles in the store."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from provisioner.core.governance.roles import Granted, Revoked, Role, RoleAssignment
from provisioner.store import Store
from tests.store.conftest import NOON

GRANT = RoleAssignment(id="g1", person="p1", role=Role.PERSONNEL_OFFICE, unit="46", granted_by="root", granted_at=NOON)


def kinds(store: Store) -> Sequence[str]:
    return [entry.kind for entry in store.audit_log.entries()]


class TestGrants:
    """Who has which role."""

    def test_are_read_as_they_were_given(self, store: Store) -> None:
        delegated = attrs.evolve(GRANT, id="g2", person="p2", unit=None, delegator="p1", ends_at=NOON)
        store.write(*(Granted(at=NOON, actor="root", grant=one) for one in (GRANT, delegated)))

        assert (store.role_assignments.of("p1"), store.role_assignments.of("p3")) == ([GRANT], [])
        assert store.role_assignments.find(delegator="p1") == [delegated]

    def test_are_gone_when_revoked_and_live_on_in_the_trail(self, store: Store) -> None:
        store.write(Granted(at=NOON, actor="root", grant=GRANT))
        for _ in range(2):
            store.write(Revoked(at=NOON, actor="root", grant=GRANT))

        assert store.role_assignments.all() == []
        assert kinds(store) == ["authority_granted", "authority_revoked", "authority_revoked"]
        assert store.audit_log.verify_chain() is None
