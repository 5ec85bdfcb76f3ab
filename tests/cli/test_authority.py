"""Giving roles, taking them away and delegating them, and what the commands then allow (001 ¶4; 003 m.10)."""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from provisioner import hookimpl
from provisioner.core.api.errors import Denial
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.model.text import Text
from tests.cli.conftest import CONFIG, Answer, FaultyPlugin, Office, typed

DUTY = """\
[rules.yedek]
rule = "backup-duty"
"""


@pytest.fixture(name="strict")
def _strict(office: Office) -> Office:
    """Return an office whose only administrator is 3001."""
    office.config.write_text(CONFIG + '[authority]\nadministrators = ["3001"]\n')
    return office


def by(office: Office, actor: str, *command: object) -> Answer:
    return office.type("--json", "--actor", actor, *command)


def give(office: Office, *grant: object) -> Any:
    answer = by(office, "3001", "authority", "grant", *grant)
    assert answer.code == 0, answer
    return answer.json["items"][0]


def cure(answer: Answer) -> str:
    """Return who could do what was denied."""
    assert answer.code == 3, answer
    error = answer.json["error"]
    return str(error["cure"] or error["items"][0]["cure"])


def audit_log(office: Office) -> list[Any]:
    with office.open() as store:
        return [json.loads(entry.body) for entry in store.audit_log.entries()]


class TestGrant:
    """``authority grant`` and ``authority revoke``."""

    def test_is_for_administrators(self, strict: Office) -> None:
        assert cure(by(strict, "1001", "authority", "grant", "1001", "administrator")) == "it can be done by 3001"
        assert cure(by(strict, "1001", "authority", "revoke", "1002", "officer")) == "it can be done by 3001"

    def test_takes_effect_and_is_in_the_trail(self, strict: Office) -> None:
        assert "3001" in cure(by(strict, "2001", "unit", "open", "ar-ge"))

        given = give(strict, "2001", "officer", "--unit", "ar-ge")

        assert by(strict, "2001", "unit", "open", "ar-ge").code == 0
        [event] = [one for one in audit_log(strict) if one["kind"] == "authority_granted"]
        assert (event["actor"], event["grant"]["id"]) == ("3001", given["id"])

    def test_is_undone_by_revoke(self, strict: Office) -> None:
        granted = strict.type("--actor", "3001", "authority", "grant", "2001", "officer")
        assert granted.out == "2001: officer: everywhere: assigned\n"
        by(strict, "3001", "authority", "revoke", "2001", "officer")

        assert "3001" in cure(by(strict, "2001", "unit", "open", "ar-ge"))

    def test_may_be_repeated(self, strict: Office) -> None:
        assert give(strict, "2001", "officer")["id"] == give(strict, "2001", "officer")["id"]
        revoke = "authority", "revoke", "2001", "officer"

        assert [len(by(strict, "3001", *revoke).json["items"]) for _ in range(2)] == [1, 0]

    def test_of_a_dry_run_changes_nothing(self, strict: Office) -> None:
        give(strict, "2001", "officer", "--dry-run")
        assert by(strict, "3001", "authority", "list").json == {"items": []}
        give(strict, "2001", "officer")
        by(strict, "3001", "authority", "revoke", "2001", "officer", "--dry-run")

        assert len(by(strict, "3001", "authority", "list").json["items"]) == 1

    def test_of_an_unknown_unit_exits_with_2(self, strict: Office) -> None:
        assert by(strict, "3001", "authority", "grant", "2001", "officer", "--unit", "nosuch").code == 2

    def test_by_an_administrator_of_a_unit_stays_in_that_unit(self, strict: Office) -> None:
        give(strict, "1002", "administrator", "--unit", "ar-ge")

        assert by(strict, "1002", "authority", "grant", "2001", "officer", "--unit", "istatistik").code == 0
        assert cure(by(strict, "1002", "authority", "grant", "2001", "officer")) == "it can be done by 3001"


