"""Maintenance of a target or channel: what scripts and people see of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.cli.conftest import Office

HOUR = timedelta(hours=1)

TIMES = [
    ("2020-01-01T00:00", "is in the past"),
    ("tomorrow", "invalid time"),
    ("0001-01-01T00:00", "invalid time"),
    ("9999-12-31T23:59-12:00", "invalid time"),
    ("9999-12-31T23:59+00:00", "is after the year 2999"),
]


@pytest.fixture(name="end")
def _end() -> datetime:
    return (datetime.now(UTC) + HOUR).replace(microsecond=0)


@pytest.fixture(name="maintained")
def _maintained(office: Office, end: datetime) -> Office:
    """Return an office whose target ``pys`` is in maintenance."""
    answer = office.type(
        "--actor", "1001", "target", "maintenance", "pys", "--until", end.isoformat(), "--reason", "disk"
    )
    assert answer.code == 0
    return office


def shown(office: Office, name: str) -> dict[str, object]:
    [found] = [one for one in office.type("--json", "target", "list").json["items"] if one["name"] == name]
    return dict(found)


class TestMaintenance:
    """``target maintenance``."""

    def test_lets_operations_wait_and_exits_with_4(self, maintained: Office, end: datetime) -> None:
        answer = maintained.type("--json", "unit", "open", "ar-ge")

        [operation] = answer.json["operations"]
        assert (answer.code, operation["state"], operation["steps"][0]["outcome"]) == (4, "planned", None)
        assert operation["next_try_at"] == end.isoformat().replace("+00:00", "Z")
        assert operation["error"]["class"] == "InMaintenanceError"
        assert maintained.faults("pys").calls.total() == 0

    def test_says_so_once_and_asks_nobody_to_do_anything(self, maintained: Office) -> None:
        answer = maintained.type("unit", "open", "ar-ge", "istatistik")

        assert answer.out.count("pys is in maintenance until") == 1
        assert "no action is needed: 'provisioner resume' or the next sweep continues afterwards" in answer.out
        assert "finish incomplete" not in answer.out
        assert answer.err == ""

    def test_speaks_turkish(self, maintained: Office) -> None:
        assert "anına kadar bakımda" in maintained.type("--lang", "tr", "unit", "open", "ar-ge").out

    @pytest.mark.parametrize("more", [(), ("--due",)])
    def test_is_respected_by_resume(self, maintained: Office, more: tuple[str, ...]) -> None:
        maintained.type("unit", "open", "ar-ge")

        assert maintained.type("resume", *more).code in {0, 4}
        assert maintained.faults("pys").calls.total() == 0

    def test_of_a_closing_is_respected_by_resume(self, office: Office, end: datetime) -> None:
        office.type("unit", "open", "ar-ge")
        office.type("target", "maintenance", "pys", "--until", end.isoformat())
        office.type("unit", "close", "ar-ge")
        [before, *_] = office.operations()

        assert office.type("resume").code == 4
        [after, *_] = office.operations()
        assert after == before

    def test_ends_by_itself(self, maintained: Office, end: datetime) -> None:
        maintained.type("unit", "open", "ar-ge")

        with time_machine.travel(end, tick=True):
            answer = maintained.type("--json", "resume", "--due")

        assert (answer.code, answer.states) == (0, {"arge46": "done"})

    def test_can_be_called_off(self, maintained: Office) -> None:
        maintained.type("unit", "open", "ar-ge")

        off = maintained.type("--json", "target", "maintenance", "pys", "--off")
        answer = maintained.type("--json", "resume", "--due")

        assert (off.code, off.json) == (0, {"target": "pys", "until": None, "changed": True})
        assert (answer.code, answer.states) == (0, {"arge46": "done"})

    def test_is_in_the_trail_with_who_said_so(self, maintained: Office) -> None:
        maintained.type("--actor", "1002", "target", "maintenance", "pys", "--off")

        with maintained.open() as store:
            said = [(event.kind, event.actor) for event in store.audit_log.entries()]
        assert said == [("maintenance_began", "1001"), ("maintenance_ended", "1002")]

    def test_as_a_dry_run_changes_nothing(self, office: Office, end: datetime) -> None:
        answer = office.type("--json", "target", "maintenance", "pys", "--until", end.isoformat(), "--dry-run")

        assert (answer.code, answer.json["changed"]) == (0, False)
        assert shown(office, "pys")["state"] == "works"

    def test_that_is_not_there_cannot_be_called_off(self, office: Office) -> None:
        answer = office.type("target", "maintenance", "pys", "--off")

        assert (answer.code, answer.out) == (0, "pys is not in maintenance\n")

    def test_takes_local_time(self, office: Office) -> None:
        with time_machine.travel(datetime(2026, 3, 1, 9, tzinfo=UTC)):
            answer = office.type("--json", "target", "maintenance", "pys", "--until", "2026-03-01T18:00")

        assert answer.json["until"] == "2026-03-01T15:00:00Z"

    @pytest.mark.parametrize(("until", "said"), TIMES)
    def test_needs_a_time_to_come(self, office: Office, until: str, said: str) -> None:
        answer = office.type("--json", "target", "maintenance", "pys", "--until", until)

        assert answer.code == 2
        assert said in answer.json["error"]["items"][0]["message"]

    @pytest.mark.parametrize("options", [(), ("--off", "--until", "2030-01-01")])
    def test_needs_one_of_two_options(self, office: Office, options: tuple[str, ...]) -> None:
        assert office.type("target", "maintenance", "pys", *options).code == 2

    def test_of_an_unknown_one_is_an_error(self, office: Office) -> None:
        assert office.type("target", "maintenance", "yok", "--off").code == 2


class TestList:
    """``target list``."""

    def test_shows_all_in_their_order(self, maintained: Office, end: datetime) -> None:
        items = maintained.type("--json", "target", "list").json["items"]

        assert [(one["name"], one["kind"], one["plugin"], one["state"]) for one in items] == [
            ("posta", "target", "faulty", "works"),
            ("pys", "target", "faulty", "maintenance"),
            ("sms", "channel", "faulty", "works"),
        ]
        assert (items[1]["until"], items[1]["reason"]) == (end.isoformat().replace("+00:00", "Z"), "disk")

    def test_is_a_table_for_people(self, maintained: Office) -> None:
        assert "bakımda" in maintained.type("--lang", "tr", "target", "list").out


class TestCheck:
    """``check`` while somebody works on a target."""

    def test_does_not_call_it_and_finds_nothing_wrong(self, maintained: Office) -> None:
        answer = maintained.type("--json", "check")

        [found] = [one for one in answer.json["items"] if one["name"] == "targets.pys"]
        assert found["status"] == "ok"
        assert "pys is in maintenance until" in found["message"]
        assert maintained.faults("pys").calls.total() == 0
