"""``reconcile`` shows what differs, each with its cure, and exits with 4 if a person has something to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from provisioner.cli.output import Output
from provisioner.services.reconcile import Reconcile
from provisioner.testing.faults import Fault
from tests.cli.conftest import Office


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
    office.faults("posta").on("account_list", Fault.CANNOT_CONNECT)
    said = office.type("reconcile")
    assert "posta: not compared completely: " in said.err


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
            assert (answer.code, answer.json["error"]["message"]) == (2, "Give one of --json and --jsonl.")

    def test_are_not_for_an_adoption(self, office: Office) -> None:
        """It has another answer, which would be taken for differences."""
        for option in (["--jsonl"], ["--html", "report.html"]):
            answer = office.type("reconcile", "--adopt", "--dry-run", *option)
            assert (answer.code, "--adopt" in answer.out + answer.err) == (2, True)

    @pytest.mark.parametrize("options", [["--target", "yok"], ["--yok"]], ids=["in a value", "before it is parsed"])
    def test_an_error_is_a_line_as_well(self, office: Office, options: list[str]) -> None:
        answer = office.type("reconcile", *options, "--jsonl")

        assert (answer.code, "class" in answer.json["error"]) == (2, True)