class TestDelegate:
    """``authority delegate``."""

    @pytest.fixture(autouse=True)
    def _officer(self, strict: Office) -> None:
        give(strict, "2001", "officer", "--unit", "ar-ge")

    def delegate(self, office: Office, actor: str, *more: object, until: str = "2090-01-01") -> Answer:
        command = "authority", "delegate", "--from", "2001", "--to", "1003", "--role", "officer", "--until", until
        return by(office, actor, *command, "--unit", "ar-ge", *more)

    def test_lets_somebody_act_and_records_for_whom(self, strict: Office) -> None:
        assert self.delegate(strict, "2001").code == 0

        answer = by(strict, "1003", "unit", "open", "ar-ge")

        assert answer.code == 0
        [acted] = [one for one in audit_log(strict) if one["kind"] == "acted_for_another"]
        assert (acted["actor"], acted["delegator"]) == ("1003", "2001")
        assert acted["operation_id"] == answer.json["operations"][0]["id"]

    def test_is_for_the_delegator_and_administrators(self, strict: Office) -> None:
        assert cure(self.delegate(strict, "1003")) == "it can be done by 3001"
        assert self.delegate(strict, "3001").code == 0

    def test_needs_a_role_of_the_delegator_s_own(self, strict: Office) -> None:
        assert self.delegate(strict, "2001").code == 0
        again = "--from", "1003", "--to", "1002", "--role", "officer", "--until", "2090-01-01", "--unit", "ar-ge"

        assert cure(by(strict, "1003", "authority", "delegate", *again)).startswith("it can be delegated by 2001")

    def test_is_not_given_on_by_who_only_stands_in_for_an_administrator(self, strict: Office) -> None:
        """A day as a stand-in must not become a role for good, or a longer delegation."""
        give(strict, "1001", "administrator")
        day = "--from", "1001", "--to", "1003", "--role", "administrator", "--until"
        assert by(strict, "1001", "authority", "delegate", *day, "2090-01-01").code == 0

        for given in (
            ("grant", "1003", "administrator"),
            ("revoke", "1001", "administrator"),
            ("delegate", *day, "2099-01-01"),
        ):
            assert cure(by(strict, "1003", "authority", *given)) == "it can be done by Ayşe Işık (1001)"

    def test_means_days_where_people_are(self, strict: Office) -> None:
        grant = self.delegate(strict, "2001", "--from-date", "2027-03-01", until="2027-03-02").json["items"][0]

        here = ZoneInfo("Europe/Istanbul")
        begin, end = (datetime.fromisoformat(grant[key]).astimezone(here) for key in ("starts_at", "ends_at"))
        assert (begin.isoformat(), end.isoformat()) == ("2027-03-01T00:00:00+03:00", "2027-03-03T00:00:00+03:00")

    @pytest.mark.parametrize("more", [[], ["--from-date", "2026-01-01"]], ids=["at once", "from a day on"])
    def test_may_be_repeated(self, strict: Office, more: list[str]) -> None:
        first, second = (self.delegate(strict, "2001", *more).json["items"][0]["id"] for _ in range(2))

        assert first == second

    def test_ends_when_the_delegator_takes_it_back(self, strict: Office) -> None:
        self.delegate(strict, "2001")

        revoke = "authority", "revoke", "1003", "officer", "--unit", "ar-ge", "--from", "2001"
        assert by(strict, "2001", *revoke).code == 0

        assert "3001" in cure(by(strict, "1003", "unit", "open", "ar-ge"))

    @pytest.mark.parametrize("wrong", [["--to", "2001"], ["--until", "2020-01-01"]], ids=["to themselves", "over"])
    def test_of_nonsense_exits_with_2(self, strict: Office, wrong: list[str]) -> None:
        assert self.delegate(strict, "2001", *wrong).code == 2


class TestShow:
    """``authority list`` and ``authority show``."""

    def test_lists_what_holds_for_a_unit(self, strict: Office) -> None:
        give(strict, "2001", "officer", "--unit", "ar-ge")
        give(strict, "2002", "officer", "--unit", "istatistik")
        give(strict, "2003", "auditor")

        listed = by(strict, "1001", "authority", "list", "--unit", "ar-ge").json["items"]

        assert [one["person"] for one in listed] == ["2001", "2003"]

    def test_shows_both_sides_of_a_delegation(self, strict: Office) -> None:
        more = "--from", "1001", "--to", "1002", "--role", "supervisor", "--until", "2090-01-01"
        by(strict, "1001", "authority", "delegate", *more)

        assert [one["delegator"] for one in by(strict, "x", "authority", "show", "1002").json["grants"]] == ["1001"]
        assert [one["person"] for one in by(strict, "x", "authority", "show", "1001").json["delegated"]] == ["1002"]
        assert [one["person"] for one in by(strict, "x", "authority", "list", "--person", "1001").json["items"]] == [
            "1002"
        ]

    def test_tells_people(self, strict: Office) -> None:
        give(strict, "3001", "officer", "--unit", "ar-ge")

        out = strict.type("--lang", "tr", "authority", "show", "3001").out

        assert "yapılandırmaya göre yöneticidir" in out
        assert "PYS yetkilisi" in out

    def test_says_where_nothing_is_enforced(self, office: Office) -> None:
        assert "not enforced" in office.type("authority", "show", "1001").out


