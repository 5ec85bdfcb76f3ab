"""``reconcile`` shows what differs, each with its cure, and exits with 4 if a person has something to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from provisioner.cli.output import Output
from provisioner.services.reconcile import Reconcile
from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, Office


def opened(office: Office) -> Office:
    assert office.type("unit", "open", "il-mem", "ar-ge").code == 0
    return office


def test_nothing_differs_after_opening(office: Office) -> None:
    answer = opened(office).type("--json", "reconcile")

    assert (answer.code, answer.json["items"]) == (0, [])
    assert [(target["name"], target["listed"], target["error"]) for target in answer.json["targets"]] == [
        ("posta", 2, None),
        ("pys", 2, None),
    ]


def test_what_somebody_changed_is_shown_with_its_cure(office: Office) -> None:
    opened(office)
    office.plugin.targets["pys"]._entries.pop("arge46")
    office.plugin.targets["posta"]._entries["hacker"] = office.plugin.targets["posta"]._entries["arge46"]
    answer = office.type("--json", "reconcile")

    assert answer.code == 4
    assert [(item["target"], item["login"], item["difference"]) for item in answer.json["items"]] == [
        ("posta", "hacker", "extra"),
        ("pys", "arge46", "missing"),
    ]
    missing = answer.json["items"][1]
    assert (missing["unit"], missing["known"], missing["actual"]) == ("ar-ge", "open", "absent")
    assert "provisioner account rotate arge46" in missing["cure"]
    assert [target["differences"] for target in answer.json["targets"]] == [{"extra": 1}, {"missing": 1}]


def test_only_the_target_or_the_unit_asked_for_is_shown(office: Office) -> None:
    opened(office)
    for target in office.plugin.targets.values():
        target._entries.clear()

    def shown(*options: str) -> list[tuple[str, str]]:
        answer = office.type("--json", "reconcile", *options)
        assert answer.code == 4
        return [(item["target"], item["login"]) for item in answer.json["items"]]

    assert shown("--target", "pys") == [("pys", "arge46"), ("pys", "kmarasmem")]
    assert shown("--unit", "ar-ge") == [("posta", "arge46"), ("pys", "arge46")]
    assert office.type("reconcile", "--target", "yok").code == 2


def test_a_list_that_fails_proves_nothing(office: Office) -> None:
    """Its accounts are not missing, and the other targets are compared all the same."""
    opened(office)
    office.plugin.targets["pys"]._entries.pop("arge46")
    office.faults("posta").on("account_list", Fault.LOSE_REQUEST, calls={2})
    answer = office.type("--json", "reconcile")

    assert answer.code == 4
    assert [(item["target"], item["difference"]) for item in answer.json["items"]] == [("pys", "missing")]
    assert answer.json["targets"][0]["error"]["class"] == "UnknownOutcomeError"
    said = office.type("reconcile")
    assert said.code == 4
    office.faults("posta").clear()
    office.faults("posta").on("account_list", Fault.MISCONFIGURED)
    said = office.type("reconcile")
    assert "posta: not compared completely: " in said.err
    assert "\n  -> " in said.err, "what to do about it"


def test_a_target_that_is_said_to_be_without_a_list_is_no_failure(office: Office) -> None:
    opened(office)
    office.plugin.lacking["posta"] = ("account_list",)

    assert office.type("reconcile").code == 4

    config = office.config.read_text()
    office.config.write_text(config.replace("[targets.posta]\n", '[targets.posta]\ncannot = ["account_list"]\n'))
    answer = office.type("reconcile")
    assert answer.code == 0
    assert "posta: not compared: posta cannot do account_list" in answer.out


class TestLines:
    """``--jsonl``."""

    def test_are_the_parts_of_the_document(self, office: Office) -> None:
        opened(office)
        for target in office.plugin.targets.values():
            target._entries.pop("arge46")
        document = office.type("--json", "reconcile").json
        answer = office.type("reconcile", "--jsonl")

        lines = [json.loads(line) for line in answer.out.splitlines()]
        assert (answer.code, answer.err) == (4, "")
        assert [line["type"] for line in lines] == ["difference", "target"] * 2
        assert [{key: line[key] for key in line if key != "type"} for line in lines[::2]] == document["items"]
        assert [{key: line[key] for key in line if key != "type"} for line in lines[1::2]] == document["targets"]

    def test_come_while_the_comparison_goes_on(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """A list of a million is read for an hour, and nobody keeps all of it or waits for its end."""
        opened(office)
        office.plugin.targets["posta"]._entries.pop("arge46")
        order: list[str] = []
        compare = Reconcile.compare

        def noted(self: Reconcile, **options: Any) -> Iterator[object]:
            for number, found in enumerate(compare(self, **options)):
                order.append(f"found {number}")
                yield found

        monkeypatch.setattr(Reconcile, "compare", noted)
        monkeypatch.setattr(Output, "json_line", lambda *_: order.append("printed"))
        office.type("reconcile", "--jsonl")

        assert order == ["found 0", "printed", "found 1", "printed", "found 2", "printed"]

    def test_exit_with_0_if_nothing_differs(self, office: Office) -> None:
        assert opened(office).type("reconcile", "--jsonl").code == 0

    def test_are_no_document(self, office: Office) -> None:
        for command in (["--json", "reconcile", "--jsonl"], ["reconcile", "--jsonl", "--json"]):
            answer = office.type(*command)
            assert (answer.code, answer.json["error"]["message"]) == (2, "Specify one of --json and --jsonl.")

    def test_are_not_for_an_adoption(self, office: Office) -> None:
        """It has another answer, which would be taken for differences."""
        for option in (["--jsonl"], ["--html", "report.html"]):
            answer = office.type("reconcile", "--adopt", "--dry-run", *option)
            assert (answer.code, "--adopt" in answer.out + answer.err) == (2, True)

    @pytest.mark.parametrize("options", [["--target", "yok"], ["--yok"]], ids=["in a value", "before it is parsed"])
    def test_an_error_is_a_line_as_well(self, office: Office, options: list[str]) -> None:
        answer = office.type("reconcile", *options, "--jsonl")

        assert (answer.code, "class" in answer.json["error"]) == (2, True)


class TestRepair:
    """``reconcile --repair``: shows, asks, repairs, and says what is left."""

    @pytest.fixture(name="drifted")
    def _drifted(self, office: Office) -> Office:
        opened(office)
        office.plugin.targets["pys"]._entries.pop("arge46")
        posta = office.plugin.targets["posta"]._entries
        posta["kmarasmem"] = attrs.evolve(posta["kmarasmem"], attributes={"holder": "1001", "unit": "?", "name": "?"})
        return office

    def test_repairs_what_differs_and_leaves_nothing(self, drifted: Office) -> None:
        answer = drifted.type("--json", "reconcile", "--repair", "--yes")

        assert (answer.code, answer.states) == (0, {"arge46": "done", "kmarasmem": "done"})
        kinds = {item["login"]: item["difference"] for item in answer.json["items"]}
        assert kinds == {"arge46": "missing", "kmarasmem": "attributes"}
        assert drifted.type("reconcile").code == 0

    def test_shows_the_old_and_the_new_name(self, drifted: Office) -> None:
        answer = drifted.type("--json", "reconcile")

        [item] = [item for item in answer.json["items"] if item["difference"] == "attributes"]
        changes = {change["name"]: (change["removes"], change["adds"]) for change in item["changes"]}
        assert changes["unit"] == (["?"], ["İl Millî Eğitim Müdürlüğü"])
        assert "unit: ? → İl Millî Eğitim Müdürlüğü" in item["cure"]

    def test_as_a_dry_run_changes_nothing(self, drifted: Office) -> None:
        answer = drifted.type("--json", "reconcile", "--repair", "--dry-run")

        kinds = [(operation["login"], operation["kind"]) for operation in answer.json["operations"]]
        assert (answer.code, kinds) == (4, [("arge46", "rotate"), ("kmarasmem", "update")])
        assert drifted.type("reconcile").code == 4

    def test_in_a_script_needs_the_answer(self, drifted: Office) -> None:
        assert drifted.type("reconcile", "--repair").code == 2
        assert drifted.type("reconcile").code == 4

    def test_that_leaves_something_to_a_person_exits_with_4(self, drifted: Office) -> None:
        posta = drifted.plugin.targets["posta"]._entries
        posta["hacker"] = posta["arge46"]

        answer = drifted.type("--json", "reconcile", "--repair", "--yes")

        assert (answer.code, set(answer.states.values())) == (4, {"done"})

    def test_that_fails_on_a_target_says_so(self, drifted: Office) -> None:
        drifted.faults("posta").on("account_update", Fault.CANNOT_CONNECT)

        answer = drifted.type("--json", "reconcile", "--repair", "--yes")

        assert (answer.code, answer.states) == (4, {"arge46": "done", "kmarasmem": "incomplete"})

    def test_of_clean_targets_asks_nothing(self, office: Office) -> None:
        answer = opened(office).type("--json", "reconcile", "--repair", "--yes")

        assert (answer.code, answer.json["operations"]) == (0, [])

    @pytest.mark.parametrize(
        "options",
        [("--handover",), ("--yes",), ("--match", "mail"), ("--repair", "--adopt"), ("--repair", "--html", "x.html")],
    )
    def test_options_that_mean_nothing_together_are_refused(self, office: Office, options: tuple[str, ...]) -> None:
        assert office.type("reconcile", *options).code == 2

    def test_only_an_administrator_repairs(self, drifted: Office) -> None:
        drifted.config.write_text(CONFIG + '[authority]\nadministrators = ["3001"]\n')

        assert drifted.type("--actor", "1001", "reconcile", "--repair", "--yes").code == 3
