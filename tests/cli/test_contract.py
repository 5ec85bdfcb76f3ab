"""``provisioner contract``."""

from __future__ import annotations

import stat
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.messages import CreateAccount, HandOver, Receipt
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.listing import checks
from provisioner.testing.faults import Fault
from provisioner.testing.memory import MemoryTarget
from tests.cli.conftest import Office

pytestmark = pytest.mark.slow


@attrs.define(eq=False)
class Watched(MemoryTarget):
    """Remembers whose accounts it was asked for."""

    units: set[str] = attrs.field(factory=set)
    holders: set[str] = attrs.field(factory=set)

    def account_create(self, request: CreateAccount) -> Receipt:
        self.units.add(request.unit.code)
        self.holders.add(request.holder.id)
        return super().account_create(request)

    def account_handover(self, request: HandOver) -> Receipt:
        self.holders.add(request.holder.id)
        return super().account_handover(request)


def test_a_sound_target_passes_and_is_as_empty_as_before(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the user's own pytest is told, it is not told to this one."""
    (tmp_path / "conftest.py").write_text("raise RuntimeError")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    report = tmp_path / "report.xml"

    answer = office.type("contract", "posta", "--junit", report)

    assert answer.code == 0, answer.out
    assert "ok         create_opens_an_account\n" in answer.out
    assert "skipped    throttling_is_said: needs a system that limits the rate" in answer.out
    assert ", 0 failed," in answer.out
    assert not office.plugin.targets["posta"]._entries
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert 'failures="0"' in report.read_text()
    assert 'name="test_create_opens_an_account"' in report.read_text()


def test_a_target_that_breaks_the_contract_fails_with_the_reason(office: Office) -> None:
    office.faults("posta").on("account_rotate", Fault.REFUSE)

    answer = office.type("--json", "contract", "posta")

    assert answer.code == 4
    found = {(one["check"], one["case"]): one for one in answer.json["items"]}
    failed = found["rotate_replaces_the_secret", ""]
    assert (failed["verdict"], failed["tag"]) == ("failed", "contract_core")
    assert "it is against the rules here" in failed["reason"]
    assert found["close_twice_is_unchanged", ""]["verdict"] == "ok"
    assert answer.json["left_behind"] == []


def test_a_hook_that_is_missing_fails_until_the_configuration_says_so(office: Office) -> None:
    office.plugin.lacking["posta"] = ("account_delete",)
    check = "hooks_are_there_or_left_out_on_purpose"

    for verdict in ("failed", "ok"):
        answer = office.type("--json", "contract", "posta")
        [found] = [one for one in answer.json["items"] if one["check"] == check]
        assert found["verdict"] == verdict, found["reason"]
        text = office.config.read_text()
        office.config.write_text(text.replace("[targets.posta]\n", '[targets.posta]\ncannot = ["account_delete"]\n'))


def test_accounts_that_may_still_be_open_are_named(office: Office) -> None:
    office.faults("posta").on("account_close", Fault.REFUSE)
    office.faults("posta").on("account_delete", Fault.REFUSE)

    answer = office.type("contract", "posta")

    assert answer.code == 4
    assert "the account sozlesme" in answer.err


def test_the_accounts_can_belong_to_a_unit_that_the_target_knows(office: Office) -> None:
    watched = office.plugin.targets["posta"] = Watched()

    answer = office.type("contract", "posta", "--unit", "ar-ge")

    assert answer.code == 0, answer.out
    assert "ar-ge" in watched.units
    assert watched.holders == {"1002", "1001"}


def test_a_target_that_cannot_be_reached_is_not_judged(office: Office) -> None:
    office.faults("posta").on("target_check", Fault.CANNOT_CONNECT)

    answer = office.type("contract", "posta")

    assert answer.code == 5
    assert office.faults("posta").calls["account_create"] == 0


def test_it_is_for_administrators_where_authority_is_enforced(office: Office) -> None:
    """It makes hundreds of accounts on a system that people work with."""
    office.config.write_text(office.config.read_text() + '[authority]\nadministrators = ["3001"]\n')

    answer = office.type("--json", "--actor", "1001", "contract", "posta")

    assert (answer.code, answer.json["error"]["cure"]) == (3, "it can be done by 3001")
    assert not office.faults("posta").calls


def test_a_dry_run_lists_the_checks_and_calls_nothing(office: Office) -> None:
    answer = office.type("--json", "contract", "posta", "--dry-run")

    assert answer.code == 0
    assert {one["check"] for one in answer.json["items"]} == {check.name for check in checks(TargetContract)}
    assert not office.plugin.targets


def test_an_unknown_target_is_named_with_those_that_there_are(office: Office) -> None:
    answer = office.type("contract", "mail")

    assert answer.code == 2
    assert "there is no target mail; the targets are posta, pys" in answer.err


def test_an_unknown_unit_is_an_error_before_anything_is_made(office: Office) -> None:
    answer = office.type("contract", "posta", "--unit", "nowhere")

    assert answer.code == 2
    assert office.faults("posta").calls["account_create"] == 0


def test_without_pytest_the_cure_is_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.services.contract.find_spec", lambda _: None)

    answer = office.type("contract", "posta")

    assert answer.code == 2
    assert "pip install 'unit-provisioner[testing]'" in answer.err
