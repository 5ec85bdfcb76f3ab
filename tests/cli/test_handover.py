from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser

import pytest

from provisioner.core.api.messages import (
    AccountReport,
    AttributeChange,
    DeliverSecret,
    DeliveryReceipt,
    Presence,
    ProbeAccount,
    TargetReport,
)
from provisioner.core.model import Person, Unit
from provisioner.testing.faults import Fault
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.cli.conftest import Office, typed

OLD = "+905337654321"
NEW = "+905321234567"


@pytest.fixture(name="open_office")
def _open_office(office: Office) -> Office:
    office.type("unit", "open", "ar-ge")
    return office


@pytest.fixture(name="handed_over")
def _handed_over(open_office: Office) -> Office:
    open_office.type("--actor", "9000", "handover", "arge46", "--to", "1001", "--reason", "tayin <ve> terfi")
    return open_office


class TestForesight:
    """``handover LOGIN --to PERSON --dry-run``, with a directory in which others keep values too."""

    @pytest.fixture(name="foreseeing")
    def _foreseeing(self, open_office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
        def probe(_: MemoryTarget, request: ProbeAccount) -> AccountReport:
            assert request.planned
            assert request.planned.holder
            assert (request.planned.holder.id, request.planned.outgoing and request.planned.outgoing.id) == (
                "1001",
                "1002",
            )
            title = AttributeChange(name="title", removes=("Şef",), adds=("Müdür",), keeps=("Gönüllü\u202e",))
            return AccountReport(presence=Presence.ENABLED, changes=(title,))

        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: TargetReport(foresees=True))
        monkeypatch.setattr(MemoryTarget, "account_probe", probe)
        return open_office

    def test_it_shows_what_goes_and_what_stays(self, foreseeing: Office) -> None:
        out = foreseeing.type("handover", "arge46", "--to", "1001", "--dry-run").out

        assert "  pys: title: removes Şef; adds Müdür; keeps Gönüllü\\u202e\n" in out

    def test_scripts_are_told_too(self, foreseeing: Office) -> None:
        answer = foreseeing.type("--json", "handover", "arge46", "--to", "1001", "--dry-run")

        assert answer.json["changes"] == [
            {
                "login": "arge46",
                "target": target,
                "attribute": "title",
                "removes": ["Şef"],
                "adds": ["Müdür"],
                "keeps": ["Gönüllü\u202e"],
            }
            for target in ("posta", "pys")
        ]

    def test_a_target_that_cannot_tell_is_named(self, foreseeing: Office) -> None:
        foreseeing.faults("posta").on("account_probe", Fault.REFUSE)

        out = foreseeing.type("handover", "arge46", "--to", "1001", "--dry-run").out

        assert "  posta cannot show what would change: " in out
        assert "  pys: title: " in out

    def test_a_target_that_does_not_foresee_is_not_asked(
        self, open_office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: TargetReport())
        before = open_office.faults("posta").calls["account_probe"]

        assert open_office.type("--json", "handover", "arge46", "--to", "1001", "--dry-run").json["changes"] == []
        assert open_office.faults("posta").calls["account_probe"] == before


