"""``reconcile --adopt`` shows what it takes over, asks once, and changes nothing else."""

from __future__ import annotations

from pathlib import Path
from shutil import copy

import click
import pytest

from provisioner.cli import questions
from tests.cli.conftest import Office


@pytest.fixture(name="site")
def _site(office: Office, stores: Path) -> Office:
    """Return an office whose targets have accounts of which its store knows nothing."""
    assert office.type("unit", "open", "il-mem", "ar-ge").code == 0
    posta, pys = office.plugin.targets["posta"], office.plugin.targets["pys"]
    pys._entries.pop("arge46")
    posta._entries["yabanci"] = posta._entries["arge46"]
    for file in office.config.parent.glob("provisioner.sqlite*"):
        file.unlink()
    copy(stores / "filled.sqlite", office.config.parent / "provisioner.sqlite")
    return office


@pytest.fixture(name="answers")
def _answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a person at a terminal answer questions. Each question is added to the answers."""
    answers: list[str] = []

    def prompt(text: str, **_: object) -> str:
        answers.append(text)
        return answers[0]

    monkeypatch.setattr(questions, "_is_terminal", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    return answers


def test_what_is_adopted_is_shown_and_known(site: Office) -> None:
    answer = site.type("--json", "reconcile", "--adopt", "--yes")

    assert answer.code == 4, "one is left for a person"
    assert answer.json["dry_run"] is False
    adopted = [
        (item["login"], item["unit"], item["holder"], item["matched_by"], item["password_age"])
        for item in answer.json["adopted"]
    ]
    assert adopted == [
        ("arge46", "ar-ge", "1002", "login", "spread"),
        ("kmarasmem", "il-mem", "1001", "login", "spread"),
    ]
    assert answer.json["adopted"][0]["targets"] == [{"name": "posta", "state": "open"}]
    [left] = answer.json["refused"]
    assert (left["login"], left["targets"], left["reason"]) == ("yabanci", ["posta"], "no unit matches it by login")
    assert left["cure"]
    assert answer.json["targets"] == [{"name": "posta", "listed": 3}, {"name": "pys", "listed": 1}]
    assert site.states() == {"arge46": "open", "kmarasmem": "open"}

    assert "ar-ge → 1002 (login)" in site.type("audit", "list", "--login", "arge46").out
    again = site.type("reconcile", "--adopt", "--yes")
    assert "0 accounts adopted, 1 account not" in again.out
    differences = site.type("--json", "reconcile").json["items"]
    assert [(item["target"], item["login"], item["difference"]) for item in differences] == [
        ("posta", "yabanci", "extra"),
        ("pys", "arge46", "not_joined"),
    ]


def test_nobody_gets_a_message_and_no_password_changes(site: Office) -> None:
    before = {name: dict(target._entries) for name, target in site.plugin.targets.items()}
    sent = len(site.plugin.channels["sms"]._messages)
    site.type("reconcile", "--adopt", "--yes")

    assert {name: target._entries for name, target in site.plugin.targets.items()} == before
    assert len(site.plugin.channels["sms"]._messages) == sent


def test_a_dry_run_changes_nothing(site: Office) -> None:
    answer = site.type("reconcile", "--adopt", "--dry-run")

    assert answer.code == 4
    assert "2 accounts to adopt, 1 account not; nothing was changed" in answer.out
    assert "yabanci: not adopted: no unit matches it by login" in answer.out
    assert site.states() == {}
    shown = site.type("--json", "reconcile", "--adopt", "--dry-run").json
    assert shown["dry_run"] is True
    assert len(shown["adopted"]) == 2


def test_only_the_unit_or_the_target_asked_for(site: Office) -> None:
    answer = site.type("--json", "reconcile", "--adopt", "--yes", "--unit", "ar-ge", "--target", "posta")

    assert (answer.code, answer.json["refused"]) == (0, [])
    assert site.states() == {"arge46": "open"}


@pytest.mark.parametrize(("typed", "states"), [("yes", 2), ("Y", 2), ("no", 0), ("", 0), ("what", 0)])
def test_a_person_is_asked_once_and_only_yes_means_yes(
    site: Office, answers: list[str], typed: str, states: int
) -> None:
    answers.append(typed)
    answer = site.type("reconcile", "--adopt")

    assert answers[1:] == ["Adopt 2 accounts? [yes/no]"]
    assert len(site.states()) == states
    assert ("nothing was changed" in answer.out) is (states == 0)


def test_the_question_and_the_answer_may_be_turkish(site: Office, answers: list[str]) -> None:
    answers.append("evet")
    site.type("--lang", "tr", "reconcile", "--adopt")

    assert answers[1:] == ["2 hesap yönetime alınsın mı? [evet/hayır]"]
    assert len(site.states()) == 2


def test_a_script_says_yes_beforehand(site: Office) -> None:
    """It must not wait for an answer that nobody gives."""
    answer = site.type("reconcile", "--adopt")

    assert answer.code == 2
    assert "--yes" in answer.err
    assert site.states() == {}


def test_nothing_to_adopt_is_no_question(office: Office, answers: list[str]) -> None:
    assert office.type("reconcile", "--adopt").code == 0
    assert answers == []


@pytest.mark.parametrize("option", [["--yes"], ["--dry-run"], ["--match", "mail"]])
def test_options_of_adoption_do_not_change_the_comparison(office: Office, option: list[str]) -> None:
    assert office.type("reconcile", *option).code == 2
