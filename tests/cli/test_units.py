from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.model import Person
from provisioner.testing.faults import Fault
from tests.cli.conftest import Office

HEADER = "code,name,kind,parent,login,custodian\n"
LIST = f"""{HEADER}\
hukuk,Hukuk Birimi,branch,,hukuk46,1001
atama,Atama Birimi,office,hukuk,atama46@meb.gov.tr,1002
"""


@pytest.fixture(name="manifest")
def _manifest(office: Office) -> Path:
    return office.write("units.csv", LIST)


class TestImport:
    """``unit import``."""

    def test_takes_units_over_and_opens_nothing(self, office: Office, manifest: Path) -> None:
        answer = office.type("--json", "unit", "import", manifest)

        assert answer.code == 0
        assert [unit["code"] for unit in answer.json["items"]] == ["hukuk", "atama"]
        assert answer.json["items"][1]["login"] == "atama46"
        assert {"hukuk", "atama"} <= office.units()
        assert office.states() == {}

    def test_may_be_repeated(self, office: Office, manifest: Path) -> None:
        office.type("unit", "import", manifest)

        assert office.type("--json", "unit", "import", manifest).json == {"items": []}

    def test_as_a_dry_run_stores_nothing(self, office: Office, manifest: Path) -> None:
        answer = office.type("unit", "import", "--dry-run", manifest)

        assert answer.code == 0
        assert "2 would be imported" in answer.out
        assert "hukuk" not in office.units()

    def test_of_a_moved_unit_shows_and_moves_its_account(self, office: Office, manifest: Path) -> None:
        office.type("unit", "open", manifest)
        moved = office.write("moved.csv", LIST.replace("office,hukuk", "office,ar-ge"))

        shown = office.type("unit", "import", moved, "--dry-run")

        assert "  posta: → moved: hukuk → ar-ge" in shown.out.splitlines()
        assert office.type("unit", "import", moved).code == 0
        assert "→ moved" not in office.type("account", "update", "atama46", "--dry-run").out

    def test_of_a_wrong_file_stores_nothing_and_names_every_problem(self, office: Office) -> None:
        manifest = office.write("units.csv", f"{HEADER}a,,office,,,\nb,B,Office,c,,\n")

        answer = office.type("--json", "unit", "import", manifest)

        assert answer.code == 2
        assert answer.json["error"]["class"] == "InputError"
        assert [(one["file"], one["line"], one["field"]) for one in answer.json["error"]["items"]] == [
            (str(manifest), 2, "name"),
            (str(manifest), 3, "kind"),
        ]
        assert office.units() == {"il-mem", "ar-ge", "istatistik"}

    def test_of_a_wrong_file_tells_people_line_by_line(self, office: Office) -> None:
        manifest = office.write("units.csv", f"{HEADER}a,,office,,,\n")

        assert f"  {manifest}:2:name: it is missing" in office.type("unit", "import", manifest).err


