"""With authority, personal data is for the persons it is about, and for officers and administrators of their unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest
import time_machine

from provisioner.core.api.messages import AccountReport, AttributeChange, Presence, TargetReport
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.model import StepError
from provisioner.core.model.days import utc_now
from provisioner.core.model.text import Text, Texts
from provisioner.core.policy.policy_run import Refusal
from provisioner.testing.faults import Fault
from provisioner.testing.memory import MemoryTarget
from tests.cli.conftest import CONFIG, PERSONS, Answer, Office
from tests.planted import plant
from tests.words import has_word

STRANGER, OFFICER, ELSEWHERE, ADMINISTRATOR, HOLDER, SUPERVISOR = "9001", "2001", "2002", "3001", "1002", "1001"


@pytest.fixture(name="office")
def _office(office: Office) -> Office:
    """Return an office with an account that was handed over, a request and a report of trouble."""
    people = [PERSONS[0], attrs.evolve(PERSONS[1], title="Memur", supervisor="1001"), PERSONS[2]]
    people += [attrs.evolve(PERSONS[0], id="2001", name="Okan Yetkin"), attrs.evolve(PERSONS[0], id="3001")]
    plant(f"sqlite:///{office.config.parent / 'provisioner.sqlite'}", *people)
    by(office, HOLDER, "unit", "open", "il-mem", "ar-ge")
    by(office, "8001", "handover", "kmarasmem", "--to", "1002", "--reason", "illness")
    office.config.write_text(CONFIG + '[authority]\nadministrators = ["3001"]\n')
    for officer, unit in ((OFFICER, "il-mem"), (ELSEWHERE, "istatistik")):
        assert by(office, ADMINISTRATOR, "authority", "grant", officer, "officer", "--unit", unit).code == 0
    return office


def by(office: Office, actor: str, *command: object) -> Answer:
    return office.type("--json", "--actor", actor, *command)


def seen(office: Office, actor: str, *command: object) -> Any:
    answer = by(office, actor, *command)
    assert answer.code == 0, answer
    return answer.json


def handover_id(office: Office) -> str:
    return str(seen(office, ADMINISTRATOR, "handover", "list")["items"][0]["id"])


@pytest.fixture(name="request_id")
def _form_id(office: Office) -> str:
    command = "request", "submit", "arge46", "--kind", "rotate", "--reason", "illness"
    return str(seen(office, HOLDER, *command)["id"])


READERS = [OFFICER, ADMINISTRATOR, HOLDER]
HIDDEN_FROM = [STRANGER, ELSEWHERE]


class TestAccounts:
    """Who holds an account, and who is a unit's custodian."""

    @pytest.mark.parametrize("actor", READERS)
    def test_are_read_by_officers_administrators_and_the_holder(self, office: Office, actor: str) -> None:
        assert seen(office, actor, "account", "show", "arge46")["holder"] == "1002"
        assert {one["holder"] for one in seen(office, actor, "account", "list", "--unit", "ar-ge")["items"]} == {"1002"}
        unit = seen(office, actor, "unit", "show", "ar-ge")
        assert (unit["custodian"], unit["accounts"][0]["holder"]) == ("1002", "1002")

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_masked_for_others(self, office: Office, actor: str) -> None:
        account = seen(office, actor, "account", "show", "arge46")
        assert (account["holder"], account["state"]) == ("***", "open")
        shown = [
            office.type(*mode, "--actor", actor, *command).out
            for mode in ((), ("--json",))
            for command in (
                ("account", "show", "arge46"),
                ("account", "list"),
                ("unit", "show", "ar-ge"),
                ("unit", "list"),
            )
        ]
        assert all("***" in out for out in shown)
        assert not any(has_word(out, "1002") for out in shown[:3] + shown[4:7])

    def test_of_other_units_are_masked_for_an_officer(self, office: Office) -> None:
        holders = {one["login"]: one["holder"] for one in seen(office, ELSEWHERE, "account", "list")["items"]}
        custodians = {one["code"]: one["custodian"] for one in seen(office, ELSEWHERE, "unit", "list")["items"]}

        assert holders == {"arge46": "***", "kmarasmem": "***"}
        assert custodians == {"il-mem": "***", "ar-ge": "***", "istatistik": "1002"}

    def test_are_shown_to_everybody_where_authority_is_not_enforced(self, office: Office) -> None:
        office.config.write_text(CONFIG)

        assert seen(office, STRANGER, "account", "show", "arge46")["holder"] == "1002"
        assert "+905337654321" in office.type("--actor", STRANGER, "person", "show", "1002", "--full").out


