"""``provisioner status``: what monitoring relies on."""

from __future__ import annotations

from provisioner.cli.commands.status import _CONCERNS
from provisioner.services.status import Concern
from provisioner.testing.faults import Fault
from tests.cli.conftest import PERSONS, UNITS, Office


def test_a_site_at_rest_ends_with_0(office: Office) -> None:
    assert office.type("unit", "open", "il-mem").code == 0

    answer = office.type("--json", "status")

    assert (answer.code, answer.json["attention"], answer.json["accounts"]["open"]) == (0, [], 1)
    assert [(one["name"], one["state"]) for one in answer.json["systems"]] == [
        ("posta", "works"),
        ("pys", "works"),
        ("sms", "works"),
    ]


def test_no_login_no_name_and_no_number_is_told(office: Office) -> None:
    """Monitoring keeps what it reads for years, and shows it to many."""
    office.type("unit", "open", "il-mem", "ar-ge")
    office.type("reconcile")

    for answer in (office.type("--json", "status"), office.type("status")):
        for unit in UNITS:
            assert str(unit.login) not in answer.out
        for person in PERSONS:
            assert person.name not in answer.out
            assert str(person.mobile) not in answer.out
            assert person.id not in answer.out.split()


def test_a_site_with_a_worker_is_not_sent_to_a_timer_that_it_does_not_have() -> None:
    text, _ = _CONCERNS[Concern.OVERDUE]

    assert "check the worker or the timer" in str(text)


def test_an_incomplete_operation_ends_with_4_before_a_failing_target_does(office: Office) -> None:
    office.type("unit", "open", "il-mem")
    office.faults("pys").on("account_rotate", Fault.CANNOT_CONNECT)
    assert office.type("account", "rotate", "kmarasmem").code == 4

    answer = office.type("status")

    assert answer.code == 4
    assert "attention: operations are incomplete or have failed" in answer.out


def test_it_calls_no_target(office: Office) -> None:
    """It runs every minute, also while a target is down."""
    for name in ("posta", "pys"):
        office.faults(name).on("target_check", Fault.CANNOT_CONNECT)

    assert office.type("status").code == 0
