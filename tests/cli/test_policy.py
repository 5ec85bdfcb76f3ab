"""``provisioner policy``: what the rules want, what they do, and what they would do."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from provisioner.core.api.rules import Action, Deadline, Facts
from provisioner.rules.passwords import RenewOrClose
from provisioner.testing.faults import Fault, Faults
from tests.cli.conftest import CONFIG, Office

RULES = """
[rules.renewal]
rule = "renew-or-close"
[rules.offices]
rule = "auto-rotate"
kinds = ["office"]
[rules.backup]
rule = "backup-duty"
kinds = ["province"]
"""

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(name="travel")
def _travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as travel:
        yield travel


@pytest.fixture(name="ruled")
def _ruled(office: Office, travel: time_machine.Traveller) -> Office:
    """Three accounts, opened at START under two main rule sets."""
    office.config.write_text(CONFIG + RULES, encoding="utf-8")
    assert office.type("policy", "sweep").code == 0
    assert office.type("unit", "open", "il-mem", "ar-ge", "istatistik").code == 0
    return office


def happened(answer_json: dict[str, list[dict[str, object]]]) -> list[tuple[object, object]]:
    operations = [(one["kind"], one["login"]) for one in answer_json["operations"]]
    return sorted([*operations, *((one["action"], one["login"]) for one in answer_json["notices"])])


def test_a_sweep_that_was_asked_to_stop_ends_with_4(ruled: Office, travel: time_machine.Traveller) -> None:
    """What it did is done; what was due behind it is not."""
    travel.move_to(START + 23 * DAY)
    warned = Faults(pause=lambda: os.kill(os.getpid(), signal.SIGTERM))
    warned.on("notice_deliver", Fault.PAUSE)
    ruled.plugin.faults["sms"] = warned

    answer = ruled.type("--json", "policy", "sweep")

    assert answer.code == 4
    assert {one["state"] for one in answer.json["operations"]} == {"done"}
    assert [one["delivered"] for one in answer.json["notices"]] == [True]
    assert "was stopped" in answer.err


class TestRuleThatFails:
    """A rule that raises for one account of three."""

    @pytest.fixture(autouse=True)
    def _fails_for_one(self, ruled: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = RenewOrClose.deadlines

        def fail(rule: RenewOrClose, facts: Facts) -> Sequence[Deadline]:
            if facts.account.login == "kmarasmem":
                raise OverflowError
            return whole(rule, facts)

        monkeypatch.setattr(RenewOrClose, "deadlines", fail)
        changed = RULES.replace('"renew-or-close"', '"renew-or-close"\ndays = 29')
        ruled.config.write_text(CONFIG + changed, encoding="utf-8")

    @pytest.mark.parametrize(
        "command", [("sweep",), ("sweep", "--dry-run"), ("simulate",), ("due",), ("due", "--until", "2026-04-02")]
    )
    def test_is_told_with_its_account_and_ends_with_4(self, ruled: Office, command: tuple[str, ...]) -> None:
        assert ruled.type("policy", "sweep").code == 4  # the deadlines are computed again
        answer = ruled.type("--json", "policy", *command)

        [failure] = answer.json["failed_rules"]
        assert answer.code == 4
        assert (failure["login"], failure["rule_set"], failure["rule"]) == ("kmarasmem", "renewal", "RenewOrClose")
        assert "kmarasmem: RenewOrClose of rule set renewal raised OverflowError" in ruled.type("policy", *command).out

    def test_is_found_by_check(self, ruled: Office) -> None:
        answer = ruled.type("check")

        assert answer.code == 2
        assert "rules.renewal: RenewOrClose fails for 1 account: kmarasmem" in answer.out


class TestShow:
    def test_names_rules_places_and_parameters(self, ruled: Office) -> None:
        items = ruled.type("--json", "policy", "show").json["items"]

        assert [one["name"] for one in items] == ["renewal", "offices", "backup"]
        assert items[0]["rules"] == [{"rule": "renew-or-close", "days": 30, "warn_days": [7, 3, 1]}]
        assert items[1]["kinds"] == ["office"]
        assert items[0]["since"] == "2026-03-02T09:00:00Z"

    def test_names_what_is_looked_after_besides_accounts(self, office: Office) -> None:
        rule_set = '[rules.tls]\nrule = "certificate"\nfiles = ["mail.pem"]\n'
        office.config.write_text(CONFIG + rule_set, encoding="utf-8")

        [item] = office.type("--json", "policy", "show").json["items"]
        assert [one["rule"] for one in item["rules"]] == ["certificate"]
        assert "certificate" in office.type("policy", "show").out

    def test_for_people(self, ruled: Office) -> None:
        out = ruled.type("policy", "show").out

        assert "renewal" in out
        assert "renew-or-close" in out
        assert "everywhere" in out


class TestDue:
    def test_nothing_is_due_at_first(self, ruled: Office) -> None:
        assert ruled.type("--json", "policy", "due").json["items"] == []

    def test_until_a_day(self, ruled: Office) -> None:
        items = ruled.type("--json", "policy", "due", "--until", "2026-04-02", "--unit", "il-mem").json["items"]

        own = [(one["action"], one["at"]) for one in items if one["login"] == "kmarasmem"]
        assert own == [
            ("warn", "2026-03-25T09:00:00Z"),
            ("warn", "2026-03-29T09:00:00Z"),
            ("warn", "2026-03-31T09:00:00Z"),
            ("close", "2026-04-01T09:00:00Z"),
        ]
        assert [one["source"] for one in items if one["login"] == "kmarasmem"] == ["001 ¶2"] * 4

    def test_days_are_those_where_people_are(self, ruled: Office) -> None:
        """09:00 UTC is noon in Istanbul, and a day ends at 21:00 UTC."""
        items = ruled.type("--json", "policy", "due", "--until", "2026-03-25").json["items"]

        assert [one for one in items if one["login"] == "kmarasmem"] == []

    def test_of_an_unknown_unit_exits_with_2(self, ruled: Office) -> None:
        assert ruled.type("policy", "due", "--unit", "yok").code == 2


class TestSweep:
    def test_warns_renews_and_closes(self, ruled: Office, travel: time_machine.Traveller) -> None:
        travel.move_to(START + 23 * DAY)
        assert ("warn", "kmarasmem") in happened(ruled.type("--json", "policy", "sweep").json)

        travel.move_to(START + 30 * DAY)
        answer = ruled.type("--json", "policy", "sweep")
        assert answer.code == 0
        assert ("close", "kmarasmem") in happened(answer.json)
        assert ruled.states() == {"kmarasmem": "closed", "arge46": "open", "istatistik46": "open"}

    def test_again_does_nothing(self, ruled: Office, travel: time_machine.Traveller) -> None:
        travel.move_to(START + 30 * DAY)
        ruled.type("policy", "sweep")

        answer = ruled.type("--json", "policy", "sweep")
        assert (answer.code, happened(answer.json)) == (0, [])

    def test_a_dry_run_says_the_same_and_changes_nothing(self, ruled: Office, travel: time_machine.Traveller) -> None:
        travel.move_to(START + 30 * DAY)
        before = ruled.states()
        [day] = ruled.type("--json", "policy", "sweep", "--dry-run").json["days"]
        shown = sorted((one["action"], one["login"]) for one in day["items"])

        assert ruled.states() == before
        assert happened(ruled.type("--json", "policy", "sweep").json) == shown

    def test_a_warning_that_does_not_get_through_exits_with_4(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        travel.move_to(START + 23 * DAY)
        ruled.faults("sms").on("notice_deliver", Fault.CANNOT_CONNECT)
        answer = ruled.type("--json", "policy", "sweep")

        assert answer.code == 4
        [notice] = [one for one in answer.json["notices"] if one["login"] == "kmarasmem"]
        assert notice["delivered"] is False
        assert "connection refused" in notice["error"]

    def test_says_how_many_warnings_wait_for_the_end_of_the_night(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        ruled.config.write_text(ruled.config.read_text(encoding="utf-8").replace('quiet_hours = ""\n', ""), "utf-8")
        travel.move_to(START + 23 * DAY + timedelta(hours=12))
        answer = ruled.type("--json", "policy", "sweep")
        assert (answer.code, answer.json["notices"]) == (0, [])
        assert answer.json["postponed"] == {"count": 1, "until": "2026-03-26T05:00:00Z"}
        out = ruled.type("policy", "sweep").out
        assert "1 notice waits for the end of the quiet hours, 2026-03-26 08:00:00+03:00" in out

        travel.move_to(START + 24 * DAY)
        answer = ruled.type("--json", "policy", "sweep")
        assert (answer.json["postponed"], len(answer.json["notices"])) == (None, 1)

    def test_people_read_who_was_told(self, ruled: Office, travel: time_machine.Traveller) -> None:
        travel.move_to(START + 23 * DAY)
        out = ruled.type("policy", "sweep").out

        assert "kmarasmem: warn: 1001 was notified" in out

    def test_a_warning_speaks_the_language_of_messages(self, ruled: Office, travel: time_machine.Traveller) -> None:
        ruled.config.write_text(ruled.config.read_text(encoding="utf-8").replace('"en"', '"tr"'), encoding="utf-8")
        travel.move_to(START + 23 * DAY)
        ruled.type("policy", "sweep")

        [notice] = ruled.plugin.channels["sms"].notices("+905321234567")
        assert "parolasını" in notice.text


class TestSimulate:
    def test_counts_each_day_and_changes_nothing(self, ruled: Office) -> None:
        before = ruled.type("--json", "account", "list").json
        answer = ruled.type("--json", "policy", "simulate", "--days", "31").json

        assert len(answer["days"]) == 31
        assert answer["days"][30]["close"] == 1
        assert answer["totals"] == {"warn": 3, "rotate": 2, "close": 1, "duty": 0, "delete": 0, "verify": 0}
        assert ruled.type("--json", "account", "list").json == before

    def test_people_see_the_days_on_which_something_happens(self, ruled: Office) -> None:
        lines = ruled.type("policy", "simulate", "--days", "31").out.splitlines()

        assert lines[0].split() == ["day", "warn", "rotate", "close", "duty", "delete", "verify"]
        assert any(line.split() == ["2026-04-01", "1"] for line in lines)
        assert lines[-1] == "nothing was changed"

    def test_draws_a_calendar(self, ruled: Office) -> None:
        file = ruled.config.with_name("calendar.html")
        assert ruled.type("policy", "simulate", "--days", "60", "--html", file).code == 0

        page = file.read_text(encoding="utf-8")
        assert 'title="2026-04-01">1<' in page
        assert page.count("<section>") == len({Action.WARN, Action.ROTATE, Action.CLOSE})

    def test_a_calendar_that_cannot_be_written_exits_with_2(self, ruled: Office) -> None:
        assert ruled.type("policy", "simulate", "--html", ruled.config.parent / "none" / "x.html").code == 2

    def test_protected_accounts_are_left_out(self, ruled: Office) -> None:
        text = ruled.config.read_text(encoding="utf-8")
        ruled.config.write_text(text.replace("[accounts]", '[accounts]\nprotected = ["kmarasmem"]'), encoding="utf-8")

        assert ruled.type("--json", "policy", "simulate", "--days", "31").json["totals"]["close"] == 0


class TestVerify:
    """The rule that has accounts verified."""

    @pytest.fixture(name="watched")
    def _watched(self, ruled: Office) -> Office:
        """The three accounts, which are verified within ten days."""
        ruled.config.write_text(CONFIG + '[rules.looks]\nrule = "verify"\ndays = 10\n', encoding="utf-8")
        assert ruled.type("policy", "sweep").code == 0
        return ruled

    def test_a_simulation_tells_the_days_and_asks_no_target(self, watched: Office) -> None:
        answer = watched.type("--json", "policy", "simulate", "--days", "10")

        assert answer.json["totals"]["verify"] == 3
        assert {item["action"] for day in answer.json["days"] for item in day["items"]} == {"verify"}
        assert watched.type("policy", "simulate", "--days", "10").out.splitlines()[-2].split() == [
            *("total", "0", "0", "0", "0", "0", "3")
        ]

    def test_accounts_as_they_should_be_end_with_0(self, watched: Office, travel: time_machine.Traveller) -> None:
        travel.move_to(START + 9 * DAY)
        answer = watched.type("--json", "policy", "sweep")

        assert (answer.code, answer.json["verified"]) == (0, [])
        assert watched.type("policy", "due").out.splitlines()[1:] == []

    def test_an_account_that_differs_ends_with_4_and_stays_as_it_is(
        self, watched: Office, travel: time_machine.Traveller
    ) -> None:
        watched.plugin.targets["pys"]._entries.pop("arge46")
        travel.move_to(START + 9 * DAY)
        answer = watched.type("--json", "policy", "sweep")

        difference = {"login": "arge46", "target": "pys", "difference": "missing", "error": None}
        assert (answer.code, answer.json["verified"]) == (4, [difference])
        assert "arge46" not in watched.plugin.targets["pys"]._entries
        assert watched.type("policy", "sweep").code == 0, "it is told once in a period"
        assert "1 account differed when it was verified: arge46" in watched.type("check").out
        [entry] = watched.type("--json", "audit", "list", "--kind", "difference_found").json["items"]
        event = entry["event"]
        assert (event["login"], event["actor"]) == ("arge46", "policy:looks")

    def test_people_read_what_differs_and_which_target_did_not_answer(
        self, watched: Office, travel: time_machine.Traveller
    ) -> None:
        watched.plugin.targets["pys"]._entries.pop("arge46")
        watched.faults("posta").on("account_probe", Fault.REFUSE, item="kmarasmem")
        travel.move_to(START + 9 * DAY)
        answer = watched.type("policy", "sweep")

        assert answer.code == 4
        assert "arge46: pys: missing; 'provisioner account verify arge46' shows more" in answer.out
        assert "kmarasmem: posta: not verified: " in answer.out


class TestConfirm:
    def test_a_duty_comes_again_months_after_it_was_done(self, ruled: Office, travel: time_machine.Traveller) -> None:
        ruled.config.write_text(
            CONFIG + RULES.replace('rule = "renew-or-close"', 'rule = "custodian"'), encoding="utf-8"
        )
        travel.move_to(START + 185 * DAY)
        answer = ruled.type("--json", "policy", "sweep", "--clock-is-right")
        assert ("duty", "kmarasmem") in happened(answer.json)

        answer = ruled.type("--json", "policy", "confirm", "kmarasmem", "backup")
        assert answer.json["next_deadline"] == "2027-03-03T09:00:00Z"

    def test_as_a_dry_run_changes_nothing(self, ruled: Office, travel: time_machine.Traveller) -> None:
        travel.move_to(START + 95 * DAY)
        before = ruled.type("--json", "account", "show", "kmarasmem").json
        answer = ruled.type("policy", "confirm", "kmarasmem", "backup", "--dry-run")

        assert answer.code == 0
        assert "nothing was changed" in answer.out
        assert ruled.type("--json", "account", "show", "kmarasmem").json == before

    def test_of_an_unknown_rule_set_exits_with_2(self, ruled: Office) -> None:
        assert ruled.type("policy", "confirm", "kmarasmem", "yok").code == 2


class TestNextAction:
    """What ``account list`` and ``account show`` say is going to happen."""

    def test_people_read_the_warning_and_the_closing_apart(self, ruled: Office) -> None:
        """The first warning was shown as "due", as if the account were closed that day."""
        ruled.type("policy", "sweep")
        listed = ruled.type("account", "list").out
        shown = ruled.type("--lang", "tr", "account", "show", "kmarasmem").out

        [own] = [line for line in listed.splitlines() if line.startswith("kmarasmem@")]
        assert own.split()[-4:] == ["warning", "on", "2026-03-25", "2026-04-01"]
        assert "due" not in listed
        assert "uyarı: 2026-03-25" in shown
        assert any(line.split() == ["kapanış", "2026-04-01"] for line in shown.splitlines())

    def test_scripts_read_them_apart_too(self, ruled: Office, travel: time_machine.Traveller) -> None:
        """``next_deadline`` stays the plain time that scripts know."""
        of = {one["login"]: one for one in ruled.type("--json", "account", "list").json["items"]}
        keys = ("next_deadline", "next_action", "closes_at")

        assert [of["kmarasmem"][key] for key in keys] == [
            "2026-03-25T09:00:00Z",
            "warn",
            "2026-04-01T09:00:00Z",
        ]
        assert (of["arge46"]["next_action"], of["arge46"]["closes_at"]) == ("rotate", "2026-04-01T09:00:00Z")
        travel.move_to(START + 23 * DAY)
        ruled.type("policy", "sweep")
        shown = ruled.type("--json", "account", "show", "kmarasmem").json
        assert [shown[key] for key in keys] == ["2026-03-29T09:00:00Z", "warn", "2026-04-01T09:00:00Z"]


class TestConfirmWithoutDuty:
    @pytest.mark.parametrize("rule_set", ["renewal", "offices"])
    def test_of_a_rule_without_duties_exits_with_2(self, ruled: Office, rule_set: str) -> None:
        """It was recorded as confirmed, although nothing had been asked."""
        before = len(ruled.type("--json", "audit", "list").json["items"])

        answer = ruled.type("--json", "policy", "confirm", "arge46", rule_set)

        assert answer.code == 2
        assert "has no duty for arge46" in answer.json["error"]["items"][0]["message"]
        assert len(ruled.type("--json", "audit", "list").json["items"]) == before

    def test_of_an_account_outside_its_scope_exits_with_2(self, ruled: Office) -> None:
        assert ruled.type("policy", "confirm", "arge46", "backup").code == 2
        assert ruled.type("policy", "confirm", "kmarasmem", "backup").code == 0


class TestClock:
    """A clock that is wrong for a while."""

    YEAR = 365 * DAY

    @pytest.mark.parametrize("jump", [YEAR, -YEAR])
    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_that_jumps_far_stops_a_sweep(
        self, ruled: Office, travel: time_machine.Traveller, jump: timedelta, dry: tuple[str, ...]
    ) -> None:
        before = ruled.type("--json", "account", "list").json
        travel.move_to(START + jump)

        answer = ruled.type("--json", "policy", "sweep", *dry)

        assert (answer.code, answer.json["error"]["class"]) == (2, "ClockError")
        assert "--clock-is-right" in answer.json["error"]["cure"]
        assert ruled.type("policy", "sweep").code == 2, "to ask again confirms nothing"
        travel.move_to(START)
        assert ruled.type("--json", "account", "list").json == before

    def test_is_not_believed_because_something_else_was_done_by_it(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        travel.move_to(START + self.YEAR)
        assert ruled.type("account", "rotate", "kmarasmem").code == 0

        assert ruled.type("policy", "sweep").code == 2

    def test_that_was_ahead_leaves_no_deadline_behind(self, ruled: Office, travel: time_machine.Traveller) -> None:
        """The office would otherwise have no 30-day rule for a year."""
        travel.move_to(START + self.YEAR)
        assert ruled.type("account", "rotate", "kmarasmem").code == 0
        travel.move_to(START + DAY)
        assert _status_of_clock(ruled) == "warning"

        assert ruled.type("policy", "sweep").code == 0

        shown = ruled.type("--json", "account", "show", "kmarasmem").json
        assert shown["password_changed_at"] == "2026-03-03T09:00:00Z"
        assert shown["closes_at"] == "2026-04-02T09:00:00Z"
        assert _status_of_clock(ruled) == "ok"
        travel.move_to(START + 24 * DAY)
        assert ("warn", "kmarasmem") in happened(ruled.type("--json", "policy", "sweep").json)

    def test_that_is_right_again_is_not_said_to_need_setting(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        travel.move_to(START + self.YEAR)
        ruled.type("account", "rotate", "kmarasmem")
        travel.move_to(START + DAY)

        assert "policy sweep" in _finding_of_clock(ruled)["cure"]
        assert "set the clock" not in _finding_of_clock(ruled)["cure"]

    def test_that_was_ahead_when_a_rule_set_was_new_puts_it_off_for_no_year(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        """What a rule set wants counts from when it was new, so that nobody is closed unwarned."""
        travel.move_to(START + self.YEAR)
        ruled.config.write_text(CONFIG + RULES.replace("renewal", "yearly"), encoding="utf-8")
        ruled.type("policy", "sweep", "--clock-is-right")
        travel.move_to(START + DAY)

        ruled.type("policy", "sweep", "--clock-is-right")

        shown = ruled.type("--json", "account", "show", "kmarasmem").json
        assert shown["next_deadline"] < "2026-05"

    def test_that_somebody_confirms_is_believed_until_it_is_right_again(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        travel.move_to(START + self.YEAR)
        assert _status_of_clock(ruled) == "problem"
        answer = ruled.type("--actor", "1001", "policy", "sweep", "--clock-is-right")
        assert "arge46: rotate: done" in answer.out
        assert ruled.type("policy", "sweep").code != 2
        travel.move_to(START + DAY)
        assert ruled.type("policy", "sweep").code == 2

        ruled.type("--actor", "1001", "policy", "sweep", "--clock-is-right")

        accounts = ruled.type("--json", "account", "list").json["items"]
        assert all(account["next_deadline"] < "2026-05" for account in accounts if account["state"] == "open")
        with ruled.open() as store:
            confirmed = [event.actor for event in store.audit_log.entries() if event.kind == "clock_confirmed"]
        assert confirmed == ["1001", "1001"]

    def test_that_went_on_during_the_holidays_needs_no_confirmation(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        travel.move_to(START + 16 * DAY)

        assert ruled.type("policy", "sweep").code == 0

    def test_that_is_right_after_a_summer_break_is_asked_about_once(
        self, ruled: Office, travel: time_machine.Traveller
    ) -> None:
        """A school is switched off for seven weeks: the refusal says what it may be and how to go on."""
        travel.move_to(START + 49 * DAY)

        answer = ruled.type("policy", "sweep")

        assert answer.code == 2
        assert "49 days ahead of the last time that the store was used" in answer.err
        assert (
            "if it is already right, for example after a summer break without any run, run 'provisioner policy sweep"
            in answer.err
        )
        assert ruled.type("--json", "policy", "sweep", "--clock-is-right").json["notices"] != []
        assert set(ruled.states().values()) == {"open"}, "nobody is closed unwarned"
        assert ruled.type("policy", "sweep").code == 0

    def test_whose_sweeps_have_nothing_to_do_is_believed(self, ruled: Office, travel: time_machine.Traveller) -> None:
        """A quiet store is no store that was not used."""
        ruled.config.write_text(CONFIG + '[rules.backup]\nrule = "backup-duty"\nkinds = ["province"]\n')
        for days in range(0, 160, 40):
            travel.move_to(START + days * DAY)
            assert ruled.type("policy", "sweep").code == 0


def _status_of_clock(office: Office) -> str:
    return _finding_of_clock(office)["status"]


def _finding_of_clock(office: Office) -> dict[str, str]:
    [found] = [one for one in office.type("--json", "check").json["items"] if one["name"] == "clock"]
    return dict(found)
