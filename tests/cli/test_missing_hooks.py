"""What a target cannot do is told before, while and after something is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provisioner.testing.memory import MemoryTarget
from tests.cli.conftest import Office

MEMORY = """\
[targets.pys]
plugin = "memory"
cannot = ["account_probe"]"""


@pytest.fixture(name="poor")
def _poor(office: Office) -> Office:
    """An office with an open account, and without some hooks from then on."""
    office.type("unit", "open", "ar-ge")
    office.plugin.lacking["pys"] = ("account_close", "account_handover")
    return office


def declare(office: Office, *hooks: str, place: str = "targets.pys") -> None:
    text = office.config.read_text()
    office.config.write_text(text.replace(f"[{place}]\n", f"[{place}]\ncannot = {json.dumps(hooks)}\n"))


def findings(office: Office) -> list[dict[str, Any]]:
    return [one for one in office.type("--json", "check").json["items"] if one["name"] == "targets.pys"]


class TestUndeclared:
    """The configuration says nothing of it."""

    def test_check_tells_it_with_the_cure(self, poor: Office) -> None:
        assert poor.type("check").code == 2
        problems = [finding for finding in findings(poor) if finding["status"] == "problem"]

        assert [problem["message"] for problem in problems] == [
            "pys has no account_close",
            "pys has no account_handover",
        ]
        assert 'cannot = ["account_close"] under [targets.pys]' in problems[0]["cure"]

    @pytest.mark.parametrize("more", [(), ("--check",)])
    def test_plugins_tell_it(self, office: Office, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]) -> None:
        office.config.write_text(office.config.read_text().replace('[targets.pys]\nplugin = "faulty"', MEMORY))
        monkeypatch.setattr(MemoryTarget, "account_close", None)
        monkeypatch.setattr(MemoryTarget, "account_probe", None)
        items = office.type("--json", "plugins", *more).json["items"]
        [served] = [one for plugin in items for one in plugin["serves"] if one["name"] == "targets.pys"]

        assert served["cannot"] == ["account_probe"]
        assert [one["reason"] for one in served["missing"]] == ["pys has no account_close"]
        assert "  pys has no account_close\n" in office.type("plugins", *more).out

    @pytest.mark.parametrize(
        "command", [("account", "close", "arge46"), ("unit", "close", "ar-ge"), ("handover", "arge46", "--to", "1001")]
    )
    def test_a_dry_run_tells_it(self, poor: Office, command: tuple[str, ...]) -> None:
        answer = poor.type(*command, "--dry-run")

        assert answer.code == 4
        assert "pys has no account_" in answer.out
        assert "arge46" in answer.out

    def test_a_closing_exits_with_4_and_names_target_and_account(self, poor: Office) -> None:
        answer = poor.type("account", "close", "arge46")

        assert answer.code == 4
        assert "arge46: close: incomplete" in answer.out
        assert "pys has no account_close" in answer.out
        assert poor.states() == {"arge46": "incomplete"}

    def test_a_handover_exits_with_4_and_nothing_is_written(self, poor: Office) -> None:
        answer = poor.type("--json", "handover", "arge46", "--to", "1001")

        assert (answer.code, answer.json["operations"]) == (4, [])
        [refused] = answer.json["refused"]
        assert refused["login"] == "arge46"
        assert "pys has no account_handover" in refused["reason"]
        assert len(poor.operations()) == 1

    def test_clearance_is_blocked(self, poor: Office) -> None:
        poor.type("handover", "arge46", "--to", "1001")
        assert poor.type("clearance", "1002", "--leaving").code == 3
        poor.type("account", "close", "arge46")
        assert poor.type("clearance", "1002", "--leaving").code == 3


class TestDeclared:
    """The configuration says that the target cannot do it."""

    @pytest.fixture(name="declared")
    def _declared(self, poor: Office) -> Office:
        declare(poor, "account_close", "account_handover")
        return poor

    def test_check_is_content_and_says_it(self, declared: Office) -> None:
        found = findings(declared)

        assert [one["status"] for one in found] == ["ok", "ok"]
        assert found[1]["message"] == "cannot do account_close, account_handover, as the configuration says"

    def test_a_closing_says_where_it_is_not_done(self, declared: Office) -> None:
        answer = declared.type("account", "close", "arge46")

        assert answer.code == 0
        assert "  not done: pys cannot do account_close, as the configuration says" in answer.out

    def test_an_account_is_not_shown_as_closed_where_it_is_not(self, declared: Office) -> None:
        declared.type("account", "close", "arge46")

        shown = declared.type("--json", "account", "show", "arge46").json
        assert shown["targets"] == [
            {"name": "posta", "state": "closed", "last_seen": None},
            {"name": "pys", "state": "open", "last_seen": None},
        ]
        for command in (("account", "show", "arge46"), ("account", "list"), ("unit", "show", "ar-ge")):
            assert "closed (pys: open)" in declared.type(*command).out

    def test_a_handover_says_where_it_is_not_done(self, declared: Office) -> None:
        answer = declared.type("--json", "handover", "arge46", "--to", "1001")
        [operation] = answer.json["operations"]

        assert (answer.code, operation["state"]) == (0, "done")
        record = declared.type("--json", "handover", "show", operation["id"]).json
        assert record["not_handed_over_on"] == ["pys"]
        assert "pys" in declared.type("handover", "show", operation["id"]).out

    @pytest.mark.parametrize("end", [("handover", "arge46", "--to", "1001"), ("account", "close", "arge46")])
    def test_clearance_says_where_the_person_may_still_log_in(self, declared: Office, end: tuple[str, ...]) -> None:
        declared.type(*end)

        answer = declared.type("--json", "clearance", "1002", "--leaving")

        assert answer.json["remarks"] == ["arge46 on pys: not verified that this person can no longer log in"]
        assert "arge46 on pys" in declared.type("clearance", "1002", "--leaving").out


@pytest.mark.parametrize(
    ("place", "hooks", "message"),
    [
        ("targets.pys", ["account_clsoe"], "account_clsoe is not a hook that 'cannot' can list"),
        ("targets.pys", ["secret_deliver"], "secret_deliver is not a hook that 'cannot' can list"),
        ("channels.sms", ["account_close"], "account_close is not a hook that 'cannot' can list"),
        ("targets.pys", "account_close", "expected a list"),
        ("targets.posta", ["account_close"], "'cannot' lists account_close for posta"),
    ],
)
def test_what_cannot_be_left_out_is_a_wrong_setting(
    poor: Office, place: str, hooks: list[str] | str, message: str
) -> None:
    text = poor.config.read_text()
    poor.config.write_text(text.replace(f"[{place}]\n", f"[{place}]\ncannot = {json.dumps(hooks)}\n"))

    answer = poor.type("account", "close", "arge46")

    assert answer.code == 2
    assert message in answer.err
