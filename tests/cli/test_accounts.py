from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest
import time_machine

from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, UNITS, Office


@pytest.fixture(name="open_office")
def _open_office(office: Office) -> Office:
    office.type("unit", "open", "il-mem", "ar-ge")
    return office


class TestList:
    """``account list``."""

    def test_has_every_account(self, open_office: Office) -> None:
        items = open_office.type("--json", "account", "list").json["items"]

        assert [(one["login"], one["state"]) for one in items] == [("arge46", "open"), ("kmarasmem", "open")]
        assert items[0]["targets"] == [{"name": "posta", "state": "open"}, {"name": "pys", "state": "open"}]

    def test_of_one_state(self, open_office: Office) -> None:
        open_office.type("account", "close", "arge46")

        items = open_office.type("--json", "account", "list", "--state", "closed").json["items"]

        assert [one["login"] for one in items] == ["arge46"]

    def test_of_a_unit_with_those_below(self, open_office: Office) -> None:
        open_office.type("unit", "open", "istatistik")

        items = open_office.type("--json", "account", "list", "--unit", "ar-ge").json["items"]

        assert [one["login"] for one in items] == ["arge46", "istatistik46"]

    def test_of_an_unknown_unit_exits_with_2(self, office: Office) -> None:
        """An empty answer would look like an answer."""
        assert office.type("account", "list", "--unit", "yok").code == 2

    def test_due_before_a_day_means_that_day_where_people_are(self, open_office: Office) -> None:
        """Midnight in Istanbul is 21:00 UTC of the day before."""
        with open_office.open() as store:
            known = store.accounts.get_many(["arge46", "kmarasmem"])
            early, late = (datetime(2026, 3, 9, *time, tzinfo=UTC) for time in ((20, 59), (21, 0)))
            store.schedule.save(
                [
                    (known["arge46"], attrs.evolve(known["arge46"], next_deadline=early)),
                    (known["kmarasmem"], attrs.evolve(known["kmarasmem"], next_deadline=late)),
                ]
            )

        items = open_office.type("--json", "account", "list", "--due-before", "2026-03-10").json["items"]

        assert [one["login"] for one in items] == ["arge46"]
        assert items[0]["next_deadline"] == "2026-03-09T20:59:00Z"

    def test_shows_people_the_day_where_they_are(self, open_office: Office) -> None:
        with open_office.open() as store:
            account = store.accounts.get_many(["kmarasmem"])["kmarasmem"]
            deadline = datetime(2026, 3, 9, 21, 0, tzinfo=UTC)
            store.schedule.save([(account, attrs.evolve(account, next_deadline=deadline))])

        assert "2026-03-10" in open_office.type("account", "list").out

    def test_of_a_wrong_day_or_state_exits_with_2(self, office: Office) -> None:
        wrong = office.type("account", "list", "--due-before", "10.03.2026")
        assert wrong.code == 2
        assert "'10.03.2026' is not a date such as 2026-12-31." in wrong.err
        assert office.type("account", "list", "--state", "gone").code == 2


class TestShow:
    """``account show``."""

    @pytest.mark.parametrize("login", ["arge46", "arge46@meb.gov.tr", "ARGE46"])
    def test_takes_a_login_with_or_without_its_domain(self, open_office: Office, login: str) -> None:
        account = open_office.type("--json", "account", "show", login).json

        assert (account["login"], account["unit"], account["holder"]) == ("arge46", "ar-ge", "1002")

    def test_tells_when_each_target_last_listed_it(self, open_office: Office) -> None:
        """An account that no comparison has seen for weeks looks like all others."""
        with time_machine.travel(datetime(2999, 11, 29, tzinfo=UTC), tick=False):
            open_office.type("reconcile", "--target", "pys")

        targets = open_office.type("--json", "account", "show", "arge46").json["targets"]
        assert [(target["name"], target["last_seen"]) for target in targets] == [
            ("posta", None),
            ("pys", "2999-11-29T00:00:00Z"),
        ]
        told = open_office.type("account", "show", "arge46").out
        assert "pys             open, last seen 2999-11-29 03:00:00+03:00\n" in told
        assert "posta           open\n" in told

    def test_tells_people_what_is_on_each_target(self, open_office: Office) -> None:
        assert "pys             open" in open_office.type("account", "show", "arge46").out

    @pytest.mark.parametrize(
        ("login", "message", "cure"),
        [
            ("yok46", "yok46 is unknown", "run 'provisioner account list' to see the logins of all accounts"),
            ("arge46@example.com", "arge46@example.com is not a valid login", ""),
        ],
    )
    def test_of_an_unknown_login_exits_with_2(self, office: Office, login: str, message: str, cure: str) -> None:
        answer = office.type("--json", "account", "show", login)

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == message
        assert answer.json["error"]["cure"] == cure


