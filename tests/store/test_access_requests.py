"""Request forms in the store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.governance.access_requests import (
    AccessRequest,
    RequestApproved,
    RequestEvent,
    RequestRejected,
    RequestState,
    RequestSubmitted,
)
from provisioner.core.model import OperationKind
from provisioner.store import Store
from tests.store.conftest import NOON, Story

FORM = AccessRequest(
    id="f1", kind=OperationKind.ROTATE, login="ab46", unit="46", requester="p2", reason="x", submitted_at=NOON
)


def told(make: type[RequestEvent], access_request: AccessRequest) -> RequestEvent:
    return make(at=NOON, actor="p1", login=access_request.login, form=access_request)


def kinds(store: Store) -> Sequence[str]:
    return [entry.kind for entry in store.audit_log.entries()]


class TestForms:
    """Request forms."""

    @pytest.fixture(autouse=True)
    def _submitted(self, store: Store) -> None:
        store.write(told(RequestSubmitted, FORM))

    def test_are_read_as_they_were_submitted(self, store: Store) -> None:
        assert store.access_requests.get("f1") == FORM
        assert list(store.access_requests.find(state=RequestState.SUBMITTED, login="ab46")) == [FORM]
        assert list(store.access_requests.open_for("ab46")) == [FORM]

    def test_of_others_are_not_found(self, store: Store) -> None:
        assert store.access_requests.get("f2") is None
        assert list(store.access_requests.find(login="cd46")) == []

    def test_that_are_over_are_not_open(self, store: Store) -> None:
        store.write(told(RequestRejected, FORM.changed(state=RequestState.REJECTED)))

        assert list(store.access_requests.open_for("ab46")) == []

    def test_are_not_changed_by_who_read_them_too_early(self, store: Store) -> None:
        """Neither the table nor the audit log may say that a decision was taken back by somebody who never saw it."""
        approved = FORM.changed(state=RequestState.APPROVED)
        store.write(told(RequestApproved, approved))

        with pytest.raises(BusyError):
            store.write(told(RequestRejected, FORM.changed(state=RequestState.REJECTED)))

        assert store.access_requests.get("f1") == approved
        assert kinds(store) == ["request_submitted", "request_approved"]
        assert store.audit_log.verify_chain() is None

    def test_are_decided_on_once_when_many_decide_at_once(self, store: Store) -> None:
        """Writes that arrive together share a transaction, and the losers must not spoil it for the winner."""
        outcomes: list[str] = []

        def decide() -> None:
            try:
                store.write(told(RequestApproved, FORM.changed(state=RequestState.APPROVED)))
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
        begun = FORM.changed(state=RequestState.EXECUTING, operation=one.id)
        store.write(told(RequestApproved, begun), one.planned())
        assert (store.access_requests.executing_operations(), store.access_requests.carried_out()) == ({one.id}, [])

        store.write(one.started(), one.begun())
        store.write(one.ended(), one.finished())

        assert store.access_requests.carried_out() == [begun]
