"""The life of a request form: who may do which part of it, and what has to be current (001 ¶4)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.request_service import RequestService
from provisioner.core.governance.roles import Granted, Role, RoleAssignment
from provisioner.core.model import Person
from provisioner.store.persons import StoredPersons
from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, PERSONS, UNITS, Answer, Office

#: The holder of the account asks, 1001 is the supervisor, 2001 the officer, 3001 the administrator.
ENFORCED = CONFIG + '[authority]\nadministrators = ["3001"]\n'
PEOPLE = [
    PERSONS[0],
    attrs.evolve(PERSONS[1], supervisor="1001"),
    Person(id="2001", name="Okan Yetkin", unit="il-mem", mobile="+905330000001"),
    Person(id="3001", name="Yıldız Yönetir", unit="il-mem", mobile="+905330000002"),
]
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
OFFICER = RoleAssignment(
    id="g1", person="2001", role=Role.OFFICER, unit="il-mem", granted_by="3001", granted_at=BEGINNING
)


@pytest.fixture(name="desk")
def _desk(office: Office) -> Office:
    """Return an office with authority, an officer for everything below the province, and an open account."""
    office.config.write_text(ENFORCED)
    with office.open() as store:
        store.persons.save(PEOPLE)
        store.write(Granted(at=BEGINNING, actor="3001", grant=OFFICER))
    assert office.type("--actor", "2001", "unit", "open", "ar-ge").code == 0
    return office


def submit(desk: Office, *more: object, kind: str = "rotate", actor: str = "1002", login: str = "arge46") -> Any:
    answer = desk.type("--json", "--actor", actor, "request", "submit", login, "--kind", kind, "--reason", "x", *more)
    assert answer.code == 0, answer
    return answer.json


def approved(desk: Office, *more: object, kind: str = "rotate") -> str:
    request_id = str(submit(desk, *more, kind=kind)["id"])
    assert desk.type("--actor", "1001", "request", "approve", request_id).code == 0
    return request_id


def act(desk: Office, actor: str, *command: object) -> Answer:
    return desk.type("--json", "--actor", actor, "request", *command)


def shown(desk: Office, request_id: str) -> Any:
    return desk.type("--json", "--actor", "3001", "request", "show", request_id).json


def refusal(answer: Answer) -> str:
    """Return why it was denied, with the cure."""
    assert answer.code == 3, answer
    error = answer.json["error"]
    return f"{error['message']} -> {error['cure']}"


def messages(desk: Office) -> int:
    """Return how many passwords were sent."""
    return len(desk.plugin.channels["sms"].inbox("+905337654321"))


class TestWholeLife:
    """Submit, approve, execute, archived."""

    def test_ends_with_a_new_password_and_an_archived_form(self, desk: Office) -> None:
        before = messages(desk)
        request_id = approved(desk)

        answer = act(desk, "2001", "execute", request_id)

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        assert messages(desk) == before + 1
        access_request = shown(desk, request_id)
        assert (
            access_request["state"],
            access_request["requester"],
            access_request["approver"],
            access_request["officer"],
        ) == (
            "archived",
            "1002",
            "1001",
            "2001",
        )
        assert access_request["operation"] == answer.json["operations"][0]["id"]

    def test_keeps_a_copy_whose_hash_is_in_the_trail(self, desk: Office) -> None:
        request_id = approved(desk)
        act(desk, "2001", "execute", request_id)

        copy = desk.type("--actor", "3001", "request", "show", request_id, "--archived").out

        assert hashlib.sha256(copy.encode()).hexdigest() == shown(desk, request_id)["archive_sha256"]
        assert json.loads(copy)["approver"] == "1001"
        with desk.open() as store:
            bodies = [
                json.loads(event.body)
                for event in store.audit_log.entries(login="arge46")
                if event.kind == "request_archived"
            ]
            assert store.audit_log.verify_chain() is None
        assert [body["form"]["archive"] for body in bodies] == [copy]

    def test_keeps_the_hash_of_the_signed_paper(self, desk: Office) -> None:
        paper = desk.write("form.pdf", b"%PDF signed")

        assert submit(desk, "--scan", paper)["scan_sha256"] == hashlib.sha256(b"%PDF signed").hexdigest()

    def test_leaves_no_mobile_number_in_the_form_or_the_trail(self, desk: Office) -> None:
        """The audit log cannot be forgotten, so personal data does not belong there."""
        request_id = approved(desk)

        with desk.open() as store:
            audit_log = "".join(
                event.body for event in store.audit_log.entries(login="arge46") if event.kind.startswith("request_")
            )
        assert "5337654321" not in audit_log + json.dumps(shown(desk, request_id))

    def test_reopens_a_closed_account(self, desk: Office) -> None:
        desk.type("--actor", "2001", "account", "close", "arge46")
        request_id = approved(desk, kind="reopen")

        assert act(desk, "2001", "execute", request_id).states == {"arge46": "done"}
        assert desk.states()["arge46"] == "open"

    @pytest.mark.parametrize(
        ("kind", "more", "state"), [("close", (), "closed"), ("handover", ("--to", "1001"), "open")]
    )
    def test_serves_other_kinds_too(self, desk: Office, kind: str, more: tuple[str, ...], state: str) -> None:
        request_id = str(submit(desk, *more, kind=kind)["id"])
        desk.type("--actor", "1001", "request", "approve", request_id)

        assert act(desk, "2001", "execute", request_id).code == 0
        assert (desk.states()["arge46"], shown(desk, request_id)["state"]) == (state, "archived")

    def test_opens_the_account_of_a_unit_that_has_none(self, desk: Office) -> None:
        request_id = str(submit(desk, kind="create", login="kmarasmem")["id"])
        desk.type("--actor", "1001", "request", "approve", request_id)

        assert act(desk, "2001", "execute", request_id).states == {"kmarasmem": "done"}

    def test_opens_no_account_under_another_login_than_it_says(self, desk: Office) -> None:
        """The list of units may have changed since the supervisor saw the form."""
        request_id = str(submit(desk, kind="create", login="kmarasmem")["id"])
        desk.type("--actor", "1001", "request", "approve", request_id)
        with desk.open() as store:
            store.units.save([attrs.evolve(UNITS[0], login="ilmem46")])

        assert "the login of unit" in refusal(act(desk, "2001", "execute", request_id))
        assert set(desk.states()) == {"arge46"}

    def test_is_for_an_account_that_is_there_unless_it_asks_for_an_opening(self, desk: Office) -> None:
        assert act(desk, "1002", "submit", "kmarasmem", "--kind", "rotate", "--reason", "x").code == 2

    def test_archives_a_form_for_which_nothing_is_left_to_do(self, desk: Office) -> None:
        request_id = approved(desk, kind="close")
        desk.type("--actor", "2001", "account", "close", "arge46")

        answer = act(desk, "2001", "execute", request_id)

        assert (answer.code, answer.json["operations"], shown(desk, request_id)["state"]) == (0, [], "archived")

    def test_speaks_turkish(self, desk: Office) -> None:
        answer = desk.type("--lang", "tr", "--actor", "2001", "account", "rotate", "arge46")

        assert "onaylanmış bir talep gerekir" in answer.err
        assert "Yıldız Yönetir (3001)" in answer.err


class TestPage:
    """``request show --html``: the paper that is signed."""

    def test_has_a_line_for_each_signature(self, desk: Office) -> None:
        request_id = str(submit(desk, "--officer", "2001")["id"])

        page = desk.type("--lang", "tr", "--actor", "3001", "request", "show", request_id, "--html", "-").out

        assert "<title>Kullanıcı Talep Formu</title>" in page
        for name in ("İsmail Çağlar (1002)", "Ayşe Işık (1001)", "Okan Yetkin (2001)"):
            assert f"<p>{name}</p><hr>" in page

    def test_cannot_be_made_to_say_something_else(self, desk: Office) -> None:
        answer = act(desk, "1002", "submit", "arge46", "--kind", "close", "--reason", "<script>alert(1)</script>")
        file = desk.config.parent / "form.html"

        assert desk.type("--actor", "3001", "request", "show", answer.json["id"], "--html", file).code == 0

        assert "<script>" not in file.read_text()

    def test_comes_back_signed_with_the_approval(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])
        paper = desk.write("signed.pdf", b"%PDF with both signatures")

        answer = act(desk, "1001", "approve", request_id, "--scan", paper)

        assert answer.json["scan_sha256"] == hashlib.sha256(b"%PDF with both signatures").hexdigest()

    def test_of_another_signature_is_not_taken_for_the_first_one(self, desk: Office) -> None:
        """A hash that is not kept must not look as if it were."""
        request_id = str(submit(desk)["id"])
        papers = [desk.write(name, name) for name in ("first.pdf", "second.pdf")]

        codes = [act(desk, "1001", "approve", request_id, "--scan", paper).code for paper in (*papers, papers[0])]

        assert codes == [0, 2, 0]

    def test_that_cannot_be_read_exits_with_2(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])

        assert act(desk, "1001", "approve", request_id, "--scan", "/nosuch").code == 2
        assert desk.type("--actor", "3001", "request", "show", request_id, "--html", "/nosuch/form.html").code == 2
        assert desk.type("--json", "request", "show", request_id, "--html", "-").code == 2


class TestRepeating:
    """Every command may be typed twice."""

    def test_a_submission_is_answered_with_the_form_that_is_open(self, desk: Office) -> None:
        assert submit(desk)["id"] == submit(desk)["id"]

    def test_an_approval_is_an_approval(self, desk: Office) -> None:
        request_id = approved(desk)

        assert act(desk, "1001", "approve", request_id).code == 0

    def test_an_execution_does_nothing_more(self, desk: Office) -> None:
        request_id = approved(desk)
        act(desk, "2001", "execute", request_id)
        sent = messages(desk)

        again = act(desk, "2001", "execute", request_id)

        assert (again.code, again.json["operations"], messages(desk)) == (0, [], sent)
        assert again.json["unchanged"][0]["reason"] == f"request {request_id} was executed already"

    def test_a_rejection_is_a_rejection_and_ends_the_form(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])

        assert act(desk, "1001", "reject", request_id, "--reason", "not now").json["state"] == "rejected"
        assert act(desk, "1001", "reject", request_id).code == 0
        assert act(desk, "1001", "approve", request_id).code == 2
        assert act(desk, "2001", "execute", request_id).code == 2

    @pytest.mark.parametrize("command", ["approve", "reject"])
    def test_a_dry_run_decides_nothing(self, desk: Office, command: str) -> None:
        request_id = str(submit(desk)["id"])

        assert act(desk, "1001", command, request_id, "--dry-run").code == 0
        assert shown(desk, request_id)["state"] == "submitted"

    def test_a_dry_run_of_the_execution_shows_the_plan_and_leaves_the_form(self, desk: Office) -> None:
        request_id = approved(desk)

        assert act(desk, "2001", "execute", request_id, "--dry-run").states == {"arge46": "planned"}
        assert shown(desk, request_id)["state"] == "approved"

    def test_a_dry_run_submits_nothing(self, desk: Office) -> None:
        submit(desk, "--dry-run")

        assert desk.type("--json", "request", "list").json == {"items": []}


class TestThreePersons:
    """Requester, approver and officer are three persons."""

    def test_the_requester_does_not_approve(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])

        assert "can be decided by 1001" in refusal(act(desk, "1002", "approve", request_id))

    def test_the_requester_does_not_approve_for_the_supervisor_either(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])
        delegate(desk, "1001", "1002")

        assert "has another role in request" in refusal(act(desk, "1002", "approve", request_id))

    def test_the_requester_does_not_carry_it_out(self, desk: Office) -> None:
        grant(desk, "1002", "officer")
        request_id = approved(desk)

        assert "has another role in request" in refusal(act(desk, "1002", "execute", request_id))

    def test_the_approver_does_not_carry_it_out(self, desk: Office) -> None:
        grant(desk, "1001", "officer")
        request_id = approved(desk)

        assert "three persons" in refusal(act(desk, "1001", "execute", request_id))

    def test_nobody_carries_out_what_his_delegate_approved(self, desk: Office) -> None:
        """The delegator answers for the approval, so it is his."""
        grant(desk, "1001", "officer")
        delegate(desk, "1001", "2001")
        request_id = str(submit(desk)["id"])
        assert act(desk, "2001", "approve", request_id).json["approver_for"] == "1001"

        assert "has another role in request" in refusal(act(desk, "1001", "execute", request_id))

    def test_the_officer_it_names_does_not_approve(self, desk: Office) -> None:
        grant(desk, "1001", "officer")
        request_id = str(submit(desk, "--officer", "1001")["id"])

        assert "has another role in request" in refusal(act(desk, "1001", "approve", request_id))

    def test_the_requester_is_not_named_as_officer(self, desk: Office) -> None:
        answer = act(desk, "1002", "submit", "arge46", "--kind", "rotate", "--reason", "x", "--officer", "1002")

        assert "cannot be the requester and the officer of the same request" in refusal(answer)

    def test_they_do_it_together(self, desk: Office) -> None:
        assert act(desk, "2001", "execute", approved(desk, "--officer", "2001")).code == 0


class TestApproval:
    """The requester's supervisor decides, or a delegate."""

    def test_is_not_for_just_anybody(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])

        assert "3001 is neither the supervisor of 1002" in refusal(act(desk, "3001", "approve", request_id))

    def test_by_a_delegate_names_the_one_who_answers_for_it(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])
        delegate(desk, "1001", "3001")

        answer = act(desk, "3001", "approve", request_id)

        assert (answer.code, answer.json["approver"], answer.json["approver_for"]) == (0, "3001", "1001")

    @pytest.mark.parametrize("period", [("2026-01-01", "2026-01-31"), ("2090-01-01", "2090-01-31")])
    def test_by_a_delegate_is_denied_outside_the_period(self, desk: Office, period: tuple[str, str]) -> None:
        request_id = str(submit(desk)["id"])
        delegate(desk, "1001", "3001", *period)

        assert "can be decided by 1001" in refusal(act(desk, "3001", "approve", request_id))

    def test_by_a_delegate_is_denied_for_other_units(self, desk: Office) -> None:
        request_id = str(submit(desk)["id"])
        answer = desk.type(
            *("--actor", "1001", "authority", "delegate", "--from", "1001", "--to", "3001", "--role", "supervisor"),
            *("--unit", "istatistik", "--until", "2090-01-01"),
        )
        assert answer.code == 0

        assert "can be decided by 1001" in refusal(act(desk, "3001", "approve", request_id))

    def test_is_for_the_supervisor_of_the_unit_where_the_personnel_system_names_none(self, desk: Office) -> None:
        with desk.open() as store:
            store.persons.save([PERSONS[1]])
        request_id = str(submit(desk)["id"])
        assert "you have no part in this request" in refusal(act(desk, "1001", "approve", request_id))

        grant(desk, "1001", "supervisor", "--unit", "il-mem")

        assert act(desk, "1001", "approve", request_id).json["state"] == "approved"


