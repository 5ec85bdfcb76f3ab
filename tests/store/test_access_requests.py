"""Request forms in the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from sqlalchemy import event, text

from provisioner.core.api.errors import BusyError
from provisioner.core.governance.access_requests import (
    AccessRequest,
    RequestApproved,
    RequestEvent,
    RequestRejected,
    RequestState,
    RequestSubmitted,
)
from provisioner.core.model import OperationKind, Person, Unit
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


class TestInboxes:
    """What waits for one person, among what waits for all."""

    @pytest.fixture(autouse=True)
    def _submitted(self, store: Store) -> None:
        store.units.save([Unit(code="46.1", name="School", kind="school", parent="46")])
        store.persons.save(
            [
                Person(id="p2", name="Two", mobile=None, supervisor="p1"),
                Person(id="p3", name="Three", mobile=None, unit="46.1"),
                Person(id="p4", name="Four", mobile=None, unit="47", supervisor="p5"),
            ]
        )
        forms = [
            attrs.evolve(FORM, id=f"f{number}", requester=requester, unit=unit)
            for number, (requester, unit) in enumerate([("p3", "46.1"), ("p2", "46"), ("p4", "47")])
        ]
        for form in forms:
            store.write(told(RequestSubmitted, form))
            store.write(told(RequestSubmitted, attrs.evolve(form, id=f"a{form.id}")))
            store.write(
                told(RequestApproved, attrs.evolve(form, id=f"a{form.id}").changed(state=RequestState.APPROVED))
            )

    def test_have_the_requests_of_those_whom_a_person_supervises(self, store: Store) -> None:
        records = store.access_requests

        assert [form.id for form in records.submitted_to(["p1"])] == ["f1"]
        assert [form.id for form in records.submitted_to(["p1", "p5"])] == ["f1", "f2"]
        assert [form.id for form in records.submitted_to(["p1"], ["46"])] == ["f0", "f1"]
        assert [form.id for form in records.submitted_to([], None)] == ["f0"]
        assert [form.id for form in records.submitted_by(["p4", "p3"])] == ["f0", "f2"]
        assert records.requesters() == {"p2", "p3", "p4"}

    def test_have_what_is_under_way_in_the_units_of_a_person(self, store: Store) -> None:
        assert [form.id for form in store.access_requests.under_way()] == ["af0", "af1", "af2"]
        assert [form.id for form in store.access_requests.under_way(["46"])] == ["af0", "af1"]
        assert [form.id for form in store.access_requests.under_way([])] == []

    def test_have_the_latest_of_a_person(self, store: Store) -> None:
        assert [form.id for form in store.access_requests.latest_of("p2", limit=2)] == ["f1", "af1"]
        assert [form.id for form in store.access_requests.latest_of("p2", limit=1)] == ["f1"]

    @pytest.mark.parametrize(
        ("read", "index"),
        [
            (lambda store: store.access_requests.submitted_to(["p1"], ["46"]), "ix_requests_state"),
            (lambda store: store.access_requests.under_way(["46"]), "ix_requests_state"),
            (lambda store: store.access_requests.latest_of("p2", limit=2), "ix_requests_requester"),
        ],
        ids=["to decide", "to carry out", "own"],
    )
    def test_do_not_read_all_requests_that_there_ever_were(
        self, store: Store, read: Callable[[Store], object], index: str
    ) -> None:
        """An officer's inbox read the requests of all units, and took 58 ms of processor time."""
        plan = plan_of(store, lambda: read(store))

        assert index in plan
        assert "SCAN requests" not in plan
        assert "Seq Scan on requests" not in plan


def plan_of(store: Store, read: Callable[[], object]) -> str:
    """Return how the database carries a query out."""
    queries: list[tuple[str, Any]] = []
    engine = store._database.reader

    def seen(_: Any, __: Any, query: str, values: Any, *___: Any) -> None:
        queries.append((query, values))

    event.listen(engine, "before_cursor_execute", seen)
    try:
        read()
    finally:
        event.remove(engine, "before_cursor_execute", seen)
    query, values = queries[-1]  # before it, PostgreSQL is told how to begin
    with engine.begin() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:  # it prefers to read small tables as a whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {query}", values))