class TestPersons:
    """What is known of a person."""

    @pytest.mark.parametrize("actor", READERS)
    def test_are_read_with_the_whole_number(self, office: Office, actor: str) -> None:
        person = seen(office, actor, "person", "show", "1002", "--full")

        assert (person["name"], person["mobile"]) == ("İsmail Çağlar", "+905337654321")

    @pytest.mark.parametrize("actor", [*HIDDEN_FROM, SUPERVISOR])
    @pytest.mark.parametrize("more", [(), ("--full",)])
    def test_are_refused_to_others_whether_there_is_such_a_person_or_not(
        self, office: Office, actor: str, more: tuple[str, ...]
    ) -> None:
        for mode in ((), ("--json",)):
            known, unknown = (
                office.type(*mode, "--actor", actor, "person", "show", person, *more) for person in ("1002", "7777")
            )
            assert (known.code, unknown.code) == (3, 3)
            assert (known.out, known.err) == (unknown.out.replace("7777", "1002"), unknown.err.replace("7777", "1002"))
            assert "3001" in known.out + known.err

    @pytest.mark.parametrize("actor", [ADMINISTRATOR, "7777"])
    def test_that_do_not_exist_are_told_to_who_may_read_everything(self, office: Office, actor: str) -> None:
        assert "person 7777 not found" in by(office, actor, "person", "show", "7777").out

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    @pytest.mark.parametrize("ids", [("1002", "7777"), ("1001", "7777")])
    def test_are_not_found_by_the_way_other_commands_refuse(
        self, office: Office, actor: str, ids: tuple[str, str]
    ) -> None:
        by(office, ADMINISTRATOR, "authority", "grant", "4001", "personnel_office", "--unit", "ar-ge")
        for command in (("clearance", "{}", "--leaving"), ("handover", "kmarasmem", "--to", "{}", "--from", "8001")):
            known, unknown = (by(office, actor, *(word.format(person) for word in command)) for person in ids)
            assert (known.code, known.out) == (3, unknown.out.replace(ids[1], ids[0]))


class TestHandovers:
    """Records of handovers."""

    @pytest.mark.parametrize("actor", [OFFICER, ADMINISTRATOR, "1001", "1002", "8001"])
    def test_are_read_by_both_sides_and_who_did_it(self, office: Office, actor: str) -> None:
        record = seen(office, actor, "handover", "show", handover_id(office))

        assert (record["outgoing_name"], record["incoming"], record["reason"]) == ("Ayşe Işık", "1002", "illness")
        assert len(record["sha256"]) == 64
        assert len(seen(office, actor, "handover", "list", "--person", "1002")["items"]) == 1

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_masked_for_others(self, office: Office, actor: str) -> None:
        id_ = handover_id(office)
        shown = [
            office.type(*mode, "--actor", actor, "handover", *command).out
            for mode in ((), ("--json",))
            for command in (("show", id_), ("list",))
        ]

        assert all("***" in out for out in shown)
        assert not any(has_word(out, word) for out in shown for word in ("1001", "1002", "8001", "Işık", "illness"))
        assert seen(office, actor, "handover", "show", id_)["sha256"] is None, "the hash could be tried on all names"
        assert by(office, actor, "handover", "show", id_, "--html", office.config.parent / "record.html").code == 3

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_not_found_by_a_person(self, office: Office, actor: str) -> None:
        """The filter itself would tell who is in a masked record."""
        assert seen(office, actor, "handover", "list", "--person", "1002") == {"items": []}


