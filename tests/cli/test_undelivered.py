"""A person who runs ``resume`` sees who was told of a password that was not delivered."""

from __future__ import annotations

import pytest

from provisioner.core.model import MessageState
from provisioner.core.policy.follow_up import changed
from provisioner.testing.faults import Fault
from tests.cli.conftest import Office

LOGIN = "arge46"


@pytest.fixture(name="undelivered")
def _undelivered(office: Office) -> Office:
    """An office whose last message was refused by the phone."""
    office.type("unit", "open", "il-mem", "ar-ge")
    with office.open() as store:
        [message] = store.deliveries.recent(LOGIN)
        store.write(changed(message, MessageState.REJECTED, message.sent_at))
    return office


def test_who_was_told_is_not_said(undelivered: Office) -> None:
    answer = undelivered.type("resume")

    assert (answer.code, "arge46: warn: 1001 was notified" in answer.out) == (0, True)


def test_scripts_do_not_learn_who_was_told(undelivered: Office) -> None:
    [notice] = undelivered.type("--json", "resume").json["notices"]

    assert (notice["login"], notice["recipient"], notice["delivered"]) == (LOGIN, "1001", True)
    assert "was refused" in notice["reason"]
    assert "notices" not in undelivered.type("--json", "resume").json


def test_that_nobody_could_be_told_is_not_said(undelivered: Office) -> None:
    undelivered.faults("sms").on("notice_deliver", Fault.REFUSE)

    assert "arge46: warn: not notified: " in undelivered.type("resume").out