class TestOpen:
    """``unit open``."""

    def test_opens_the_named_units(self, office: Office) -> None:
        answer = office.type("--json", "--actor", "ayse", "unit", "open", "il-mem", "ar-ge", "--reason", "açılış")

        assert answer.code == 0
        assert answer.states == {"kmarasmem": "done", "arge46": "done"}
        assert {(one["actor"], one["reason"]) for one in answer.json["operations"]} == {("ayse", "açılış")}
        assert office.plugin.channels["sms"].inbox("+905321234567")[0].login == "kmarasmem"

    def test_twice_changes_nothing_the_second_time(self, office: Office) -> None:
        office.type("unit", "open", "il-mem")

        answer = office.type("--json", "unit", "open", "il-mem")

        assert answer.code == 0
        assert answer.json == {
            "operations": [],
            "unchanged": [{"login": "kmarasmem", "reason": "it is open already"}],
        }

    def test_opens_a_file_and_keeps_its_units(self, office: Office, manifest: Path) -> None:
        answer = office.type("--json", "unit", "open", manifest)

        assert answer.code == 0
        assert answer.states == {"hukuk46": "done", "atama46": "done"}
        assert {"hukuk", "atama"} <= office.units()

    def test_takes_a_file_and_codes_together(self, office: Office, manifest: Path) -> None:
        assert office.type("--json", "unit", "open", manifest, "il-mem", "atama").states.keys() == {
            "hukuk46",
            "atama46",
            "kmarasmem",
        }

    def test_takes_one_file_only(self, office: Office, manifest: Path) -> None:
        assert office.type("unit", "open", manifest, "other.toml").code == 2

    def test_as_a_dry_run_shows_the_plan_and_stores_nothing(self, office: Office, manifest: Path) -> None:
        answer = office.type("--json", "unit", "open", manifest, "--dry-run")

        assert answer.code == 0
        assert answer.states == {"hukuk46": "planned", "atama46": "planned"}
        assert [step["hook"] for step in answer.json["operations"][0]["steps"]] == [
            "account_create",
            "account_probe",
            "account_create",
            "account_probe",
            "secret_deliver",
        ]
        assert "hukuk" not in office.units()
        assert office.operations() == []
        assert office.faults("posta").calls == {"target_check": 1, "account_probe": 2}, "a dry run only looks"

    def test_of_unknown_codes_names_all_of_them(self, office: Office) -> None:
        answer = office.type("--json", "unit", "open", "yok1", "il-mem", "yok2")

        assert answer.code == 2
        assert [one["message"] for one in answer.json["error"]["items"]] == [
            "there is no unit yok1",
            "there is no unit yok2",
        ]
        assert office.states() == {}

    def test_of_a_file_that_is_not_there_exits_with_2(self, office: Office) -> None:
        assert office.type("--json", "unit", "open", "none.csv").json["error"]["items"][0]["field"] == "file"

    def test_names_the_line_of_a_custodian_whom_nobody_knows(self, office: Office) -> None:
        manifest = office.write("units.csv", f"{LIST}tayin,Tayin,office,,tayin46,9999\n")

        answer = office.type("--json", "unit", "open", manifest)

        assert answer.code == 2
        assert answer.json["error"]["items"] == [
            {
                "file": str(manifest),
                "line": 4,
                "field": "custodian",
                "message": "person 9999 not found; check the ID, or import the person",
            }
        ]
        assert "hukuk" not in office.units()

    def test_names_the_line_of_a_custodian_who_cannot_be_reached(self, office: Office) -> None:
        """Found by the channel before the first write, and reported like any other problem of the file."""
        manifest = office.write("units.csv", f"{LIST}tayin,Tayin,office,,tayin46,1003\n")

        answer = office.type("--json", "unit", "open", manifest)

        assert answer.code == 2
        assert answer.json["error"]["items"] == [
            {"file": str(manifest), "line": 4, "field": "custodian", "message": "1003: no mobile number"}
        ]
        assert "hukuk" not in office.units()
        assert office.states() == {}

    def test_names_the_person_where_there_is_no_line(self, office: Office) -> None:
        with office.open() as store:
            store.persons.save([Person(id="1001", name="Ayşe Işık")])

        answer = office.type("unit", "open", "il-mem")

        assert answer.code == 2
        assert "mobile: 1001: no mobile number" in answer.err

    def test_on_a_dead_target_changes_nothing_and_exits_with_5(self, office: Office, manifest: Path) -> None:
        office.faults("pys").on("target_check", Fault.CANNOT_CONNECT)

        answer = office.type("--json", "unit", "open", manifest)

        assert answer.code == 5
        assert answer.json["error"]["class"] == "NotReadyError"
        assert [one["field"] for one in answer.json["error"]["items"]] == ["pys"]
        assert "hukuk" not in office.units()
        assert office.faults("posta").calls.keys() == {"target_check"}

    def test_on_a_dead_target_exits_with_5_in_a_dry_run_too(self, office: Office) -> None:
        office.faults("pys").on("target_check", Fault.CANNOT_CONNECT)

        assert office.type("unit", "open", "il-mem", "--dry-run").code == 5

    def test_with_nothing_to_do_needs_no_target(self, office: Office, manifest: Path) -> None:
        """A script that runs twice must not fail the second time because a system is down meanwhile."""
        office.type("unit", "open", manifest)
        office.faults("pys").on("target_check", Fault.CANNOT_CONNECT)

        assert office.type("unit", "open", manifest).code == 0
        assert office.type("unit", "open", manifest, "--dry-run").code == 0

    def test_with_wrong_credentials_exits_with_2(self, office: Office) -> None:
        office.faults("pys").on("target_check", Fault.MISCONFIGURED)

        assert office.type("unit", "open", "il-mem").code == 2

    def test_of_an_empty_list_has_nothing_to_do(self, office: Office) -> None:
        """A script that exports what opens today may export nothing."""
        answer = office.type("--json", "unit", "open", office.write("units.csv", HEADER))

        assert (answer.code, answer.json) == (0, {"operations": [], "unchanged": []})