class TestRequests:
    """Request forms."""

    @pytest.mark.parametrize("actor", READERS)
    def test_are_read_by_who_has_a_part(self, office: Office, request_id: str, actor: str) -> None:
        access_request = seen(office, actor, "request", "show", request_id)

        assert (access_request["requester"], access_request["recipient"], access_request["reason"]) == (
            "1002",
            "1002",
            "illness",
        )

    def test_are_read_by_who_decides(self, office: Office, request_id: str) -> None:
        assert seen(office, SUPERVISOR, "request", "show", request_id)["reason"] == "illness"
        assert (
            by(office, SUPERVISOR, "request", "show", request_id, "--html", office.config.parent / "f.html").code == 0
        )

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_masked_for_others(self, office: Office, request_id: str, actor: str) -> None:
        shown = [
            office.type(*mode, "--actor", actor, "request", *command).out
            for mode in ((), ("--json",))
            for command in (("show", request_id), ("list",))
        ]

        assert all("***" in out for out in shown)
        assert not any(has_word(out, word) for out in shown for word in ("1002", "illness"))
        for more in (("--html", office.config.parent / "f.html"), ("--archived",)):
            assert by(office, actor, "request", "show", request_id, *more).code == 3

    @pytest.mark.parametrize("more", [(), ("--dry-run",)])
    def test_do_not_tell_who_holds_an_account_to_who_asks(self, office: Office, more: tuple[str, ...]) -> None:
        """Anybody may ask for something to be done to any account."""
        command = "request", "submit", "arge46", "--kind", "rotate", "--reason", "x"
        answer = by(office, "1003", *command, *more)

        assert (answer.json["requester"], answer.json["recipient"]) == ("1003", "***")
        assert not has_word(answer.out, "1002")


class TestTroubles:
    """Reports of trouble."""

    @pytest.fixture(name="incident_id")
    def _trouble_id(self, office: Office) -> str:
        return str(seen(office, "1003", "trouble", "report", "arge46", "--text", "after my illness")["id"])

    @pytest.mark.parametrize("actor", [OFFICER, ADMINISTRATOR, "1002", "1003"])
    def test_are_read_by_who_reported_or_handles_them(self, office: Office, incident_id: str, actor: str) -> None:
        assert seen(office, actor, "trouble", "show", incident_id)["text"] == "after my illness"

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_masked_for_others(self, office: Office, incident_id: str, actor: str) -> None:
        shown = [
            office.type(*mode, "--actor", actor, "trouble", *command).out
            for mode in ((), ("--json",))
            for command in (("show", incident_id), ("list",))
        ]

        assert all("***" in out for out in shown)
        assert not any(has_word(out, word) for out in shown for word in ("1002", "1003", "illness"))