class TestHandover:
    """``handover LOGIN --to PERSON``."""

    def test_gives_the_account_and_a_new_password_to_the_incoming_person(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46@meb.gov.tr", "--to", "1001")

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        [message] = open_office.plugin.channels["sms"].inbox(NEW)
        assert open_office.plugin.targets["posta"].logs_in("arge46", message.password)
        assert open_office.plugin.targets["pys"].logs_in("arge46", message.password)
        with open_office.open() as store:
            assert store.accounts.get_many(["arge46"])["arge46"].holder == "1001"
            assert store.units.get_many(["ar-ge"])["ar-ge"].custodian == "1001"

    def test_takes_its_options_before_the_login_too(self, open_office: Office) -> None:
        assert open_office.type("--json", "handover", "--to", "1001", "arge46").states == {"arge46": "done"}

    def test_refuses_the_outgoing_password_before_the_incoming_one_is_sent(
        self, open_office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At no moment may both of them be able to log in."""
        [former] = open_office.plugin.channels["sms"].inbox(OLD)
        targets = open_office.plugin.targets
        real = MemoryChannel.secret_deliver
        taken: list[str] = []

        def deliver(channel: MemoryChannel, request: DeliverSecret) -> DeliveryReceipt:
            taken.extend(name for name, target in targets.items() if target.logs_in("arge46", former.password))
            taken.append("sent")
            return real(channel, request)

        monkeypatch.setattr(MemoryChannel, "secret_deliver", deliver)
        open_office.type("handover", "arge46", "--to", "1001")

        assert taken == ["sent"]

    def test_as_a_dry_run_changes_nothing(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46", "--to", "1001", "--dry-run")

        assert (answer.code, answer.states) == (0, {"arge46": "planned"})
        assert open_office.plugin.channels["sms"].inbox(NEW) == []
        assert len(open_office.operations()) == 1

    def test_to_the_same_person_changes_nothing(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46", "--to", "1002")

        assert (answer.code, answer.json["operations"]) == (0, [])
        assert answer.json["unchanged"] == [{"login": "arge46", "reason": "1002 holds it already"}]

    def test_twice_changes_nothing_the_second_time(self, handed_over: Office) -> None:
        answer = handed_over.type("--json", "handover", "arge46", "--to", "1001")

        assert (answer.code, answer.json["operations"]) == (0, [])
        assert len(handed_over.plugin.channels["sms"].inbox(NEW)) == 1

    def test_from_somebody_else_exits_with_2(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46", "--from", "1001", "--to", "1003")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "arge46: it is held by 1002"

    def test_from_the_holder_is_fine(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46", "--from", "1002", "--to", "1001")

        assert answer.states == {"arge46": "done"}

    def test_to_somebody_whom_nobody_knows_exits_with_2(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46", "--to", "9999")

        assert answer.code == 2
        assert "person 9999 not found" in answer.json["error"]["items"][0]["message"]

    def test_to_somebody_without_a_number_exits_with_2(self, open_office: Office) -> None:
        """Found before the first write: otherwise the account would be left with a password that nobody has."""
        assert open_office.type("handover", "arge46", "--to", "1003").code == 2
        assert open_office.faults("posta").calls["account_handover"] == 0

    def test_of_an_unknown_account_exits_with_2(self, open_office: Office) -> None:
        assert open_office.type("handover", "yok", "--to", "1001").code == 2

    def test_of_a_closed_account_exits_with_2(self, open_office: Office) -> None:
        open_office.type("account", "close", "arge46")

        answer = open_office.type("--json", "handover", "arge46", "--to", "1001")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "arge46: it is closed; reopen it"

    @pytest.mark.parametrize("options", [[], ["--to", "1001", "--to-it-unit"]])
    def test_needs_exactly_one_receiver(self, open_office: Office, options: list[str]) -> None:
        assert open_office.type("handover", "arge46", *options).code == 2

    def test_tells_people_where_the_record_is(self, open_office: Office) -> None:
        out = open_office.type("handover", "arge46", "--to", "1001").out

        assert f"provisioner handover show {open_office.operations()[0].id}" in out

    def test_that_is_unfinished_has_no_record(self, open_office: Office) -> None:
        open_office.faults("sms").on("secret_deliver", Fault.CANNOT_CONNECT)

        answer = open_office.type("--json", "handover", "arge46", "--to", "1001")

        assert answer.code == 4
        assert open_office.type("--json", "handover", "list").json == {"items": []}


class TestToTheItUnit:
    """``handover LOGIN --to-it-unit``, while a post is empty."""

    def test_goes_to_its_custodian(self, open_office: Office) -> None:
        _name_it_unit(open_office, "il-mem")

        answer = open_office.type("--json", "handover", "arge46", "--to-it-unit")

        assert answer.states == {"arge46": "done"}
        assert len(open_office.plugin.channels["sms"].inbox(NEW)) == 1

    def test_that_is_not_configured_names_the_cure(self, open_office: Office) -> None:
        answer = open_office.type("--json", "handover", "arge46", "--to-it-unit")

        assert answer.code == 2
        assert "it_unit" in answer.json["error"]["cure"]

    @pytest.mark.parametrize("code", ["yok", "bos"])
    def test_that_is_unknown_or_has_no_custodian_exits_with_2(self, open_office: Office, code: str) -> None:
        with open_office.open() as store:
            store.units.save([Unit(code="bos", name="Boş", kind="office")])
        _name_it_unit(open_office, code)

        answer = open_office.type("--json", "handover", "arge46", "--to-it-unit")

        assert (answer.code, answer.json["error"]["class"]) == (2, "ConfigurationError")


class TestList:
    """``handover list``."""

    def test_has_the_latest_first(self, handed_over: Office) -> None:
        handed_over.type("handover", "arge46", "--to", "1002")

        items = handed_over.type("--json", "handover", "list").json["items"]

        assert [(one["outgoing"], one["incoming"]) for one in items] == [("1001", "1002"), ("1002", "1001")]

    @pytest.mark.parametrize(
        ("options", "count"),
        [(["--login", "arge46"], 1), (["--person", "1002"], 1), (["--person", "1001"], 1), (["--person", "1003"], 0)],
    )
    def test_of_one_account_or_person(self, handed_over: Office, options: list[str], count: int) -> None:
        assert len(handed_over.type("--json", "handover", "list", *options).json["items"]) == count

    def test_of_an_unknown_account_exits_with_2(self, handed_over: Office) -> None:
        """An empty answer would look like an answer."""
        assert handed_over.type("handover", "list", "--login", "yok").code == 2

    def test_tells_people_who_passed_what_to_whom(self, handed_over: Office) -> None:
        line = handed_over.type("handover", "list").out.splitlines()[1]

        assert line.split()[1:4] == ["arge46@meb.gov.tr", "1002", "1001"]


class TestShow:
    """``handover show``."""

    def test_has_all_that_is_recorded(self, handed_over: Office) -> None:
        record = handed_over.type("--json", "handover", "show", _id(handed_over)).json

        assert record["mail"] == "arge46@meb.gov.tr"
        assert (record["outgoing_name"], record["incoming_name"]) == ("İsmail Çağlar", "Ayşe Işık")
        assert (record["actor"], record["reason"]) == ("9000", "tayin <ve> terfi")
        assert record["finished_at"].endswith("Z")

    def test_can_be_checked_by_its_hash(self, handed_over: Office) -> None:
        record = handed_over.type("--json", "handover", "show", _id(handed_over)).json

        claimed = record.pop("sha256")
        canonical = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert claimed == hashlib.sha256(canonical.encode()).hexdigest()

    def test_keeps_names_as_they_were(self, handed_over: Office) -> None:
        with handed_over.open() as store:
            store.persons.save([Person(id="1001", name="Ayşe Yıldız", mobile=NEW)])

        assert "Ayşe Işık (1001)" in handed_over.type("handover", "show", _id(handed_over)).out

    def test_tells_people_the_times_where_they_are(self, handed_over: Office) -> None:
        assert "+03:00" in handed_over.type("handover", "show", _id(handed_over)).out

    def test_as_a_page_has_both_names_two_signatures_and_the_hash(self, handed_over: Office) -> None:
        identity = _id(handed_over)
        digest = handed_over.type("--json", "handover", "show", identity).json["sha256"]

        page = handed_over.type("handover", "show", identity, "--html", "-").out

        words = _words(page)
        assert all(word in words for word in ("İsmail Çağlar", "Ayşe Işık", identity, digest, "tayin <ve> terfi"))
        assert words.count("date, signature") == 2
        assert not any(part in page for part in ("//", "<script", "<link", "src="))

    def test_as_a_page_speaks_turkish(self, handed_over: Office) -> None:
        page = handed_over.type("--lang", "tr", "handover", "show", _id(handed_over), "--html", "-").out

        assert '<html lang="tr">' in page
        assert "Devir Teslim Tutanağı" in page

    def test_writes_the_page_beside_the_json(self, handed_over: Office) -> None:
        file = handed_over.config.parent / "devir.html"

        answer = handed_over.type("--json", "handover", "show", _id(handed_over), "--html", file)

        assert answer.json["login"] == "arge46"
        assert answer.json["sha256"] in file.read_text(encoding="utf-8")

    def test_cannot_print_two_things_on_stdout(self, handed_over: Office) -> None:
        assert handed_over.type("--json", "handover", "show", _id(handed_over), "--html", "-").code == 2

    def test_into_a_folder_that_is_not_there_exits_with_2(self, handed_over: Office) -> None:
        answer = handed_over.type("handover", "show", _id(handed_over), "--html", "/nowhere/devir.html")

        assert (answer.code, "cannot be written" in answer.err) == (2, True)

    def test_of_an_unknown_operation_exits_with_2(self, handed_over: Office) -> None:
        answer = handed_over.type("--json", "handover", "show", "yok")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "there is no record of a handover yok"


class TestHelp:
    """``handover --help``, of a command that is a group as well."""

    def test_shows_both_uses(self) -> None:
        text = typed("handover", "--help").out

        assert "[OPTIONS] LOGIN" in text
        assert "COMMAND [ARGS]" in text
        assert all(name in text for name in ("--to-it-unit", "list", "show"))

    def test_without_anything_is_a_usage_error(self) -> None:
        assert typed("handover").code == 2

    def test_of_its_commands(self) -> None:
        assert "--html" in typed("handover", "show", "--help").out


def _id(office: Office) -> str:
    return office.operations()[0].id


def _name_it_unit(office: Office, code: str) -> None:
    text = office.config.read_text()
    office.config.write_text(text.replace("[accounts]\n", f'[accounts]\nit_unit = "{code}"\n'))


def _words(page: str) -> list[str]:
    """Return the texts between the tags, as a reader sees them."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data.strip())

    Reader().feed(page)
    return [part for word in found for part in {word, word.rpartition(" (")[0]} if part]
