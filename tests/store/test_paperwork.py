"""Roles, request forms and reports of trouble in the store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import attrs
import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.governance.access_requests import (
    AccessRequest,
    FormEvent,
    FormState,
    RequestApproved,
    RequestRejected,
    RequestSubmitted,
)
from provisioner.core.governance.authority import Granted, Revoked, Role, RoleAssignment
from provisioner.core.governance.incidents import (
    Trouble,
    TroubleEscalated,
    TroubleReported,
    TroubleResolved,
    TroubleState,
)
from provisioner.core.model import OperationKind
from provisioner.store import Store
from tests.store.conftest import NOON, Story

GRANT = RoleAssignment(id="g1", person="p1", role=Role.PERSONNEL_OFFICE, unit="46", granted_by="root", granted_at=NOON)
FORM = AccessRequest(
    id="f1", kind=OperationKind.ROTATE, login="ab46", unit="46", requester="p2", reason="x", submitted_at=NOON
)


def told(make: type[FormEvent], form: AccessRequest) -> FormEvent:
    return make(at=NOON, actor="p1", login=form.login, form=form)


def kinds(store: Store) -> Sequence[str]:
    return [entry.kind for entry in store.events()]


class TestGrants:
    """Who has which role."""

    def test_are_read_as_they_were_given(self, store: Store) -> None:
        delegated = attrs.evolve(GRANT, id="g2", person="p2", unit=None, delegator="p1", ends_at=NOON)
        store.write(*(Granted(at=NOON, actor="root", grant=one) for one in (GRANT, delegated)))

        assert (store.grants_of("p1"), store.grants_of("p3")) == ([GRANT], [])
        assert store.find_grants(delegator="p1") == [delegated]

    def test_are_gone_when_revoked_and_live_on_in_the_trail(self, store: Store) -> None:
        store.write(Granted(at=NOON, actor="root", grant=GRANT))
        for _ in range(2):
            store.write(Revoked(at=NOON, actor="root", grant=GRANT))

        assert store.all_grants() == []
        assert kinds(store) == ["authority_granted", "authority_revoked", "authority_revoked"]
        assert store.verify_chain() is None


class TestForms:
    """Request forms."""

    @pytest.fixture(autouse=True)
    def _submitted(self, store: Store) -> None:
        store.write(told(RequestSubmitted, FORM))

    def test_are_read_as_they_were_submitted(self, store: Store) -> None:
        assert store.form("f1") == FORM
        assert list(store.find_forms(state=FormState.SUBMITTED, login="ab46")) == [FORM]
        assert list(store.open_forms("ab46")) == [FORM]

    def test_of_others_are_not_found(self, store: Store) -> None:
        assert store.form("f2") is None
        assert list(store.find_forms(login="cd46")) == []

    def test_that_are_over_are_not_open(self, store: Store) -> None:
        store.write(told(RequestRejected, FORM.changed(state=FormState.REJECTED)))

        assert list(store.open_forms("ab46")) == []

    def test_are_not_changed_by_who_read_them_too_early(self, store: Store) -> None:
        """Neither the table nor the audit log may say that a decision was taken back by somebody who never saw it."""
        approved = FORM.changed(state=FormState.APPROVED)
        store.write(told(RequestApproved, approved))

        with pytest.raises(BusyError):
            store.write(told(RequestRejected, FORM.changed(state=FormState.REJECTED)))

        assert store.form("f1") == approved
        assert kinds(store) == ["request_submitted", "request_approved"]
        assert store.verify_chain() is None

    def test_are_decided_on_once_when_many_decide_at_once(self, store: Store) -> None:
        """Writes that arrive together share a transaction, and the losers must not spoil it for the winner."""
        outcomes: list[str] = []

        def decide() -> None:
            try:
                store.write(told(RequestApproved, FORM.changed(state=FormState.APPROVED)))
                outcomes.append("written")
            except BusyError:
                outcomes.append("busy")

        threads = [threading.Thread(target=decide) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["busy"] * 7 + ["written"]
        assert kinds(store).count("request_approved") == 1

    def test_are_found_by_the_operation_that_carries_them_out(self, store: Store, story: type[Story]) -> None:
        one = story("ab46")
        begun = FORM.changed(state=FormState.EXECUTING, operation=one.id)
        store.write(told(RequestApproved, begun), one.planned())
        assert (store.operations_of_forms(), store.forms_carried_out()) == ({one.id}, [])

        store.write(one.started(), one.begun())
        store.write(one.ended(), one.finished())

        assert store.forms_carried_out() == [begun]


class TestTroubles:
    """Reports of trouble."""

    def test_are_read_as_they_stand(self, store: Store, story: type[Story]) -> None:
        store.write(story("ab46").planned())
        trouble = Trouble(id="t1", login="ab46", text="x", reporter="p1", reported_at=NOON, unit="46")
        make = {"at": NOON, "actor": "p1", "login": "ab46"}
        store.write(TroubleReported(trouble=trouble, **make))  # type: ignore[arg-type]
        assert store.trouble("t1") == trouble
        assert list(store.find_troubles(state=TroubleState.OPEN, under="46")) == [trouble]

        moved = trouble.moved_to("46")
        store.write(TroubleEscalated(trouble=moved, **make))  # type: ignore[arg-type]
        with pytest.raises(BusyError):
            store.write(TroubleResolved(trouble=trouble.resolved("late"), **make))  # type: ignore[arg-type]
        store.write(TroubleResolved(trouble=moved.resolved("done"), **make))  # type: ignore[arg-type]

        assert list(store.find_troubles(state=TroubleState.OPEN)) == []
