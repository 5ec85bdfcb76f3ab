from __future__ import annotations

import pytest

from provisioner.testing.faults import Fault
from tests.cli.conftest import Office


@pytest.fixture(name="open_office")
def _open_office(office: Office) -> Office:
    office.type("unit", "open", "il-mem", "ar-ge")
    return office


class TestRotate:
    """``account rotate``."""

    def test_gives_a_new_password_to_the_holder(self, open_office: Office) -> None:
        answer = open_office.type("--json", "account", "rotate", "arge46", "--reason", "unutuldu")

        assert (answer.code, answer.states) == (0, {"arge46": "done"})
        operation = answer.json["operations"][0]
        assert (operation["kind"], operation["reason"]) == ("rotate", "unutuldu")
        first, second = open_office.plugin.channels["sms"].inbox("+905337654321")
        assert not open_office.plugin.targets["posta"].logs_in("arge46", first.password)
        assert open_office.plugin.targets["pys"].logs_in("arge46", second.password)

    def test_as_a_dry_run_changes_nothing(self, open_office: Office) -> None:
        answer = open_office.type("--json", "account", "rotate", "--dry-run", "arge46@meb.gov.tr", "kmarasmem")

        assert (answer.code, answer.states) == (0, {"arge46": "planned", "kmarasmem": "planned"})
        assert len(open_office.operations()) == 2
        assert len(open_office.plugin.channels["sms"].inbox("+905337654321")) == 1

    def test_of_a_closed_account_exits_with_2(self, open_office: Office) -> None:
        """A rotation must not open what was closed."""
        open_office.type("account", "close", "arge46")

        answer = open_office.type("--json", "account", "rotate", "arge46", "kmarasmem")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == "arge46: it is closed; reopen it"
        assert {operation.kind.value for operation in open_office.operations()} == {"create", "close"}

    def test_of_unknown_accounts_names_all_of_them(self, open_office: Office) -> None:
        answer = open_office.type("--json", "account", "rotate", "yok1", "arge46", "yok2")

        assert (answer.code, len(answer.json["error"]["items"])) == (2, 2)

    def test_that_is_stuck_exits_with_4_and_is_driven_on(self, open_office: Office) -> None:
        open_office.faults("pys").on("account_rotate", Fault.APPLY_AND_LOSE_ANSWER)
        open_office.faults("pys").on("account_probe", Fault.CANNOT_CONNECT)

        assert open_office.type("account", "rotate", "arge46").code == 4

        open_office.faults("pys").clear()
        assert open_office.type("--json", "resume").states == {"arge46": "done"}
