"""Runs that are held back: what scripts and people see of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from provisioner.core.api.errors import InputError, TargetError, UnavailableError
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.model import Operation, Unit
from tests.cli.conftest import Answer, Office

#: How many units the office has beside its own.
MANY = 10
LOGINS = [f"sube{number}" for number in range(MANY)]


@pytest.fixture(name="office")
def _small_limit(office: Office) -> Office:
    """Return an office whose accounts are open, and where one in five may be closed."""
    office.config.write_text(office.config.read_text() + "[limits]\nmass_change_from = 5\n")
    units = [
        Unit(code=login, name=login, kind="office", parent="il-mem", login=login, custodian="1002") for login in LOGINS
    ]
    with office.open() as store:
        store.units.save(units)
    assert office.type("unit", "open", *LOGINS).code == 0
    return office


@pytest.fixture(name="held")
def _held(office: Office) -> Answer:
    return office.type("--json", "--actor", "1001", "unit", "close", *LOGINS[:3], "--reason", "a wrong list")


@pytest.fixture(name="run_id")
def _run_id(office: Office, held: Answer) -> str:
    [item] = office.type("--json", "policy", "staged").json["items"]
    return str(item["id"])


class TestStaged:
    """A command that would close too much."""

    def test_exits_with_6_and_shows_what_waits(self, office: Office, held: Answer) -> None:
        assert held.code == 6
        assert held.states == dict.fromkeys(LOGINS[:3], "staged")
        [run] = {one["staging"] for one in held.json["operations"]}
        assert {one["error"]["class"] for one in held.json["operations"]} == {"StagedError"}
        assert f"policy release {run}" in held.json["operations"][0]["error"]["cure"]
        assert set(office.states().values()) == {"open"}

    def test_says_once_how_to_go_on(self, office: Office) -> None:
        answer = office.type("account", "close", *LOGINS[:3])

        assert answer.code == 6
        assert answer.out.count("3 of 10 accounts would be closed") == 1
        assert answer.out.count("provisioner policy release") == 1
        assert "3 held" in answer.out
        assert "provisioner resume" not in answer.out

    def test_speaks_turkish(self, office: Office) -> None:
        answer = office.type("--lang", "tr", "account", "close", *LOGINS[:3])

        assert "bekletiliyor: 10 hesaptan 3 tanesi kapanacaktı; sınır yüzde 20" in answer.out

    def test_is_listed(self, office: Office, held: Answer, run_id: str) -> None:
        [item] = office.type("--json", "policy", "staged").json["items"]

        assert item.pop("staged_at").endswith("Z")
        assert item == {
            "id": run_id,
            "actor": "1001",
            "reason": "a wrong list",
            "target": None,
            "affected": 3,
            "out_of": MANY,
            "percent": 20,
            "operations": 3,
            "logins": LOGINS[:3],
        }
        assert run_id in office.type("policy", "staged").out

    def test_is_safe_to_repeat(self, office: Office, held: Answer) -> None:
        again = office.type("--json", "unit", "close", *LOGINS[:3])

        assert (again.code, again.states) == (6, held.states)
        assert len(office.type("--json", "policy", "staged").json["items"]) == 1

    def test_is_left_alone_by_resume(self, office: Office, held: Answer) -> None:
        answer = office.type("--json", "resume")

        assert (answer.code, answer.json["operations"]) == (0, [])

    def test_is_not_split_into_single_commands(self, office: Office) -> None:
        codes = [office.type("account", "close", login).code for login in LOGINS[:4]]

        assert codes == [0, 0, 6, 6]

    @pytest.mark.parametrize(("count", "expected"), [(2, False), (3, True)])
    def test_is_foretold_by_a_dry_run(self, office: Office, count: int, expected: bool) -> None:
        answer = office.type("--json", "unit", "close", *LOGINS[:count], "--dry-run")

        assert (answer.code, answer.json["staged"]) == (0, expected)
        shown = office.type("unit", "close", *LOGINS[:count], "--dry-run").out
        assert ("3 of 10 accounts would be closed" in shown) is expected
        assert office.type("--json", "policy", "staged").json == {"items": []}


class TestRelease:
    """``policy release``."""

    def test_carries_the_run_out(self, office: Office, run_id: str) -> None:
        answer = office.type("--json", "policy", "release", run_id, "--actor", "müdür", "--reason", "it is meant")

        assert (answer.code, answer.states) == (0, dict.fromkeys(LOGINS[:3], "done"))
        assert office.type("--json", "policy", "staged").json == {"items": []}
        with office.open() as store:
            [event] = [event for event in store.audit_log.entries() if event.kind == "run_released"]
        assert event.actor == "müdür"

    def test_takes_the_actor_before_the_command_too(self, office: Office, run_id: str) -> None:
        assert office.type("--actor", "müdür", "policy", "release", run_id).code == 0

    @pytest.mark.parametrize("way", ["release", "discard"])
    def test_needs_a_name(self, office: Office, run_id: str, way: str) -> None:
        """The user of the operating system may be a script."""
        answer = office.type("--json", "policy", way, run_id)

        assert answer.code == 2
        assert "--actor" in answer.json["error"]["message"]
        assert set(office.states().values()) == {"open"}

    def test_as_a_dry_run_shows_the_run(self, office: Office, run_id: str) -> None:
        answer = office.type("--json", "policy", "release", run_id, "--actor", "müdür", "--dry-run")

        assert (answer.code, answer.states) == (0, dict.fromkeys(LOGINS[:3], "planned"))
        assert answer.json["staged"] is False
        assert len(office.type("--json", "policy", "staged").json["items"]) == 1

    @pytest.mark.parametrize("way", ["release", "discard"])
    def test_of_an_unknown_run_exits_with_2(self, office: Office, way: str) -> None:
        answer = office.type("--json", "policy", way, "yok", "--actor", "müdür")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "there is no held run yok"

    def test_by_the_one_who_asked_is_denied_where_authority_is_enforced(self, office: Office) -> None:
        office.config.write_text(office.config.read_text() + '[authority]\nadministrators = ["1001", "1002"]\n')
        office.type("--actor", "1001", "unit", "close", *LOGINS[:3])
        [item] = office.type("--json", "policy", "staged").json["items"]

        own = office.type("--json", "policy", "release", item["id"], "--actor", "1001")
        other = office.type("--json", "policy", "release", item["id"], "--actor", "1002")

        assert (own.code, own.json["error"]["class"]) == (3, "NotAuthorizedError")
        assert other.code == 0


class TestReleaseOfWhatCannotBeLookedUp:
    """``policy release`` when the look-up fails for one account of a run."""

    @pytest.fixture(name="failing", autouse=True)
    def _failing(self, run_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
        """Return the login of the account for which it fails."""
        all_again = Planner.all_again

        def fail(
            planner: Planner, operations: Sequence[Operation]
        ) -> list[PlannedOperation | InputError | TargetError]:
            error = UnavailableError("the personnel system does not know what to say")
            planned = zip(operations, all_again(planner, operations), strict=True)
            return [error if operation.login == LOGINS[1] else one for operation, one in planned]

        monkeypatch.setattr(Planner, "all_again", fail)
        return LOGINS[1]

    def test_carries_out_the_others_and_names_it(self, office: Office, run_id: str, failing: str) -> None:
        answer = office.type("--json", "policy", "release", run_id, "--actor", "müdür")

        assert answer.code == 4
        assert answer.states == {LOGINS[0]: "done", failing: "planned", LOGINS[2]: "done"}
        [error] = [one["error"] for one in answer.json["operations"] if one["login"] == failing]
        assert error["message"] == "the personnel system does not know what to say"
        assert office.type("--json", "policy", "staged").json == {"items": []}
        assert failing in office.type("operation", "list").out

    def test_as_a_dry_run_names_it(self, office: Office, run_id: str, failing: str) -> None:
        answer = office.type("--json", "policy", "release", run_id, "--actor", "müdür", "--dry-run")

        assert (answer.code, set(answer.states)) == (4, {LOGINS[0], LOGINS[2]})
        assert [one["login"] for one in answer.json["refused"]] == [failing]

    def test_needs_the_right_for_that_account_too(self, office: Office, run_id: str) -> None:
        office.config.write_text(office.config.read_text() + '[authority]\nadministrators = ["3001"]\n')

        answer = office.type("--json", "policy", "release", run_id, "--actor", "1002")

        assert answer.code == 3
        assert [one["login"] for one in answer.json["error"]["items"]] == LOGINS[:3]


class TestDiscard:
    """``policy discard``."""

    def test_ends_the_run_and_changes_no_account(self, office: Office, run_id: str) -> None:
        answer = office.type("--json", "policy", "discard", run_id, "--actor", "müdür", "--reason", "a wrong list")

        assert (answer.code, answer.states) == (0, dict.fromkeys(LOGINS[:3], "failed"))
        assert answer.json["operations"][0]["error"]["message"] == "discarded by müdür: a wrong list"
        assert set(office.states().values()) == {"open"}

    def test_is_for_who_asked_and_for_officers_where_authority_is_enforced(self, office: Office, run_id: str) -> None:
        office.config.write_text(office.config.read_text() + '[authority]\nadministrators = ["3001"]\n')

        stranger = office.type("--json", "policy", "discard", run_id, "--actor", "1002")
        asker = office.type("--json", "policy", "discard", run_id, "--actor", "1001")

        assert (stranger.code, stranger.json["error"]["class"]) == (3, "DeniedError")
        assert (asker.code, asker.states) == (0, dict.fromkeys(LOGINS[:3], "failed"))

    def test_as_a_dry_run_changes_nothing(self, office: Office, run_id: str) -> None:
        answer = office.type("policy", "discard", run_id, "--actor", "müdür", "--dry-run")

        assert answer.code == 0
        assert "3 operations would end" in answer.out
        assert len(office.type("--json", "policy", "staged").json["items"]) == 1


class TestProtected:
    """``protected`` under ``[accounts]``."""

    def test_exits_with_3_and_names_the_setting(self, office: Office) -> None:
        text = office.config.read_text()
        office.config.write_text(text.replace("[accounts]", '[accounts]\nprotected = ["sube1", "sube2@meb.gov.tr"]'))

        answer = office.type("--json", "account", "rotate", *LOGINS[:3])

        assert (answer.code, answer.json["error"]["class"]) == (3, "NotAuthorizedError")
        assert [one["login"] for one in answer.json["error"]["items"]] == ["sube1", "sube2"]
        assert "'protected' under [accounts]" in answer.json["error"]["items"][0]["cure"]

    @pytest.mark.parametrize(
        ("pattern", "said"),
        [("", "in 'protected' is neither a login nor a pattern of logins"), ("a@b.c", "the domains are meb.gov.tr")],
    )
    def test_that_could_match_nothing_is_found_at_load(self, office: Office, pattern: str, said: str) -> None:
        text = office.config.read_text()
        office.config.write_text(text.replace("[accounts]", f'[accounts]\nprotected = ["{pattern}"]'))

        answer = office.type("--json", "account", "list")

        assert (answer.code, answer.json["error"]["class"]) == (2, "ConfigurationError")
        assert "accounts" in answer.json["error"]["message"]
        assert said in answer.json["error"]["message"]


@pytest.mark.parametrize("setting", ["mass_change_percent = 0", "mass_change_percent = 101", "mass_change_from = 0"])
def test_limit_that_makes_no_sense_is_found_at_load(bare_office: Office, setting: str) -> None:
    bare_office.config.write_text(bare_office.config.read_text() + f"[limits]\n{setting}\n")

    assert bare_office.type("account", "list").code == 2
