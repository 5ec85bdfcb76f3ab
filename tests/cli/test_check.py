from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import metadata

import pytest
import time_machine

from provisioner.core.api.messages import PasswordLimits, TargetReport
from provisioner.testing.faults import Fault
from provisioner.testing.memory import MemoryTarget
from tests.cli.conftest import Answer, Office, typed


def _status(answer: Answer) -> dict[str, str]:
    return {one["name"]: one["status"] for one in answer.json["items"]}


class TestCheck:
    """``check``."""

    def test_says_of_every_part_that_it_works(self, office: Office) -> None:
        answer = office.type("--json", "check")

        assert answer.code == 0
        parts = ["config", "libraries", "store", "clock", "passwords", "targets.posta", "targets.pys", "channels.sms"]
        warnings = ["authority", "comparisons.posta", "comparisons.pys"]
        assert _status(answer) == {**dict.fromkeys(parts, "ok"), **dict.fromkeys(warnings, "warning")}
        assert all(one.keys() == {"name", "status", "message", "cure"} for one in answer.json["items"])

    def test_tells_people_one_line_each(self, office: Office) -> None:
        lines = office.type("check").out.splitlines()

        assert len(lines) == 11 + 3
        assert lines[5].startswith("warning  authority: ")
        assert lines[7].startswith("ok       targets.posta: ")

    def test_of_an_entitlement_on_an_unknown_target_says_which_targets_there_are(self, office: Office) -> None:
        with office.config.open("a", encoding="utf-8") as configuration:
            configuration.write('\n[entitlements.printing]\ntarget = "nowhere"\n')

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert _status(answer)["config"] == "problem"
        assert answer.json["items"][0]["cure"] == "name one of these: posta, pys"

    def test_of_a_restored_backup_says_that_accounts_must_be_verified(self, office: Office) -> None:
        store = office.config.with_name("provisioner.sqlite")
        office.type("unit", "open", "il-mem")
        backup = store.read_bytes()
        office.type("account", "rotate", "kmarasmem")
        store.unlink()
        store.write_bytes(backup)

        answer = office.type("--json", "check")

        assert answer.code == 4
        [found] = [one for one in answer.json["items"] if one["name"] == "store" and one["status"] == "problem"]
        assert "provisioner.sqlite.head" in found["cure"]
        office.type("account", "rotate", "kmarasmem")
        assert office.type("check").code == 4, "what was done later does not make up for what was lost"

    def test_tells_how_each_target_compared_the_last_time(self, office: Office) -> None:
        office.type("unit", "open", "il-mem", "ar-ge")
        assert "warning  comparisons.posta: never compared" in office.type("check").out

        office.plugin.targets["pys"]._entries.pop("arge46")
        office.type("reconcile")
        answer = office.type("check")

        assert answer.code == 0, "a warning does not change the exit code"
        lines = answer.out.splitlines()
        assert "ok       comparisons.posta: compared less than a day ago, no differences" in lines
        place = lines.index("warning  comparisons.pys: compared less than a day ago, 1 difference")
        assert lines[place + 1] == "  -> run 'provisioner reconcile --target pys'"

    def test_wants_no_comparison_of_a_target_without_a_list(self, office: Office) -> None:
        """Nobody can make that warning go away by comparing."""
        office.plugin.lacking["posta"] = ("account_list",)
        items = {one["name"]: one for one in office.type("--json", "check").json["items"]}
        assert "posta has no account_list" in items["comparisons.posta"]["message"]
        assert 'cannot = ["account_list"]' in items["comparisons.posta"]["cure"]

        config = office.config.read_text()
        office.config.write_text(config.replace("[targets.posta]\n", '[targets.posta]\ncannot = ["account_list"]\n'))
        assert "comparisons.posta" not in _status(office.type("--json", "check"))

    def test_counts_administrators_and_roles_once_authority_is_enforced(self, office: Office) -> None:
        office.config.write_text(office.config.read_text() + '[authority]\nadministrators = ["3001"]\n')

        assert "1 administrator, 0 roles given" in office.type("check").out

    def test_without_any_administrator_exits_with_2(self, office: Office) -> None:
        office.config.write_text(office.config.read_text() + "[authority]\n")

        answer = office.type("--json", "check")

        assert (answer.code, _status(answer)["authority"]) == (2, "problem")

    def test_warns_of_a_secret_in_the_configuration(self, office: Office) -> None:
        """``plain:`` forces it, and the person who reads the file reads the secret."""
        text = (
            '[channels.pys]\nplugin = "pys"\nurl = "https://pys.example"\n[channels.pys.more]\nkey = "plain:geheim"\n'
        )
        office.config.write_text(office.config.read_text() + text)

        answer = office.type("--json", "check")

        found = [one for one in answer.json["items"] if one["name"] == "config" and one["status"] == "warning"]
        assert [one["message"].split(" is ")[0] for one in found] == ["channels.pys.more.key"]
        assert "geheim" not in answer.out + answer.err

    def test_of_a_dead_target_still_checks_the_others_and_exits_with_5(self, office: Office) -> None:
        office.faults("posta").on("target_check", Fault.CANNOT_CONNECT)

        answer = office.type("--json", "check")

        assert answer.code == 5
        assert _status(answer)["targets.posta"] == "problem"
        assert _status(answer)["targets.pys"] == "ok"

    def test_of_wrong_credentials_exits_with_2(self, office: Office) -> None:
        office.faults("sms").on("channel_check", Fault.MISCONFIGURED)

        assert office.type("check").code == 2

    def test_of_both_exits_with_2(self, office: Office) -> None:
        """Somebody has to fix something, whatever comes back by itself."""
        office.faults("posta").on("target_check", Fault.CANNOT_CONNECT)
        office.faults("sms").on("channel_check", Fault.MISCONFIGURED)

        assert office.type("check").code == 2

    def test_without_a_configuration_names_the_cure(self, office: Office) -> None:
        office.config.unlink()

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert "provisioner init" in answer.json["items"][0]["cure"]

    def test_without_a_store_still_checks_the_targets(self, office: Office) -> None:
        (office.config.parent / "provisioner.sqlite").unlink()

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert _status(answer)["store"] == "problem"
        assert _status(answer)["targets.pys"] == "ok"
        assert not (office.config.parent / "provisioner.sqlite").exists()

    def test_of_a_plugin_that_does_not_load_still_checks_the_others(self, office: Office) -> None:
        office.config.write_text(office.config.read_text() + '[targets.third]\nplugin = "nosuch"\n')

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert _status(answer)["plugins.nosuch"] == "problem"
        assert _status(answer)["targets.posta"] == "ok"

    def test_warns_of_a_clock_that_runs_behind_the_store(self, office: Office) -> None:
        """Next tries and deadlines would come late, and nobody would see why."""
        office.type("unit", "open", "il-mem")

        with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)):
            answer = office.type("--json", "check")

        assert answer.code == 0
        assert _status(answer)["clock"] == "warning"

    def test_complains_of_the_old_passlib(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """It has the same import name as its successor, and the one installed last wins."""

        class Passlib:
            name = "passlib"

        real = list(metadata.distributions())
        monkeypatch.setattr(metadata, "distributions", lambda: [*real, Passlib()])

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert _status(answer)["libraries"] == "problem"

    def test_says_of_every_rule_set_where_it_holds(self, office: Office) -> None:
        office.config.write_text(
            office.config.read_text()
            + '[rules.passwords]\nrule = "renew-or-close"\n'
            + '[rules.schools]\nrule = "retention"\nkinds = ["school"]\nunder = ["ar-ge"]\n'
            + '[rules.lost]\nrule = "custodian"\nunder = ["ar-ge", "arge", "il"]\n'
        )

        answer = office.type("--json", "check")

        found = {one["name"]: one for one in answer.json["items"]}
        assert answer.code == 0
        assert found["rules.passwords"]["message"] == "applies to all units"
        assert found["rules.schools"]["message"] == "applies to units of kind school under ar-ge"
        assert (found["rules.lost"]["status"], found["rules.lost"]["message"]) == (
            "warning",
            "there is no unit arge, il",
        )

    def test_of_rules_that_contradict_each_other_exits_with_2(self, office: Office) -> None:
        rules = '[rules.close]\nrule = "renew-or-close"\n[rules.rotate]\nrule = "auto-rotate"\nto_day = 40\n'
        office.config.write_text(office.config.read_text() + rules)

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert _status(answer)["rules"] == "problem"
        assert _status(answer)["targets.posta"] == "ok"

    def test_shows_certificates(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """004 m.12/d: those that are good, those that run out, and those that nobody can see."""
        now = datetime.now(UTC)
        until = {"a": now + timedelta(days=90), "b": now + timedelta(days=3), "c": now - timedelta(days=3)}
        report = TargetReport(certificates=until)
        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: report)
        office.config.write_text(
            office.config.read_text()
            + '[rules.certificates]\nrule = "certificate"\nfiles = ["no.pem"]\ntargets = ["posta", "nosuch"]\n'
        )

        answer = office.type("--json", "check")

        found = {
            one["name"].removeprefix("certificate:"): (one["status"], one["message"])
            for one in answer.json["items"]
            if one["name"].startswith("certificate:")
        }
        assert answer.code == 2
        assert {name: status for name, (status, _) in found.items()} == {
            str(office.config.parent / "no.pem"): "problem",
            "nosuch": "problem",
            "posta (a)": "ok",
            "posta (b)": "warning",
            "posta (c)": "warning",
        }
        assert "it expires on" in found["posta (b)"][1]
        assert "expired on" in found["posta (c)"][1]

    def test_shows_what_the_plugins_warn_of(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: TargetReport(warnings=("the certificate ends",)))

        answer = office.type("--json", "check")

        assert answer.code == 0
        assert {"name": "targets.pys", "status": "warning", "message": "the certificate ends", "cure": ""} in (
            answer.json["items"]
        )

    def test_compares_what_a_target_demands_of_passwords_with_what_is_done(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A directory that ends passwords before the rules do locks people out of whom nobody warned them."""
        limits = PasswordLimits(maximum_age=20 * 86400)
        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: TargetReport(passwords=limits))
        with office.config.open("a") as file:
            file.write('[rules.passwords]\nrule = "renew-or-close"\n')

        answer = office.type("--json", "check")

        [said] = [
            one["message"] for one in answer.json["items"] if one["name"] == "targets.pys" and one["status"] != "ok"
        ]
        assert "after 20 days, but the rules keep them for 30" in said

    def test_a_target_that_would_refuse_every_password_does_not_work(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits = PasswordLimits(minimum_length=99)
        monkeypatch.setattr(MemoryTarget, "target_check", lambda _: TargetReport(passwords=limits))

        answer = office.type("--json", "check")

        assert answer.code == 2
        assert _status(answer)["targets.pys"] == "problem"


def test_speaks_turkish(office: Office) -> None:
    assert "iyi      store: sürüm" in typed("--config", office.config, "--lang", "tr", "check").out