class TestOfficer:
    """An officer for the unit carries it out."""

    def test_of_another_unit_is_denied(self, desk: Office) -> None:
        grant(desk, "1003", "officer", "--unit", "istatistik")
        request_id = approved(desk)

        assert "Okan Yetkin (2001)" in refusal(act(desk, "1003", "execute", request_id))

    def test_who_is_not_named_in_the_form_is_denied(self, desk: Office) -> None:
        grant(desk, "1003", "officer", "--unit", "ar-ge")
        request_id = approved(desk, "--officer", "2001")

        assert "can be executed by 2001" in refusal(act(desk, "1003", "execute", request_id))

    def test_is_replaced_by_an_administrator_where_need_be(self, desk: Office) -> None:
        assert act(desk, "3001", "execute", approved(desk, "--officer", "2001")).code == 0

    def test_acts_for_another_while_delegated_and_the_other_is_recorded(self, desk: Office) -> None:
        delegate(desk, "2001", "1003", role="officer")
        request_id = approved(desk)

        assert act(desk, "1003", "execute", request_id).code == 0

        access_request = shown(desk, request_id)
        assert (access_request["officer"], access_request["officer_for"]) == ("1003", "2001")
        with desk.open() as store:
            [acted] = [
                json.loads(event.body)
                for event in store.audit_log.entries(operation_id=access_request["operation"])
                if "acted" in event.kind
            ]
        assert (acted["actor"], acted["delegator"]) == ("1003", "2001")


