"""Trouble with a login, from the school up to the province (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import CONFIG, Office

ENFORCED = '[authority]\nadministrators = ["3001"]\n'


@pytest.fixture(name="school")
def _school(office: Office) -> Office:
    """Return an office in which the unit at the bottom has an account: istatistik, below ar-ge, below il-mem."""
    assert office.type("unit", "open", "istatistik").code == 0
    return office


def report(office: Office, actor: str = "1003", text: str = "the password is refused") -> Any:
    answer = office.type("--json", "--actor", actor, "trouble", "report", "istatistik46", "--text", text)
    assert answer.code == 0, answer
    return answer.json


def do(office: Office, actor: str, *command: object) -> Any:
    return office.type("--json", "--actor", actor, "trouble", *command)


class TestTrouble:
    """``trouble``."""

    def test_begins_with_the_unit_of_the_account(self, school: Office) -> None:
        incident = report(school)

        assert (incident["unit"], incident["custodian"], incident["state"]) == ("istatistik", "1002", "open")

    def test_goes_up_the_tree_step_by_step_and_no_further(self, school: Office) -> None:
        incident_id = report(school)["id"]

        way = [do(school, "1003", "escalate", incident_id).json["unit"] for _ in range(2)]

        assert way == ["ar-ge", "il-mem"]
        assert do(school, "1003", "escalate", incident_id).code == 2

    def test_ends_with_the_it_unit_where_there_is_one(self, school: Office) -> None:
        config = CONFIG.replace('plate_code = "46"', 'plate_code = "46"\nit_unit = "ar-ge"')
        school.config.write_text(config)
        incident_id = report(school)["id"]

        way = [do(school, "1003", "escalate", incident_id) for _ in range(2)]

        assert [way[0].json["unit"], way[1].code] == ["ar-ge", 2]

    def test_goes_from_the_province_to_its_it_unit(self, school: Office) -> None:
        units = "code,name,kind,parent,login,custodian\nbilgi,Bilgi İşlem,branch,il-mem,bilgi46,1001\n"
        school.type("unit", "import", school.write("it.csv", units))
        school.config.write_text(CONFIG.replace('plate_code = "46"', 'plate_code = "46"\nit_unit = "bilgi"'))
        incident_id = report(school)["id"]

        way = [do(school, "1003", "escalate", incident_id) for _ in range(4)]

        assert [one.json["unit"] for one in way[:3]] == ["ar-ge", "il-mem", "bilgi"]
        assert way[3].code == 2

    def test_shows_every_step_with_its_time_and_actor(self, school: Office) -> None:
        incident_id = report(school)["id"]
        do(school, "1002", "escalate", incident_id)
        do(school, "1001", "resolve", incident_id, "--text", "a new password")

        shown = do(school, "x", "show", incident_id).json

        assert [(step["kind"], step["actor"], step["unit"]) for step in shown["steps"]] == [
            ("trouble_reported", "1003", "istatistik"),
            ("trouble_escalated", "1002", "ar-ge"),
            ("trouble_resolved", "1001", "ar-ge"),
        ]
        assert all(step["at"].endswith("Z") for step in shown["steps"])
        assert (shown["state"], shown["resolution"]) == ("resolved", "a new password")

    def test_tells_people_who_has_it_in_hand(self, school: Office) -> None:
        incident_id = report(school)["id"]

        out = school.type("--lang", "tr", "trouble", "show", incident_id).out

        assert "İstatistik (istatistik), 1002" in out
        assert "bildirildi: istatistik: 1003" in out

    def test_may_be_reported_and_resolved_twice(self, school: Office) -> None:
        incident_id = report(school)["id"]
        assert report(school)["id"] == incident_id

        assert [do(school, "1002", "resolve", incident_id, "--text", "done").code for _ in range(2)] == [0, 0]
        assert do(school, "1002", "escalate", incident_id).code == 2
        assert do(school, "1002", "resolve", incident_id, "--text", "otherwise").code == 2

    def test_is_listed_for_the_unit_that_has_it_and_those_above(self, school: Office) -> None:
        incident_id = report(school)["id"]
        do(school, "1003", "escalate", incident_id)

        listed = {unit: do(school, "x", "list", "--unit", unit).json["items"] for unit in ("il-mem", "istatistik")}

        assert [one["id"] for one in listed["il-mem"]] == [incident_id]
        assert listed["istatistik"] == []
        assert len(school.type("trouble", "list", "--state", "open").out.splitlines()) == 2

    def test_of_a_dry_run_is_not_kept(self, school: Office) -> None:
        do(school, "1003", "report", "istatistik46", "--text", "x", "--dry-run")

        assert do(school, "x", "list").json == {"items": []}

    @pytest.mark.parametrize(
        "command", [("show", "nosuch"), ("escalate", "nosuch"), ("resolve", "nosuch", "--text", "x")]
    )
    def test_of_no_such_report_exits_with_2(self, school: Office, command: tuple[str, ...]) -> None:
        assert do(school, "x", *command).code == 2


class TestAuthority:
    """Who may pass a report on, or close it."""

    @pytest.fixture(name="incident_id")
    def _trouble_id(self, school: Office) -> str:
        school.config.write_text(CONFIG + ENFORCED)
        return str(report(school)["id"])

    @pytest.mark.parametrize("command", [("escalate",), ("resolve", "--text", "x")], ids=["escalate", "resolve"])
    def test_denies_it_to_strangers_and_says_who_could(
        self, school: Office, incident_id: str, command: tuple[str, ...]
    ) -> None:
        answer = do(school, "1001", command[0], incident_id, *command[1:])

        assert (answer.code, answer.json["error"]["cure"]) == (3, "it can be done by 3001")

    @pytest.mark.parametrize("actor", ["1002", "3001"], ids=["custodian", "administrator"])
    def test_lets_those_who_look_after_it_resolve_it(self, school: Office, incident_id: str, actor: str) -> None:
        assert do(school, actor, "resolve", incident_id, "--text", "x").code == 0

    def test_lets_an_officer_of_a_unit_above_resolve_it(self, school: Office, incident_id: str) -> None:
        school.type("--actor", "3001", "authority", "grant", "2001", "officer", "--unit", "il-mem")

        assert do(school, "2001", "resolve", incident_id, "--text", "x").code == 0

    def test_lets_the_reporter_pass_it_on_and_not_close_it(self, school: Office, incident_id: str) -> None:
        assert do(school, "1003", "resolve", incident_id, "--text", "x").code == 3
        assert do(school, "1003", "escalate", incident_id).code == 0