class TestOperations:
    """Who asked for an operation, and why."""

    @pytest.fixture(name="operation_id")
    def _operation_id(self, office: Office) -> str:
        command = "account", "close", "arge46", "--reason", "illness"
        return str(seen(office, OFFICER, *command)["operations"][0]["id"])

    def test_are_read_by_officers_and_who_asked(self, office: Office, operation_id: str) -> None:
        for actor in (OFFICER, ADMINISTRATOR):
            operation = seen(office, actor, "operation", "show", operation_id)
            assert (operation["actor"], operation["reason"]) == (OFFICER, "illness")

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_masked_for_others(self, office: Office, operation_id: str, actor: str) -> None:
        operation = seen(office, actor, "operation", "show", operation_id)

        assert (operation["actor"], operation["reason"], operation["state"]) == ("***", "***", "done")
        assert "illness" not in by(office, actor, "operation", "list", "--all").out

    @pytest.fixture(name="stuck_id")
    def _stuck_id(self, office: Office) -> str:
        """Return an operation that an officer asked for and that waits, with a reason that names the holder."""
        office.faults("posta").on("account_close", Fault.CANNOT_CONNECT)
        command = "account", "close", "arge46", "--reason", "illness"
        return str(by(office, OFFICER, *command).json["operations"][0]["id"])

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    @pytest.mark.parametrize("more", [(), ("--dry-run",)])
    @pytest.mark.parametrize("command", ["resume", "retry"])
    def test_that_others_drive_on_are_masked(
        self, office: Office, stuck_id: str, actor: str, more: tuple[str, ...], command: str
    ) -> None:
        whole = ("resume",) if command == "resume" else ("operation", "retry", stuck_id)
        shown = by(office, actor, *whole, *more)

        [operation] = shown.json["operations"]
        assert (operation["login"], operation["actor"], operation["reason"]) == ("arge46", "***", "***")
        assert not any(has_word(shown.out, word) for word in (OFFICER, "1002", "illness"))
        in_text = office.type("--actor", actor, *whole, *more).out
        assert "arge46" in in_text
        assert not any(has_word(in_text, word) for word in (OFFICER, "1002", "illness"))

    def test_that_an_officer_drives_on_are_whole(self, office: Office, stuck_id: str) -> None:
        [operation] = by(office, ADMINISTRATOR, "resume").json["operations"]

        assert (operation["actor"], operation["reason"]) == (OFFICER, "illness")

    def test_do_not_name_persons_in_their_errors_to_others(self, office: Office) -> None:
        """The reason for which an operation waits may name who is to receive the password."""
        office.faults("sms").on("secret_deliver", Fault.REFUSE)
        by(office, ADMINISTRATOR, "account", "rotate", "arge46", "--reason", "illness")
        [operation] = [operation for operation in office.operations() if operation.kind == "rotate"]
        error = StepError(name="MissingError", message="10023 of 1002: nobody knows 1002", cure="look for 1002")
        masked = attrs.evolve(operation, error=error, steps=(attrs.evolve(operation.steps[0], error=error),))
        with office.open() as store:
            accounts = store.accounts.get_many
            privacy = Privacy(Authority(records=store, now=utc_now), STRANGER)
            [shown] = privacy.shown_operations([masked], accounts)

        expected = StepError(name="MissingError", message="10023 of ***: nobody knows ***", cure="look for ***")
        assert (shown.error, shown.steps[0].error) == (expected, expected)

    def test_do_not_name_persons_in_messages_of_a_plugin(self, office: Office) -> None:
        """A plug-in may have written an id into its template, or into a message inside its message."""
        by(office, ADMINISTRATOR, "account", "rotate", "arge46", "--reason", "illness")
        [operation] = [operation for operation in office.operations() if operation.kind == "rotate"]
        why = Texts([Text("nobody knows {id}", {"id": "1002"})])
        message = Text("{{x}} of 1002 to {login}: {why}", {"login": "1002", "why": why})
        with office.open() as store:
            privacy = Privacy(Authority(records=store, now=utc_now), STRANGER)
            error = StepError(name="MissingError", message=message)
            [shown] = privacy.shown_operations([attrs.evolve(operation, error=error)], store.accounts.get_many)

        assert shown.error is not None
        assert str(shown.error.message) == "{x} of *** to ***: nobody knows ***"


class TestForeseenChanges:
    """What a dry run of what somebody else asked for would change."""

    def test_are_masked_for_others(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        title = AttributeChange(name="title", removes=("Şef",), adds=("Memur",))
        report = AccountReport(presence=Presence.DISABLED, changes=(title,))
        office.faults("posta").on("account_create", Fault.CANNOT_CONNECT)
        assert by(office, ADMINISTRATOR, "unit", "open", "istatistik").code == 4
        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: TargetReport(foresees=True))
        monkeypatch.setattr(MemoryTarget, "account_probe", lambda *_: report)

        for mode in ((), ("--json",)):
            whole = office.type(*mode, "--actor", ADMINISTRATOR, "resume", "--dry-run").out
            shown = office.type(*mode, "--actor", STRANGER, "resume", "--dry-run").out
            assert "Memur" in whole
            assert ("***" in shown, "Memur" in shown, "title" in shown) == (True, False, True)


