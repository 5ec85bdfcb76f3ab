"""Requester, approver and officer are three persons, and a password goes to the number that was approved."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import BusyError, DeniedError, InputError
from provisioner.core.api.events import Event, OperationEnded
from provisioner.core.api.messages import FindPerson
from provisioner.core.engine.people import People
from provisioner.core.gateways.retrying import Retry
from provisioner.core.governance.access_requests import (
    AccessRequest,
    RequestArchived,
    RequestBegun,
    RequestEvent,
    RequestState,
    RequestSubmitted,
)
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.request_authority import RequestAuthority
from provisioner.core.governance.request_service import AccessRequestDraft, RequestService
from provisioner.core.governance.roles import Role
from provisioner.core.model import Account, OperationKind, OperationState, Person
from provisioner.testing.harness import QUICK
from tests.core.governance.offices import NOW, Office, assignment

ACCOUNT = Account(login="a", domain="meb.gov.tr", unit="s1", holder="holder")
STAFF = {
    "asks": Person(id="asks", name="Ayşe Işık", unit="s1", supervisor="boss"),
    "holder": Person(id="holder", name="Can Öz", unit="s1", mobile="+905320000001"),
    "lonely": Person(id="lonely", name="Ece Ak", unit="s1"),
}
GRANTS = [
    assignment("officer", Role.OFFICER, unit="46"),
    assignment("second", Role.OFFICER, unit="46"),
    assignment("admin", Role.ADMINISTRATOR),
    assignment("head", Role.SUPERVISOR, unit="s1"),
    assignment("deputy", Role.SUPERVISOR, unit="s1", delegator="boss", starts_at=NOW),
    assignment("helper", Role.OFFICER, unit="46", delegator="asks", starts_at=NOW),
]


@attrs.define
class Desk:
    """A service, what is stored, and what was written."""

    staff: dict[str, Person] = attrs.field(factory=lambda: dict(STAFF))
    forms: dict[str, AccessRequest] = attrs.field(factory=dict)
    events: list[Event] = attrs.field(factory=list)
    done: list[AccessRequest] = attrs.field(factory=list)
    asked: int = 0

    def get(self, request_id: str, /) -> AccessRequest | None:
        return self.forms.get(request_id)

    def open_for(self, login: str, /) -> Sequence[AccessRequest]:
        return [
            access_request
            for access_request in self.forms.values()
            if access_request.login == login and access_request.state.is_open
        ]

    def executing_operations(self) -> set[str]:
        self.asked += 1
        return {access_request.operation for access_request in self.forms.values() if access_request.operation}

    def carried_out(self) -> Sequence[AccessRequest]:
        return self.done

    def record(self, *events: Event) -> None:
        self.events += events
        for event in events:
            if isinstance(event, RequestEvent):
                self.forms[event.form.id] = event.form

    @property
    def service(self) -> RequestService:
        def find(request: FindPerson) -> Person | None:
            return self.staff.get(request.person_id)

        return RequestService(
            access_requests=self,
            people=People(find, lambda _: {}, Retry(QUICK, threading.Event())),
            authority=RequestAuthority(Authority(records=Office(GRANTS), now=lambda: NOW, enforced=True)),
            record=self.record,
            now=lambda: NOW,
        )

    def submitted(self, **more: Any) -> AccessRequest:
        found = self.service.submit(draft(**more))
        assert isinstance(found, RequestSubmitted)
        self.record(found)
        return found.form

    def approved(self, **more: Any) -> AccessRequest:
        event = self.service.approve(self.submitted(**more), "boss")
        self.record(event)
        return event.form


def draft(**more: Any) -> AccessRequestDraft:
    facts = {"kind": OperationKind.ROTATE, "account": ACCOUNT, "requester": "asks", "reason": "lost"}
    return AccessRequestDraft(**{**facts, "recipient": "holder", **more})


@pytest.fixture(name="desk")
def _desk() -> Desk:
    return Desk()


class TestSubmission:
    @pytest.mark.parametrize("other", ["requester", "recipient"])
    def test_with_an_officer_who_has_another_part_is_denied(self, desk: Desk, other: str) -> None:
        person = {"requester": "asks", "recipient": "holder"}[other]
        with pytest.raises(DeniedError):
            desk.service.submit(draft(officer=person))

    def test_of_the_same_twice_is_one_form(self, desk: Desk) -> None:
        access_request = desk.submitted()

        assert desk.service.submit(draft(reason="again")) == access_request
        assert isinstance(desk.service.submit(draft(kind=OperationKind.CLOSE, recipient=None)), RequestSubmitted)

    def test_by_somebody_who_has_left_is_denied(self, desk: Desk) -> None:
        with pytest.raises(DeniedError, match="does not know gone"):
            desk.service.submit(draft(requester="gone"))

    def test_keeps_a_mark_of_the_number_and_not_the_number(self, desk: Desk) -> None:
        access_request = desk.submitted()

        assert access_request.mobile_mark == access_request.mark_of("+905320000001")
        assert "+90532" not in repr(access_request)


class TestDecision:
    @pytest.mark.parametrize(("actor", "accountable"), [("boss", None), ("deputy", "boss")])
    def test_is_the_supervisors_or_a_stand_ins(self, desk: Desk, actor: str, accountable: str | None) -> None:
        access_request = desk.service.approve(desk.submitted(), actor).form

        assert (access_request.state, access_request.approver, access_request.approver_for) == (
            RequestState.APPROVED,
            actor,
            accountable,
        )

    @pytest.mark.parametrize("actor", ["asks", "head", "officer", "admin", "helper"])
    def test_of_somebody_else_is_denied_with_who_could(self, desk: Desk, actor: str) -> None:
        access_request = desk.submitted()
        with pytest.raises(DeniedError) as caught:
            desk.service.reject(access_request, actor, "no")

        assert "boss" in str(caught.value.cure)
        assert not desk.service.may_decide(access_request, actor)

    def test_falls_to_the_units_supervisor_where_the_person_has_none(self, desk: Desk) -> None:
        assert desk.service.may_decide(desk.submitted(requester="lonely"), "head")

    def test_of_who_is_to_carry_it_out_is_denied(self, desk: Desk) -> None:
        with pytest.raises(DeniedError, match="has another role in request"):
            desk.service.approve(attrs.evolve(desk.submitted(), officer="boss"), "boss")

    def test_comes_once(self, desk: Desk) -> None:
        with pytest.raises(InputError, match="in the state 'approved'"):
            desk.service.approve(desk.approved(), "boss")

    def test_keeps_the_scan_that_was_handed_in(self, desk: Desk) -> None:
        access_request = desk.submitted(scan_sha256="paper")

        assert desk.service.approve(access_request, "boss").form.scan_sha256 == "paper"
        assert desk.service.approve(access_request, "boss", "signed").form.scan_sha256 == "signed"


class TestExecution:
    def test_needs_an_approval(self, desk: Desk) -> None:
        with pytest.raises(InputError):
            desk.service.require_ready(desk.submitted(), "officer", "holder")

    @pytest.mark.parametrize("actor", ["asks", "boss", "helper", "head"])
    def test_by_who_has_another_part_or_no_role_is_denied(self, desk: Desk, actor: str) -> None:
        with pytest.raises(DeniedError):
            desk.service.require_ready(desk.approved(), actor, "holder")

    def test_is_the_named_officers_or_an_administrators(self, desk: Desk) -> None:
        access_request = desk.approved(officer="second")
        with pytest.raises(DeniedError, match="names another officer"):
            desk.service.require_ready(access_request, "officer", "holder")
        for actor in ("second", "admin"):
            desk.service.require_ready(access_request, actor, "holder")

    def test_is_for_the_holder_that_was_approved(self, desk: Desk) -> None:
        with pytest.raises(DeniedError, match="the holder of"):
            desk.service.require_ready(desk.approved(), "officer", "somebody")

    def test_stops_at_a_number_that_has_changed_until_an_officer_confirms_it(self, desk: Desk) -> None:
        access_request = desk.approved()
        desk.staff["holder"] = attrs.evolve(STAFF["holder"], mobile="+905320000009")
        with pytest.raises(DeniedError, match="has changed since request"):
            desk.service.require_ready(access_request, "officer", "holder")
        with pytest.raises(DeniedError):
            desk.service.confirm_mobile(access_request, "holder")
        confirmed = desk.service.confirm_mobile(access_request, "officer").form
        desk.service.require_ready(confirmed, "officer", "holder")

        assert (confirmed.mobile_confirmed_by, confirmed.mobile_confirmed_at) == ("officer", NOW)

    def test_says_who_did_it_by_which_operation(self, desk: Desk) -> None:
        begun = desk.service.begin(desk.approved(), "officer", "o1")

        assert isinstance(desk.events[-1], RequestBegun)
        assert (begun.state, begun.officer, begun.operation) == (RequestState.EXECUTING, "officer", "o1")


class TestArchive:
    def ended(self, operation_id: str, state: OperationState = OperationState.DONE) -> OperationEnded:
        return OperationEnded(
            at=NOW, actor="officer", login="a", operation_id=operation_id, state=state, account=ACCOUNT
        )

    @pytest.fixture(name="begun")
    def _begun(self, desk: Desk) -> RequestService:
        service = desk.service
        desk.done = [service.begin(desk.approved(), "officer", "o1")]
        return service

    def test_follows_the_end_of_the_operation(self, desk: Desk, begun: RequestService) -> None:
        begun.operation_event(self.ended("o1"))

        assert isinstance(desk.events[-1], RequestArchived)
        assert next(iter(desk.forms.values())).state is RequestState.ARCHIVED

    @pytest.mark.parametrize(("operation", "state"), [("o2", OperationState.DONE), ("o1", OperationState.INCOMPLETE)])
    def test_waits_for_its_own_operation_to_be_done(
        self, desk: Desk, begun: RequestService, operation: str, state: OperationState
    ) -> None:
        begun.operation_event(self.ended(operation, state))

        assert not isinstance(desk.events[-1], RequestArchived)

    def test_asks_the_store_once_however_many_operations_end(self, desk: Desk, begun: RequestService) -> None:
        for number in range(9):
            begun.operation_event(self.ended(f"x{number}"))

        assert desk.asked == 1

    def test_that_another_process_made_is_no_error(self, desk: Desk, begun: RequestService) -> None:
        def busy(*_: Event) -> None:
            raise BusyError("somebody was faster")

        begun.record = busy
        begun.settle()

        assert not isinstance(desk.events[-1], RequestArchived)


def test_a_form_that_does_not_exist_is_named(desk: Desk) -> None:
    with pytest.raises(InputError, match="there is no request f9"):
        desk.service.find("f9")
