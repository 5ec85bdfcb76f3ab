"""The audit log, for those who read it, keep it and doubt it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from provisioner.testing.faults import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Office


@pytest.fixture(name="lived")
def _lived(office: Office) -> Office:
    """An office in which two accounts were opened."""
    office.type("--actor", "1001", "unit", "open", "il-mem", "ar-ge")
    return office


def tamper(office: Office, *statements: str) -> None:
    with closing(sqlite3.connect(office.config.parent / "provisioner.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def rewrite(office: Office) -> None:
    """Cut the last entry off, so that all fits together again."""
    tamper(
        office,
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
        "UPDATE chain_head SET (seq, hash) = (SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1)",
    )


def items(office: Office, *options: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.type("--json", "audit", "list", *options).json["items"]
    return found


class TestList:
    """``audit list``."""

    def test_says_why_something_failed_in_the_language_of_the_reader(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.CANNOT_CONNECT)
        office.type("unit", "open", "il-mem")
        office.type("target", "maintenance", "pys", "--until", "2099-01-01T00:00:00Z")
        office.type("resume")

        [error] = [item["event"]["error"] for item in items(office) if item["event"]["kind"] == "operation_put_off"]

        assert error["message"]["template"] == "{target} is in maintenance until {end}"
        assert error["message"]["values"] == {"target": "pys", "end": "2099-01-01 00:00:00+00:00"}
        assert "2099-01-01 03:00:00+03:00 anına kadar bakımda" in office.type("--lang", "tr", "audit", "list").out

    def test_says_why_something_failed_when_an_earlier_version_wrote_it(self, lived: Office) -> None:
        """Then it is a finished sentence, in which braces mean nothing."""
        tamper(lived, """UPDATE events SET body = '{"error": {"message": "{pys} is down"}}' WHERE seq = 2""")

        assert "{pys} is down" in lived.type("audit", "list").out

    def test_whole_event_is_there_for_scripts(self, lived: Office) -> None:
        first, *_ = items(lived)

        assert list(first) == ["seq", "hash", "event"]
        assert (first["seq"], first["event"]["kind"], first["event"]["actor"]) == (1, "operation_planned", "1001")

    def test_people_read_their_own_time_and_what_happened(self, lived: Office) -> None:
        answer = lived.type("audit", "list", "--login", "arge46")

        assert re.search(
            r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+03:00 +1001 +arge46 +operation_planned +create ", answer.out
        )
        assert "account_create posta: applied" in answer.out
        assert "kmarasmem" not in answer.out

    def test_diverted_password_is_found_by_the_person(self, lived: Office) -> None:
        """Another number is imported, a password is sent to it, and the old number is imported again."""
        header, row = "id,name,unit,title,mobile,supervisor", "1002,İsmail Çağlar,ar-ge,,{},"
        for number in ("+905339999999", "+905337654321"):
            staff = lived.write("staff.csv", f"{header}\n{row.format(number)}\n")
            lived.type("--actor", "9999", "person", "import", staff)
            lived.type("--actor", "9999", "account", "rotate", "arge46")

        events = [one["event"] for one in items(lived, "--person", "1002")]

        changes = [event["after"]["mobile_mark"] for event in events if event["kind"] == "person_changed"]
        sent = [event["recipient"]["mobile_mark"] for event in events if event.get("recipient")]
        assert sent == [sent[0], changes[0], changes[1]]
        assert (sent[0], len(set(sent))) == (changes[1], 2)
        assert {event["actor"] for event in events if event["kind"] == "person_changed"} == {"9999"}
        shown = lived.type("audit", "list", "--person", "1002").out
        assert f"mobile_mark: {sent[0]} → {sent[1]}" in shown
        assert f"secret_deliver sms → 1002 ({sent[1]})" in shown
        assert not items(lived, "--person", "100")

    def test_what_happened_to_a_unit_is_found_by_its_code(self, lived: Office) -> None:
        units = lived.write(
            "units.csv", "code,name,kind,parent,login,custodian\nar-ge,AR-GE,office,il-mem,arge46,1003\n"
        )
        lived.type("--actor", "9999", "unit", "import", units)

        kinds = [one["event"]["kind"] for one in items(lived, "--unit", "ar-ge")]

        planned_to_ended = ["operation_planned", "operation_ended"]
        assert kinds[:2] == planned_to_ended
        assert sorted(kinds[2:]) == sorted([*planned_to_ended, "unit_changed"]), "the new name goes to the targets"
        assert "unit_changed" in {one["event"]["kind"] for one in items(lived, "--login", "arge46")}
        assert "custodian: 1002 → 1003" in lived.type("audit", "list", "--unit", "ar-ge", "--actor", "9999").out

    @pytest.mark.parametrize("login", ["arge46", "ARGE46@meb.gov.tr"])
    def test_login_is_given_with_or_without_its_domain(self, lived: Office, login: str) -> None:
        assert {one["event"]["login"] for one in items(lived, "--login", login)} == {"arge46"}

    def test_filters_are_combined(self, lived: Office) -> None:
        [operation, *_] = lived.operations()
        found = items(lived, "--operation", operation.id, "--kind", "step_ended", "--actor", "1001")

        assert found
        assert {(one["event"]["operation_id"], one["event"]["kind"]) for one in found} == {(operation.id, "step_ended")}
        assert items(lived, "--actor", "1002") == []
        assert items(lived, "--login", "not!a!login") == []

    @pytest.mark.parametrize(
        ("options", "count"),
        [
            (["--since", "2026-03-29"], 1),
            (["--since", "2026-03-30"], 0),
            (["--until", "2026-03-29"], 1),
            (["--until", "2026-03-28"], 0),
            (["--since", "2026-03-29", "--until", "2026-03-29"], 1),
        ],
    )
    def test_days_begin_and_end_where_people_are(self, office: Office, options: list[str], count: int) -> None:
        """23:30 on the 29th in Istanbul is 20:30 in UTC; 00:30 on the 29th is the 28th in UTC."""
        for time in ("2026-03-28T21:30:00Z", "2026-03-29T20:30:00Z"):
            with time_machine.travel(time, tick=False):
                office.type("unit", "open", "ar-ge" if "28" in time else "il-mem")

        found = {one["event"]["login"] for one in items(office, *options)}

        assert len(found) == count * 2

    @pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
    def test_day_that_no_calendar_can_compute_with_ends_with_2(self, lived: Office, day: str) -> None:
        assert lived.type("audit", "list", "--since", day).code == 2
        assert lived.type("audit", "list", "--until", day).code == 2

    def test_entry_that_is_no_json_is_shown_and_no_defect(self, lived: Office) -> None:
        tamper(lived, "UPDATE events SET body = x'ff', at = 'x', actor = x'fe' WHERE seq = 2")

        assert items(lived)[1]["event"] is None
        assert re.search(r"^2 +\? +\? ", lived.type("audit", "list").out, re.MULTILINE)


class TestVerify:
    """``audit verify``."""

    def test_whole_trail_ends_with_0(self, lived: Office) -> None:
        answer = lived.type("--json", "audit", "verify")

        assert answer.code == 0
        assert answer.json["whole"] is True
        assert answer.json["finding"] is None
        assert answer.json["seq"] == items(lived)[-1]["seq"]

    def test_people_are_told_how_many_entries_are_whole(self, lived: Office) -> None:
        answer = lived.type("audit", "verify")

        assert f"the audit log is intact from entry 1 on: {len(items(lived))} entries" in answer.out
        assert answer.out.endswith("no anchors were compared\n")

    def test_broken_trail_ends_with_4_and_says_where_and_what(self, lived: Office) -> None:
        tamper(lived, "DELETE FROM events WHERE seq = 3")

        answer = lived.type("--json", "audit", "verify")

        assert answer.code == 4
        assert answer.json["finding"] == {"seq": 3, "fault": "missing", "message": "entry 3 is missing"}
        assert answer.json["seq"] == 2
        assert "error: entry 3 is missing" in answer.err
        assert "keep a copy of it" in answer.err

    def test_finding_is_said_in_turkish(self, lived: Office) -> None:
        tamper(lived, "DELETE FROM events WHERE seq = 3")

        assert "hata: 3 numaralı kayıt eksik" in lived.type("--lang", "tr", "audit", "verify").err

    def test_anchor_from_the_file_or_the_command_line_shows_a_cut_tail(self, lived: Office) -> None:
        file = lived.config.parent / "anchors.txt"
        line = lived.type("audit", "anchor", "--file", file).out
        rewrite(lived)

        assert lived.type("audit", "verify").code == 0
        for options in (["--anchor-file", file], ["--anchor", line.split()[0]]):
            answer = lived.type("--json", "audit", "verify", *options)
            assert (answer.code, answer.json["finding"]["fault"]) == (4, "cut")

    def test_anchors_of_a_trail_that_goes_on_agree(self, lived: Office) -> None:
        file = lived.config.parent / "anchors.txt"
        lived.type("audit", "anchor", "--file", file)
        lived.type("unit", "close", "ar-ge")
        lived.type("audit", "anchor", "--file", file)

        answer = lived.type("--json", "audit", "verify", "--anchor-file", file)

        assert (answer.code, answer.json["anchors"]) == (0, {"compared": 2, "before": 0})

    @pytest.mark.parametrize("anchor", ["12", "12:abc", "x"])
    def test_what_is_no_anchor_ends_with_2(self, lived: Office, anchor: str) -> None:
        assert lived.type("audit", "verify", "--anchor", anchor).code == 2

    def test_file_that_is_no_database_ends_with_2(self, lived: Office) -> None:
        lived.write("provisioner.sqlite", b"no database" * 1000)

        assert lived.type("audit", "verify").code == 2


class TestAnchor:
    """``audit anchor``."""

    def test_line_is_for_paper_and_for_scripts(self, lived: Office) -> None:
        last = items(lived)[-1]

        line = lived.type("audit", "anchor").out
        document = lived.type("--json", "audit", "anchor").json

        assert re.fullmatch(rf"{last['seq']}:{last['hash']} 20\d\d-\d\d-\d\dT[\d:.]+Z\n", line)
        assert (document["seq"], document["hash"], document["finding"]) == (last["seq"], last["hash"], None)

    def test_trail_without_its_end_gets_no_anchor(self, lived: Office) -> None:
        """An anchor that was made of a lie would be taken for the truth."""
        file = lived.config.parent / "anchors.txt"
        tamper(lived, "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")

        answer = lived.type("--json", "audit", "anchor", "--file", file)

        assert (answer.code, answer.json["finding"]["fault"]) == (4, "cut")
        assert not file.exists()

    def test_folder_that_is_not_there_ends_with_2(self, lived: Office) -> None:
        answer = lived.type("--json", "audit", "anchor", "--file", lived.config.parent / "none" / "a.txt")

        assert (answer.code, answer.json["error"]["class"]) == (2, "InputError")


class TestExport:
    """``audit export``."""

    def test_export_can_be_verified_without_the_store(self, lived: Office) -> None:
        export = lived.write("export.jsonl", lived.type("audit", "export").out)
        (lived.config.parent / "provisioner.sqlite").unlink()

        answer = lived.type("--json", "audit", "verify", "--export", export)

        assert (answer.code, answer.json["whole"], answer.json["after"]) == (0, True, 0)

    def test_changed_export_is_found(self, lived: Office) -> None:
        export = lived.write("export.jsonl", lived.type("audit", "export").out.replace("posta", "pasta", 1))

        assert lived.type("audit", "verify", "--export", export).code == 4

    def test_next_export_goes_on_where_the_last_one_ended(self, lived: Office) -> None:
        first = lived.write("1.jsonl", lived.type("audit", "export").out)
        anchor = lived.type("audit", "anchor").out.split()[0]
        lived.type("unit", "close", "ar-ge")
        second = lived.write("2.jsonl", lived.type("--json", "audit", "export", "--after", anchor).out)

        both = lived.type("--json", "audit", "verify", "--export", first, "--export", second, "--anchor", anchor)
        alone = lived.type("--json", "audit", "verify", "--export", second, "--anchor", "0:" + "0" * 64)

        assert (both.code, both.json["seq"]) == (0, items(lived)[-1]["seq"])
        assert (alone.code, alone.json["after"]) == (0, int(anchor.split(":")[0]))
        assert alone.json["anchors"] == {"compared": 0, "before": 1}
        assert "1 anchor lies before the export" in alone.err

    def test_nothing_new_is_nothing_written(self, lived: Office) -> None:
        anchor = lived.type("audit", "anchor").out.split()[0]

        answer = lived.type("audit", "export", "--after", anchor)

        assert (answer.code, answer.out) == (0, "")

    def test_export_ends_at_the_first_entry_that_is_not_as_it_was_written(self, lived: Office) -> None:
        tamper(lived, "UPDATE events SET login = 'x' WHERE seq = 5")

        answer = lived.type("audit", "export")

        assert [json.loads(line)["seq"] for line in answer.out.splitlines()] == [1, 2, 3, 4]
        assert answer.code == 4
        assert "entry 5 was changed: its login differs from the original" in answer.err

    @pytest.mark.parametrize("known", ["", ":" + "0" * 64])
    def test_cursor_behind_the_end_shows_the_cut(self, lived: Office, known: str) -> None:
        rewrite(lived)

        answer = lived.type("audit", "export", "--after", f"{len(items(lived)) + 1}{known}")

        assert (answer.code, answer.out) == (4, "")
        assert "the audit log was truncated" in answer.err

    def test_syslog_has_one_message_for_each_entry(self, lived: Office) -> None:
        answer = lived.type("audit", "export", "--format", "syslog", "--enterprise-number", "4711")

        lines = answer.out.splitlines()
        assert len(lines) == len(items(lived))
        assert all(re.match(r"<110>1 \S+Z \S+ provisioner - \w+ \[provisioner@4711 seq=", line) for line in lines)

    def test_syslog_is_no_json(self, lived: Office) -> None:
        assert lived.type("--json", "audit", "export", "--format", "syslog").code == 2

    @pytest.mark.parametrize("place", ["-1", "x", "1:2", "9" * 30])
    def test_place_that_is_none_ends_with_2(self, lived: Office, place: str) -> None:
        assert lived.type("audit", "export", "--after", place).code == 2


def _export(office: Office, stdout: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "provisioner", "--config", str(office.config), "audit", "export"]
    environment = {**os.environ, "LANG": "C.UTF-8"}
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)


def test_reader_that_has_had_enough_ends_the_export_without_a_word(lived: Office) -> None:
    """Not all was taken, so it ends with 4."""
    read, write = os.pipe()
    os.close(read)
    with _export(lived, write) as process:
        os.close(write)
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (4, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_full_disk_is_said(lived: Office) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with _export(lived, full) as process:
        os.close(full)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 2
    assert b"stdout cannot be written: No space left on device" in errors