class TestClose:
    """``unit close``."""

    @pytest.fixture(autouse=True)
    def _open(self, office: Office) -> None:
        office.type("unit", "open", "il-mem", "ar-ge", "istatistik")

    def test_closes_the_accounts_of_the_unit(self, office: Office) -> None:
        answer = office.type("--json", "unit", "close", "istatistik")

        assert answer.code == 0
        assert answer.states == {"istatistik46": "done"}
        assert office.states()["istatistik46"] == "closed"

    def test_is_denied_while_a_unit_below_is_open(self, office: Office) -> None:
        """A closed office above an open one would leave that one without anybody who answers for it."""
        answer = office.type("--json", "unit", "close", "il-mem")

        assert answer.code == 3
        assert answer.json["error"]["class"] == "DeniedError"
        assert "ar-ge, istatistik" in answer.json["error"]["message"]
        assert set(office.states().values()) == {"open"}

    def test_takes_the_subtree_along_when_asked(self, office: Office) -> None:
        answer = office.type("--json", "unit", "close", "ar-ge", "--with-subtree")

        assert answer.states == {"arge46": "done", "istatistik46": "done"}
        assert office.states()["kmarasmem"] == "open"

    def test_is_allowed_when_those_below_are_named_too(self, office: Office) -> None:
        assert office.type("--json", "unit", "close", "ar-ge", "istatistik").code == 0

    def test_is_allowed_when_those_below_are_closed(self, office: Office) -> None:
        office.type("unit", "close", "istatistik")

        assert office.type("--json", "unit", "close", "ar-ge").states == {"arge46": "done"}

    def test_says_which_units_have_no_account(self, office: Office, manifest: Path) -> None:
        office.type("unit", "import", manifest)

        answer = office.type("--json", "unit", "close", "hukuk")

        assert answer.code == 0
        assert answer.json["unchanged"] == [{"login": "hukuk", "reason": "the unit has no account"}]

    def test_as_a_dry_run_closes_nothing(self, office: Office) -> None:
        answer = office.type("--json", "unit", "close", "istatistik", "--dry-run")

        assert answer.states == {"istatistik46": "planned"}
        assert office.states()["istatistik46"] == "open"

    def test_can_be_undone_by_opening_again(self, office: Office) -> None:
        office.type("unit", "close", "istatistik")

        answer = office.type("--json", "unit", "open", "istatistik")

        assert [(one["kind"], one["state"]) for one in answer.json["operations"]] == [("reopen", "done")]


class TestList:
    """``unit list``."""

    def test_has_each_unit_after_the_one_above_it(self, office: Office) -> None:
        assert [unit["code"] for unit in office.type("--json", "unit", "list").json["items"]] == [
            "il-mem",
            "ar-ge",
            "istatistik",
        ]

    def test_shows_people_the_tree(self, office: Office) -> None:
        header, *lines = office.type("unit", "list").out.splitlines()

        assert header.split() == ["code", "name", "kind", "login", "custodian"]
        assert [line.partition(" ")[0] or line.split()[0] for line in lines] == ["il-mem", "ar-ge", "istatistik"]
        assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4]


class TestShow:
    """``unit show``."""

    def test_has_the_unit_its_children_and_accounts(self, office: Office) -> None:
        office.type("unit", "open", "ar-ge")

        unit = office.type("--json", "unit", "show", "ar-ge").json

        assert (unit["code"], unit["parent"], unit["children"]) == ("ar-ge", "il-mem", ["istatistik"])
        assert [account["login"] for account in unit["accounts"]] == ["arge46"]

    def test_tells_people_the_state(self, office: Office) -> None:
        office.type("unit", "open", "ar-ge")

        assert "arge46@meb.gov.tr: open" in office.type("unit", "show", "ar-ge").out

    def test_of_an_unknown_unit_exits_with_2(self, office: Office) -> None:
        assert office.type("unit", "show", "yok").code == 2


class TestRemove:
    """``unit remove``."""

    def test_removes_closed_units_from_the_list(self, office: Office) -> None:
        office.type("unit", "open", "istatistik")
        office.type("unit", "close", "istatistik")

        answer = office.type("--json", "unit", "remove", "istatistik")

        assert answer.code == 0
        assert [unit["code"] for unit in answer.json["items"]] == ["istatistik"]
        assert office.units() == {"il-mem", "ar-ge"}
        assert office.type("unit", "show", "istatistik").code == 2
        assert office.type("account", "show", "istatistik46").code == 0

    def test_says_what_stands_in_the_way_and_what_to_do(self, office: Office) -> None:
        office.type("unit", "open", "ar-ge")

        answer = office.type("unit", "remove", "ar-ge")

        assert answer.code == 3
        assert answer.out.splitlines() == [
            "ar-ge: not removed: its account arge46 is open",
            "  -> run 'provisioner unit close ar-ge' first",
            "ar-ge: not removed: units are below it: istatistik",
            "  -> remove them too, or move them below another unit first",
        ]
        assert office.type("--json", "unit", "remove", "ar-ge").json["needed"][0]["unit"] == "ar-ge"

    def test_as_a_dry_run_removes_nothing(self, office: Office) -> None:
        assert "it would be removed" in office.type("unit", "remove", "istatistik", "--dry-run").out
        assert "istatistik" in office.units()