class TestCreate:
    """``account create``."""

    def test_opens_the_account_of_a_unit_that_was_never_opened(self, office: Office) -> None:
        answer = office.type("--json", "account", "create", "arge46")

        assert answer.states == {"arge46": "done"}

    def test_opens_an_account_that_was_planned(self, office: Office) -> None:
        """One that was refused, and now is not."""
        office.faults("posta").on("account_create", Fault.REFUSE, calls={1})
        office.type("account", "create", "arge46")

        assert office.states() == {"arge46": "planned"}
        assert office.type("--json", "account", "create", "arge46").states == {"arge46": "done"}

    def test_finds_the_login_that_a_rule_makes(self, bare_office: Office) -> None:
        """A unit without a login in the list gets one from its name and the province's number."""
        manifest = bare_office.write("units.csv", "code,name,kind,custodian\nhukuk,Hukuk Şubesi,branch,1001\n")
        people = bare_office.write("people.csv", "id,name,mobile\n1001,Ayşe Işık,+905321234567\n")
        bare_office.type("unit", "import", manifest)
        bare_office.type("person", "import", people)

        assert bare_office.type("--json", "account", "create", "hukuksubesi46").states == {"hukuksubesi46": "done"}

    def test_of_an_open_one_changes_nothing(self, open_office: Office) -> None:
        answer = open_office.type("--json", "account", "create", "arge46")

        assert (answer.code, answer.json["operations"]) == (0, [])

    def test_of_a_closed_one_exits_with_2(self, open_office: Office) -> None:
        open_office.type("account", "close", "arge46")

        answer = open_office.type("--json", "account", "create", "arge46")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "arge46: it is closed; reopen it"

    def test_of_unknown_ones_names_all_of_them(self, office: Office) -> None:
        answer = office.type("--json", "account", "create", "yok1", "arge46", "yok2")

        assert answer.code == 2
        assert len(answer.json["error"]["items"]) == 2
        assert office.states() == {}


class TestClose:
    """``account close``."""

    def test_closes(self, open_office: Office) -> None:
        answer = open_office.type("--json", "account", "close", "arge46", "kmarasmem@meb.gov.tr")

        assert (answer.code, answer.states) == (0, {"arge46": "done", "kmarasmem": "done"})

    def test_twice_changes_nothing_the_second_time(self, open_office: Office) -> None:
        open_office.type("account", "close", "arge46")

        answer = open_office.type("--json", "account", "close", "arge46")

        assert answer.json["unchanged"] == [{"login": "arge46", "reason": "it is closed already"}]

    def test_of_unknown_ones_closes_none(self, open_office: Office) -> None:
        assert open_office.type("account", "close", "arge46", "yok").code == 2
        assert open_office.states()["arge46"] == "open"


class TestReopen:
    """``account reopen``."""

    def test_opens_a_closed_account_with_a_new_password(self, open_office: Office) -> None:
        open_office.type("account", "close", "arge46")

        answer = open_office.type("--json", "account", "reopen", "arge46")

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        first, second = open_office.plugin.channels["sms"].inbox("+905337654321")
        assert not open_office.plugin.targets["posta"].logs_in("arge46", first.password)
        assert open_office.plugin.targets["posta"].logs_in("arge46", second.password)


class TestAdapting:
    """``account update``, ``complete`` and ``close --again``."""

    def test_update_writes_the_name_and_keeps_the_password(self, open_office: Office) -> None:
        with open_office.open() as store:
            store.units.save([attrs.evolve(UNITS[1], name="Yeni Birim")])
        posta = open_office.plugin.targets["posta"]
        before = posta._entries["arge46"].digest

        preview = open_office.type("account", "update", "arge46", "--dry-run")
        answer = open_office.type("--json", "account", "update", "arge46")

        assert "Yeni Birim" in preview.out
        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        entry = posta._entries["arge46"]
        assert (entry.attributes["unit"], entry.digest) == ("Yeni Birim", before)

    def test_complete_creates_what_is_missing_and_leaves_the_rest_alone(self, open_office: Office) -> None:
        open_office.config.write_text(CONFIG + '[targets.db]\nplugin = "faulty"\n')

        answer = open_office.type("--json", "account", "complete", "arge46")
        again = open_office.type("--json", "account", "complete", "arge46")

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        assert again.json["unchanged"] == [{"login": "arge46", "reason": "it is on every target on which it belongs"}]

    def test_close_again_closes_what_somebody_enabled(self, open_office: Office) -> None:
        open_office.type("account", "close", "arge46")
        posta = open_office.plugin.targets["posta"]._entries
        posta["arge46"] = attrs.evolve(posta["arge46"], enabled=True)

        answer = open_office.type("--json", "account", "close", "arge46", "--again")

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        assert not posta["arge46"].enabled