class TestCurrentData:
    """The personnel data is what it was when the form was submitted, or somebody answers for it."""

    def test_a_number_that_changed_blocks(self, desk: Office) -> None:
        request_id = approved(desk)
        change_mobile(desk)

        assert "confirm-mobile" in refusal(act(desk, "2001", "execute", request_id))
        assert (shown(desk, request_id)["state"], messages(desk)) == ("approved", 1)

    def test_a_number_that_was_confirmed_does_not_and_the_confirmation_is_recorded(self, desk: Office) -> None:
        request_id = approved(desk)
        change_mobile(desk)

        assert act(desk, "2001", "confirm-mobile", request_id).json["mobile_confirmed_by"] == "2001"

        assert act(desk, "2001", "execute", request_id).code == 0
        with desk.open() as store:
            kinds = [event.kind for event in store.audit_log.entries(login="arge46")]
        assert "request_mobile_confirmed" in kinds

    def test_a_number_that_changes_again_blocks_again(self, desk: Office) -> None:
        request_id = approved(desk)
        change_mobile(desk)
        act(desk, "2001", "confirm-mobile", request_id)
        change_mobile(desk, "+905330000099")

        assert "has changed" in refusal(act(desk, "2001", "execute", request_id))

    def test_a_number_that_changes_while_it_is_carried_out_blocks(
        self, desk: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The personnel system is asked when the form is checked, and again for the plan."""
        request_id = approved(desk)
        monkeypatch.setattr(
            "provisioner.core.governance.request_service.RequestService.require_ready", lambda *_: change_mobile(desk)
        )

        assert "confirm-mobile" in refusal(act(desk, "2001", "execute", request_id))
        assert (shown(desk, request_id)["state"], messages(desk)) == ("approved", 1)

    @pytest.mark.parametrize(("actor", "why"), [("1002", "of their own"), ("1003", "may not do this")])
    def test_a_number_is_not_confirmed_by_just_anybody(self, desk: Office, actor: str, why: str) -> None:
        request_id = approved(desk)
        change_mobile(desk)

        assert why in refusal(act(desk, actor, "confirm-mobile", request_id))

    def test_a_number_is_not_confirmed_in_the_name_of_the_receiver(self, desk: Office) -> None:
        request_id = approved(desk)
        change_mobile(desk)
        grant(desk, "1002", "officer", "--unit", "il-mem")
        delegate(desk, "1002", "1003", role="officer")

        assert "of their own" in refusal(act(desk, "1003", "confirm-mobile", request_id))

    def test_somebody_who_has_left_blocks(self, desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        request_id = approved(desk)
        monkeypatch.setattr(StoredPersons, "get_many", forgets("1002"))

        assert "does not know 1002" in refusal(act(desk, "2001", "execute", request_id))

    def test_another_holder_blocks(self, desk: Office) -> None:
        request_id = approved(desk)
        assert desk.type("--actor", "3001", "handover", "arge46", "--to", "1001").code == 0

        assert "the holder of" in refusal(act(desk, "2001", "execute", request_id))


class TestUnfinished:
    """A form whose operation does not come to its end at once."""

    @pytest.fixture(name="stuck")
    def _stuck(self, desk: Office) -> str:
        request_id = approved(desk)
        desk.faults("posta").on("account_rotate", Fault.CANNOT_CONNECT)
        assert act(desk, "2001", "execute", request_id).code == 4
        assert shown(desk, request_id)["state"] == "executing"
        desk.faults("posta").clear()
        return request_id

    def test_is_archived_when_resume_has_finished_it(self, desk: Office, stuck: str) -> None:
        assert desk.type("--json", "resume").states == {"arge46": "done"}

        with desk.open() as store:
            access_request = store.access_requests.get(stuck)
        assert access_request is not None
        assert access_request.state.value == "archived"

    def test_is_driven_on_when_it_is_executed_again(self, desk: Office, stuck: str) -> None:
        assert act(desk, "2001", "execute", stuck).states == {"arge46": "done"}
        assert shown(desk, stuck)["state"] == "archived"

    def test_is_not_driven_on_to_a_number_that_nobody_confirmed(self, desk: Office, stuck: str) -> None:
        """Anybody may type ``resume``, and must not get around the confirmation with it."""
        change_mobile(desk)

        answer = desk.type("--json", "resume")

        assert (answer.code, messages(desk)) == (4, 1)
        [operation] = answer.json["operations"]
        assert (operation["error"]["class"], stuck in operation["error"]["cure"]) == ("DeniedError", True)
        assert act(desk, "2001", "confirm-mobile", stuck).code == 0
        assert desk.type("--json", "resume").states == {"arge46": "done"}
        assert shown(desk, stuck)["state"] == "archived"

    def test_is_begun_anew_after_a_target_refused_it_for_good(self, desk: Office) -> None:
        request_id = approved(desk)
        desk.faults("posta").on("account_rotate", Fault.REFUSE)
        assert act(desk, "2001", "execute", request_id).code == 4
        desk.faults("posta").clear()
        assert (desk.operations()[0].state.ended, shown(desk, request_id)["state"]) == (True, "executing")

        assert act(desk, "2001", "execute", request_id).states == {"arge46": "done"}
        assert shown(desk, request_id)["state"] == "archived"

    def test_is_begun_anew_after_a_crash_before_the_operation_was_written(
        self, desk: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request_id = approved(desk)
        with monkeypatch.context() as patch:
            patch.setattr("provisioner.core.engine.engine.Engine.iter_apply", crash)
            assert act(desk, "2001", "execute", request_id).code == 1
        assert shown(desk, request_id)["state"] == "executing"

        assert act(desk, "2001", "execute", request_id).states == {"arge46": "done"}
        assert (shown(desk, request_id)["state"], messages(desk)) == ("archived", 2)

    def test_is_archived_later_after_a_crash_before_that(self, desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        request_id = approved(desk)
        with monkeypatch.context() as patch:
            patch.setattr("provisioner.core.governance.request_service.RequestService.archive", crash)
            assert act(desk, "2001", "execute", request_id).code == 0

        assert act(desk, "2001", "execute", request_id).json["operations"] == []
        assert (shown(desk, request_id)["state"], messages(desk)) == ("archived", 2)

    def test_is_not_begun_by_two_officers(self, desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each has read the form while it was approved; the second one must not make a second password."""
        request_id = approved(desk)
        with desk.open() as store:
            seen = store.access_requests.get(request_id)
        act(desk, "2001", "execute", request_id)
        with monkeypatch.context() as patch:
            patch.setattr("provisioner.core.governance.request_service.RequestService.find", lambda *_: seen)
            late = act(desk, "2001", "execute", request_id)

        assert (late.code, messages(desk)) == (3, 2)
        with desk.open() as store:
            assert [event.kind for event in store.audit_log.entries(login="arge46")].count("request_begun") == 1

    def test_of_two_officers_who_begin_at_once_makes_one_password(
        self, desk: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither operation is written when both have begun, and the form names the one that comes too late."""
        request_id = approved(desk)
        begin = RequestService.begin

        def begin_twice(
            self: RequestService, access_request: AccessRequest, actor: str, operation_id: str | None
        ) -> AccessRequest:
            return begin(self, begin(self, access_request, actor, operation_id), actor, "of the other officer")

        with monkeypatch.context() as patch:
            patch.setattr(RequestService, "begin", begin_twice)
            first = act(desk, "2001", "execute", request_id)

        again = act(desk, "2001", "execute", request_id)

        assert (again.code, again.json["operations"], messages(desk)) == (0, [], 2)
        access_request = shown(desk, request_id)
        assert (access_request["state"], access_request["operation"]) == ("archived", first.json["operations"][0]["id"])


class TestByHand:
    """``account rotate`` and ``account reopen``."""

    @pytest.mark.parametrize("kind", ["rotate", "reopen"])
    def test_needs_a_form(self, desk: Office, kind: str) -> None:
        if kind == "reopen":
            desk.type("--actor", "2001", "account", "close", "arge46")

        answer = desk.type("--json", "--actor", "2001", "account", kind, "arge46")

        assert answer.code == 3
        [item] = answer.json["error"]["items"]
        assert (item["login"], item["field"]) == ("arge46", "actor")
        assert f"request submit arge46 --kind {kind}" in item["cure"]

    def test_is_done_with_an_approved_form(self, desk: Office) -> None:
        request_id = approved(desk)

        answer = desk.type("--json", "--actor", "2001", "account", "rotate", "arge46", "--request", request_id)

        assert (answer.code, answer.states, shown(desk, request_id)["state"]) == (0, {"arge46": "done"}, "archived")

    def test_is_refused_with_a_form_for_something_else(self, desk: Office) -> None:
        request_id = approved(desk, kind="close")

        answer = desk.type("--json", "--actor", "2001", "account", "rotate", "arge46", "--request", request_id)

        assert answer.code == 2

    def test_is_done_without_by_an_administrator(self, desk: Office) -> None:
        assert desk.type("--actor", "3001", "account", "rotate", "arge46").code == 0


class TestList:
    """``request list`` and ``request show``."""

    def test_finds_by_state_and_login(self, desk: Office) -> None:
        request_id = approved(desk)
        submit(desk, kind="close")

        listed = desk.type("--json", "request", "list", "--state", "approved", "--login", "arge46@meb.gov.tr").json

        assert [access_request["id"] for access_request in listed["items"]] == [request_id]
        assert len(desk.type("--actor", "3001", "request", "list").out.splitlines()) == 2 + 1

    def test_tells_people_in_their_language(self, desk: Office) -> None:
        out = desk.type("--lang", "tr", "--actor", "3001", "request", "show", approved(desk)).out

        assert re.search("^durum +onaylandı$", out, re.MULTILINE)
        assert re.search("^karar veren +1001$", out, re.MULTILINE)

    def test_of_no_such_form_exits_with_2(self, desk: Office) -> None:
        assert desk.type("--actor", "3001", "request", "show", "nosuch").code == 2

    def test_prints_no_copy_of_a_form_that_is_not_archived(self, desk: Office) -> None:
        assert desk.type("--actor", "3001", "request", "show", approved(desk), "--archived").code == 2


def test_a_form_keeps_its_own_rules_where_authority_is_not_enforced(desk: Office) -> None:
    """Who is an officer is not asked then, but a form that one person filled in and approved is none."""
    desk.config.write_text(CONFIG)
    request_id = str(submit(desk)["id"])

    assert act(desk, "1002", "approve", request_id).code == 3
    assert act(desk, "1001", "approve", request_id).code == 0
    assert act(desk, "1001", "execute", request_id).code == 3
    assert act(desk, "anybody", "execute", request_id).code == 0


def grant(desk: Office, person: str, role: str, *more: str) -> None:
    assert desk.type("--actor", "3001", "authority", "grant", person, role, *more).code == 0


def delegate(
    desk: Office,
    delegator: str,
    person: str,
    first: str = "2026-01-01",
    last: str = "2090-01-01",
    *,
    role: str = "supervisor",
) -> None:
    command = ["authority", "delegate", "--from", delegator, "--to", person, "--role", role]
    unit = ["--unit", "il-mem"] if role == "officer" else []
    answer = desk.type("--actor", delegator, *command, *unit, "--from-date", first, "--until", last)
    assert answer.code == 0, answer


def change_mobile(desk: Office, number: str = "+905330000042") -> None:
    with desk.open() as store:
        store.persons.save([attrs.evolve(PEOPLE[1], mobile=number)])


def forgets(person_id: str) -> Callable[[StoredPersons, Iterable[str]], Mapping[str, Person]]:
    """Return what somebody's data is read with once they are gone."""
    known = StoredPersons.get_many
    return lambda store, ids: known(store, set(ids) - {person_id})


def crash(*_: object) -> None:
    msg = "the process is gone"
    raise RuntimeError(msg)