class TestCommands:
    """What else is for one role only."""

    def test_the_personnel_office_asks_for_a_clearance(self, strict: Office) -> None:
        assert cure(by(strict, "4001", "clearance", "1003", "--leaving")) == "it can be done by 3001"

        give(strict, "4001", "personnel_office", "--unit", "il-mem")

        assert by(strict, "4001", "clearance", "1003", "--leaving").code == 0

    def test_the_personnel_office_of_another_unit_does_not(self, strict: Office) -> None:
        give(strict, "4001", "personnel_office", "--unit", "istatistik")

        assert cure(by(strict, "4001", "clearance", "1002", "--leaving")) == "it can be done by 3001"

    def test_an_administrator_imports_staff(self, strict: Office) -> None:
        """A list of staff says where passwords are sent and who approves."""
        staff = strict.write("staff.csv", "id,name,unit,title,mobile,supervisor\n1002,X,ar-ge,,+905330000000,1001\n")
        give(strict, "2001", "officer")

        assert cure(by(strict, "2001", "person", "import", staff)) == "it can be done by 3001"
        assert by(strict, "3001", "person", "import", staff).code == 0

    @pytest.mark.parametrize("command", ["import", "open"])
    def test_an_officer_writes_down_units_below_the_own_only(self, strict: Office, command: str) -> None:
        """A person who may write down a unit could make themselves its custodian, or move it below their own."""
        give(strict, "2001", "officer", "--unit", "ar-ge")
        own = strict.write("own.csv", "code,name,kind,parent,login,custodian\nyeni,Yeni,office,ar-ge,yeni46,1002\n")
        other = strict.write("other.csv", "code,name,kind,parent,login,custodian\nil-mem,X,province,,kmarasmem,1002\n")

        assert cure(by(strict, "2001", "unit", command, other)) == "it can be done by 3001"
        assert by(strict, "2001", "unit", command, own).code == 0

    @pytest.mark.parametrize("command", [("list",), ("verify",), ("anchor",)], ids=lambda command: command[0])
    def test_an_auditor_reads_the_trail(self, strict: Office, command: tuple[str, ...]) -> None:
        give(strict, "2001", "officer")
        give(strict, "5001", "auditor")

        assert cure(by(strict, "2001", "audit", *command)) == "it can be done by 5001, 3001"
        assert by(strict, "5001", "audit", *command).code == 0

    @pytest.mark.parametrize("command", [("resume",), ("maintenance", "--off")], ids=lambda command: command[0])
    def test_an_administrator_says_which_targets_are_called(self, strict: Office, command: tuple[str, ...]) -> None:
        give(strict, "2001", "officer")
        name, *options = command

        assert cure(by(strict, "2001", "target", name, "posta", *options)) == "it can be done by 3001"
        assert by(strict, "3001", "target", name, "posta", *options).code == 0

    def test_who_holds_an_account_or_is_its_officer_confirms_its_duties(self, strict: Office) -> None:
        strict.config.write_text(strict.config.read_text() + DUTY)
        give(strict, "2001", "officer", "--unit", "ar-ge")
        by(strict, "2001", "unit", "open", "ar-ge")

        assert cure(by(strict, "1003", "policy", "confirm", "arge46", "yedek")) == "it can be done by 2001, 3001"
        assert by(strict, "2001", "policy", "confirm", "arge46", "yedek").code == 0
        assert by(strict, "1002", "policy", "confirm", "arge46", "yedek").code == 0

    def test_an_auditor_changes_nothing(self, strict: Office) -> None:
        give(strict, "5001", "auditor")

        assert "3001" in cure(by(strict, "5001", "unit", "open", "ar-ge"))

    def test_a_denial_names_every_account_and_who_could(self, strict: Office) -> None:
        give(strict, "2001", "officer", "--unit", "istatistik")

        answer = strict.type("--actor", "1001", "unit", "open", "ar-ge", "istatistik")

        assert answer.code == 3
        assert answer.err.splitlines() == [
            "error: 2 operations denied",
            "  arge46: 1001 is not an officer of ar-ge or of a unit above it",
            "    -> it can be done by 3001",
            "  istatistik46: 1001 is not an officer of istatistik or of a unit above it",
            "    -> it can be done by 2001, 3001",
        ]

    def test_a_plugin_vetoes_what_an_administrator_asks_for(
        self, strict: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def veto(_: FaultyPlugin, request: AuthorizeOperation) -> Denial:
            return Denial(reason=Text("the mail server is frozen"), cure=Text("wait for Monday"))

        monkeypatch.setattr(FaultyPlugin, "operation_authorize", hookimpl(veto), raising=False)

        assert cure(by(strict, "3001", "unit", "open", "ar-ge")) == "wait for Monday"

    def test_without_the_table_nothing_is_denied(self, office: Office) -> None:
        office.type("unit", "open", "ar-ge")

        assert by(office, "anybody", "account", "rotate", "arge46").code == 0


def test_nobody_passes_for_a_policy(office: Office) -> None:
    for command in (["unit", "open", "ar-ge"], ["policy", "release", "x"]):
        answer = office.type("--actor", "policy:renew-or-close", *command)

        assert (answer.code, office.operations()) == (2, [])
        assert "--actor must be the ID of a person, not of a policy." in answer.err


def test_nobody_passes_for_a_policy_by_the_name_of_the_user(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who adds users to a system can call one like a policy."""
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name="policy:renew-or-close"))

    answer = office.type("unit", "open", "ar-ge")

    assert (answer.code, office.operations()) == (2, [])


def test_init_leaves_authority_to_whoever_knows_the_administrators(tmp_path: Any) -> None:
    """What ``init`` writes must work in every later command, regardless of who types it."""
    typed("init", tmp_path)

    assert typed("--config", tmp_path / "provisioner.toml", "--actor", "1001", "authority", "list").code == 0