class TestHeldRuns:
    """Who asked for a run that is held back, and why."""

    @pytest.fixture(name="held", autouse=True)
    def _held(self, office: Office) -> None:
        office.config.write_text(
            office.config.read_text() + "[limits]\nmass_change_from = 2\n[rules.renewal]\nrule = 'auto-rotate'\n"
        )
        assert by(office, OFFICER, "unit", "close", "il-mem", "--with-subtree", "--reason", "illness").code == 6

    @pytest.mark.parametrize("actor", [OFFICER, ADMINISTRATOR])
    def test_are_read_by_officers_and_who_asked(self, office: Office, actor: str) -> None:
        [run] = seen(office, actor, "policy", "staged")["items"]

        assert (run["actor"], run["reason"]) == (OFFICER, "illness")

    @pytest.mark.parametrize("actor", HIDDEN_FROM)
    def test_are_masked_for_others(self, office: Office, actor: str) -> None:
        [run] = seen(office, actor, "policy", "staged")["items"]

        assert (run["actor"], run["reason"], run["logins"]) == ("***", "***", ["arge46", "kmarasmem"])
        in_text = office.type("--actor", actor, "policy", "staged").out
        assert "***" in in_text
        assert not any(has_word(in_text, word) for word in (OFFICER, "illness"))


class TestNotices:
    """Whom a sweep told."""

    @pytest.fixture(autouse=True)
    def _ruled(self, office: Office) -> Iterator[None]:
        office.config.write_text(office.config.read_text() + '[rules.renewal]\nrule = "renew-or-close"\n')
        assert by(office, ADMINISTRATOR, "policy", "sweep").code == 0
        with time_machine.travel(utc_now() + timedelta(days=24)):
            yield

    @pytest.mark.parametrize(
        ("actor", "recipients"),
        [
            (ADMINISTRATOR, {"arge46": "1002", "kmarasmem": "1002"}),
            (HOLDER, {"arge46": "1002", "kmarasmem": "1002"}),
            (STRANGER, {"arge46": "***", "kmarasmem": "***"}),
            (ELSEWHERE, {"arge46": "***", "kmarasmem": "***"}),
        ],
    )
    def test_are_masked_for_others(self, office: Office, actor: str, recipients: dict[str, str]) -> None:
        notices = seen(office, actor, "policy", "sweep")["notices"]

        assert {notice["login"]: notice["recipient"] for notice in notices} == recipients

    def test_that_are_refused_do_not_name_the_holder(self, office: Office) -> None:
        deadline = Deadline(action=Action.ROTATE, at=utc_now(), rule_set="renewal", reason=Text("due"), source="001")
        reason = Text("{person} cannot be looked up", {"person": "1002"})
        refusal = Refusal(login="arge46", deadline=deadline, reason=reason, holder="1002")
        with office.open() as store:
            privacy = Privacy(Authority(records=store, now=utc_now), STRANGER)
            [shown] = privacy.shown_refusals([refusal], store.accounts.get_many)

        assert str(shown.reason) == "*** cannot be looked up"

    @pytest.mark.parametrize("fault", [None, Fault.REFUSE])
    def test_are_masked_in_text(self, office: Office, fault: Fault | None) -> None:
        if fault:
            office.faults("sms").on("notice_deliver", fault)
        out = office.type("--actor", STRANGER, "policy", "sweep").out

        assert "kmarasmem" in out
        assert not any(has_word(out, word) for word in ("1002", "Çağlar"))
