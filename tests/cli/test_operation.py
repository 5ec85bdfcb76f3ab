"""``provisioner operation``, and ids that are given by their first characters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from provisioner.cli import output
from provisioner.core.model import Operation, OperationState
from provisioner.core.model.days import utc_now
from provisioner.store.operations import StoredOperations
from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, Office


@pytest.fixture(name="stuck")
def _stuck(office: Office) -> Office:
    """An office in which one opening is done, and one is stuck because PYS cannot be reached."""
    assert office.type("unit", "open", "il-mem").code == 0
    office.faults("pys").on("account_create", Fault.CANNOT_CONNECT)
    assert office.type("unit", "open", "ar-ge").code == 4
    return office


def ids(office: Office) -> dict[str, str]:
    """Return the ids of the latest operations, by login."""
    return {operation.login: operation.id for operation in reversed(office.operations())}


def rename(office: Office, old: str, new: str) -> None:
    """Give an operation another id."""
    with closing(sqlite3.connect(office.config.parent / "provisioner.sqlite")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = off")
        connection.execute("UPDATE operations SET id = ? WHERE id = ?", (new, old))
        connection.execute("UPDATE steps SET operation_id = ? WHERE operation_id = ?", (new, old))


class TestList:
    def test_has_what_has_not_ended(self, stuck: Office) -> None:
        answer = stuck.type("--json", "operation", "list")

        [item] = answer.json["items"]
        assert (item["login"], item["kind"], item["state"]) == ("arge46", "create", "incomplete")
        assert item["error"]["class"] == "UnavailableError"
        assert item["next_try_at"].endswith("Z")
        assert [step["name"] for step in item["steps"]][:1] == ["posta"]

    def test_says_why_and_until_when(self, stuck: Office) -> None:
        """Times are those of the people: three hours ahead of UTC."""
        header, line = stuck.type("operation", "list").out.splitlines()

        assert header.split() == ["id", "login", "kind", "state", "since", "waits", "until", "why"]
        assert line.startswith(ids(stuck)["arge46"])
        assert line.count("+03:00") == 2
        assert "connection refused" in line

    def test_speaks_turkish(self, stuck: Office) -> None:
        out = stuck.type("--lang", "tr", "operation", "list").out

        assert "bekleme sonu" in out
        assert "tamamlanmadı" in out
        assert "bağlantı reddedildi" in out

    @pytest.mark.parametrize(
        ("options", "logins"),
        [
            (["--all"], ["arge46", "kmarasmem"]),
            (["--state", "done"], ["kmarasmem"]),
            (["--unit", "ar-ge"], ["arge46"]),
            (["--unit", "il-mem", "--all"], ["arge46", "kmarasmem"]),
            (["--unit", "istatistik"], []),
        ],
    )
    def test_can_be_narrowed(self, stuck: Office, options: list[str], logins: list[str]) -> None:
        items = stuck.type("--json", "operation", "list", *options).json["items"]

        assert [item["login"] for item in items] == logins

    def test_of_an_unknown_unit_exits_with_2(self, office: Office) -> None:
        assert office.type("operation", "list", "--unit", "yok").code == 2

    def test_of_nothing_is_an_empty_document(self, office: Office) -> None:
        assert office.type("--json", "operation", "list").json == {"items": []}
        assert len(office.type("operation", "list").out.splitlines()) == 1

    def test_is_written_while_it_is_read(self, stuck: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """A list of a million operations must not be held in memory, and an error on the way must not be lost."""
        monkeypatch.setattr(output, "PAGE", 1)
        assert len(stuck.type("operation", "list", "--all").out.splitlines()) == 3
        found = stuck.operations()

        def broken(_: object, **__: object) -> Iterator[Operation]:
            yield from found[:1]
            raise RuntimeError

        monkeypatch.setattr(StoredOperations, "find", broken)
        answer = stuck.type("--json", "operation", "list")

        assert answer.code == 1
        assert answer.out.startswith('{"items": [{"id": ')
        assert "RuntimeError" in answer.err


class TestShow:
    def test_has_the_steps_and_the_reason(self, stuck: Office) -> None:
        shown = stuck.type("--json", "operation", "show", ids(stuck)["arge46"]).json

        assert (shown["state"], shown["held_until"]) == ("incomplete", None)
        assert ("pys", "account_create") in {(step["name"], step["hook"]) for step in shown["steps"]}

    def test_tells_people_what_comes_next(self, stuck: Office) -> None:
        english = stuck.type("operation", "show", ids(stuck)["arge46"]).out
        turkish = stuck.type("--lang", "tr", "operation", "show", ids(stuck)["arge46"]).out

        assert "operation retry" in english
        assert any(line.startswith("waits until") and "+03:00" in line for line in english.splitlines())
        assert any(line.startswith("sonraki işlem") for line in turkish.splitlines())

    def test_says_until_when_a_process_holds_it(self, stuck: Office) -> None:
        """The process lives: it is this one."""
        operation_id = ids(stuck)["arge46"]
        with stuck.open() as store:
            [owner] = {store._writer._leases.owner}
            until = utc_now() + timedelta(minutes=1)
            with closing(sqlite3.connect(stuck.config.parent / "provisioner.sqlite")) as connection, connection:
                values = ("arge46", operation_id, owner, until.strftime("%Y-%m-%d %H:%M:%S.%f"))
                connection.execute("INSERT INTO leases VALUES (?, ?, ?, ?)", values)
            shown = stuck.type("--json", "operation", "show", operation_id).json
            out = stuck.type("operation", "show", operation_id).out

        assert shown["held_until"] == until.isoformat().replace("+00:00", "Z")
        assert "a process is working on it and holds the account until" in out

    def test_of_an_unknown_one_exits_with_2(self, office: Office) -> None:
        answer = office.type("--json", "operation", "show", "nosuch")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "there is no operation nosuch"


class TestRetry:
    def test_finishes_these_and_no_others(self, stuck: Office) -> None:
        assert stuck.type("unit", "open", "istatistik").code == 4
        stuck.faults("pys").clear()
        first, other = ids(stuck)["arge46"], ids(stuck)["istatistik46"]

        answer = stuck.type("--json", "operation", "retry", first)

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        assert stuck.type("--json", "operation", "show", other).json["state"] == "incomplete"

    def test_may_be_repeated(self, stuck: Office) -> None:
        stuck.faults("pys").clear()
        one = ids(stuck)["arge46"]
        assert stuck.type("operation", "retry", one).code == 0

        answer = stuck.type("--json", "operation", "retry", one, one)
        assert (answer.code, answer.json["operations"]) == (0, [])
        assert answer.json["unchanged"] == [{"login": "arge46", "reason": f"operation {one} is done"}]

    def test_that_does_not_work_again_exits_with_4_and_says_why(self, stuck: Office) -> None:
        answer = stuck.type("--json", "operation", "retry", ids(stuck)["arge46"])

        assert answer.code == 4
        assert answer.states == {"arge46": "incomplete"}

    def test_as_a_dry_run_changes_nothing(self, stuck: Office) -> None:
        stuck.faults("pys").clear()
        before = stuck.operations()

        assert stuck.type("operation", "retry", ids(stuck)["arge46"], "--dry-run").code == 0
        assert stuck.operations() == before

    def test_of_one_that_failed_for_good_exits_with_2(self, office: Office) -> None:
        """It cannot be continued, and must not look as if it had been."""
        office.faults("posta").on("account_create", Fault.REFUSE)
        assert office.type("unit", "open", "il-mem").code == 4

        answer = office.type("--json", "operation", "retry", ids(office)["kmarasmem"])

        assert answer.code == 2
        assert "run the original command again" in answer.json["error"]["items"][0]["message"]

    def test_of_an_unknown_one_exits_with_2_and_retries_nothing(self, stuck: Office) -> None:
        stuck.faults("pys").clear()

        assert stuck.type("operation", "retry", ids(stuck)["arge46"], "nosuch").code == 2
        assert stuck.operations()[0].state is OperationState.INCOMPLETE

    def test_does_not_release_what_is_held_back(self, office: Office) -> None:
        limits = "[limits]\nmass_change_percent = 1\nmass_change_from = 1\n"
        assert office.type("unit", "open", "il-mem", "ar-ge").code == 0
        office.config.write_text(CONFIG + limits)
        assert office.type("unit", "close", "ar-ge", "--with-subtree").code == 6

        answer = office.type("operation", "retry", ids(office)["arge46"])

        assert answer.code == 6
        assert office.states()["arge46"] == "open"


class TestIds:
    """Given by their first characters."""

    def test_are_found_by_a_unique_beginning(self, stuck: Office) -> None:
        whole = ids(stuck)["arge46"]

        assert stuck.type("--json", "operation", "show", whole[:8]).json["id"] == whole
        audit_log = stuck.type("--json", "audit", "list", "--operation", whole[:8]).json["items"]
        assert {item["event"]["operation_id"] for item in audit_log} == {whole}

    def test_that_are_ambiguous_exit_with_2_and_name_the_candidates(self, stuck: Office) -> None:
        for login, new in (("kmarasmem", "abcd1111"), ("arge46", "abcd2222")):
            rename(stuck, ids(stuck)[login], new)

        answer = stuck.type("--json", "operation", "show", "abcd")

        assert answer.code == 2
        message = answer.json["error"]["items"][0]["message"]
        assert message == "abcd is the beginning of several ids: abcd1111, abcd2222"
        assert stuck.type("--json", "operation", "show", "abcd1").json["login"] == "kmarasmem"

    def test_that_are_too_short_exit_with_2(self, stuck: Office) -> None:
        answer = stuck.type("--json", "operation", "show", ids(stuck)["arge46"][:3])

        assert answer.code == 2
        assert "at least 4 characters" in answer.json["error"]["items"][0]["message"]

    def test_that_are_whole_are_never_ambiguous(self, stuck: Office) -> None:
        for login, new in (("kmarasmem", "abcd"), ("arge46", "abcd2222")):
            rename(stuck, ids(stuck)[login], new)

        assert stuck.type("--json", "operation", "show", "abcd").json["login"] == "kmarasmem"

    def test_of_handovers_requests_and_trouble(self, office: Office) -> None:
        assert office.type("unit", "open", "il-mem", "ar-ge").code == 0
        assert office.type("handover", "arge46", "--to", "1001").code == 0
        [handover] = office.type("--json", "handover", "list").json["items"]
        request = ["--json", "--actor", "1002", "request", "submit", "kmarasmem", "--kind", "rotate", "--reason", "x"]
        form = office.type(*request).json
        trouble = office.type("--json", "trouble", "report", "kmarasmem", "--text", "x").json

        for kind, one in (("handover", handover), ("request", form), ("trouble", trouble)):
            assert office.type("--json", kind, "show", one["id"][:9]).json["id"] == one["id"]

    def test_of_runs_that_are_held_back(self, office: Office) -> None:
        assert office.type("unit", "open", "il-mem", "ar-ge").code == 0
        office.config.write_text(CONFIG + "[limits]\nmass_change_percent = 1\nmass_change_from = 1\n")
        assert office.type("unit", "close", "ar-ge", "--with-subtree").code == 6
        [run] = office.type("--json", "policy", "staged").json["items"]

        assert office.type("policy", "release", run["id"][:8], "--actor", "3001", "--dry-run").code == 0
        assert office.type("policy", "discard", run["id"][:8], "--actor", "3001").code == 0


class TestCheck:
    def test_counts_what_has_not_ended(self, stuck: Office) -> None:
        [found] = [item for item in stuck.type("--json", "check").json["items"] if item["name"] == "operations"]

        assert found["status"] == "warning"
        assert found["message"] == "1 incomplete, 0 planned, 0 running, 0 held"
        assert "operation list" in found["cure"]

    def test_says_nothing_of_operations_when_all_have_ended(self, office: Office) -> None:
        assert office.type("unit", "open", "il-mem").code == 0

        assert "operations" not in {item["name"] for item in office.type("--json", "check").json["items"]}
