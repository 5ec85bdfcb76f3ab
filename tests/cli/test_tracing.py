"""``--trace-hooks``: what it tells, and what it never does."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest

from provisioner.core.gateways import tracing
from provisioner.testing.faults import Fault
from tests.cli.conftest import Answer, Office


@pytest.fixture(autouse=True)
def _level_as_before() -> Iterator[None]:
    yield
    logging.getLogger(tracing.LOGGER).setLevel(logging.NOTSET)


def _calls(answer: Answer, hook: str) -> list[str]:
    return [line for line in answer.err.splitlines() if f"hook='{hook}'" in line]


def _passwords(office: Office) -> set[str]:
    """What the phones received."""
    channel = office.plugin.channels["sms"]
    return {message.password for message in channel.inbox("+905321234567")}


class TestTrace:
    """The lines on stderr."""

    def test_tells_whom_what_and_how_long(self, office: Office) -> None:
        answer = office.type("--trace-hooks", "--json", "unit", "open", "il-mem")

        created = _calls(answer, "account_create")
        assert [re.findall(r"of='([^']*)'", line) for line in created] == [["target:posta"], ["target:pys"]]
        assert all("CreateAccount(" in line and "login='kmarasmem'" in line for line in created)
        assert all("Receipt(outcome=applied" in line and "milliseconds=" in line for line in created)
        assert json.loads(answer.out)["operations"][0]["state"] == "done"

    def test_never_shows_a_password_or_a_number(self, office: Office) -> None:
        """The canary: every password that a phone received, in the whole of the output."""
        answer = office.type("--trace-hooks", "-v", "unit", "open", "il-mem")

        [password] = _passwords(office)
        assert "secret=<secret>" in answer.err
        assert password not in answer.err + answer.out
        assert "5321234567" not in answer.err

    def test_masks_what_a_defective_plugin_says(self, office: Office) -> None:
        """It raises an exception whose text quotes the password; the class alone is shown."""
        office.faults("posta").on("account_create", Fault.APPLY_AND_DEFECT, calls={1})

        answer = office.type("--trace-hooks", "unit", "open", "il-mem")

        assert "answered='KeyError'" in _calls(answer, "account_create")[0]
        assert all(password not in answer.err for password in _passwords(office))

    def test_is_silent_unless_asked_for(self, office: Office) -> None:
        assert "hook_called" not in office.type("-v", "unit", "open", "il-mem").err

    def test_begins_with_the_registration(self, office: Office) -> None:
        """Where a plug-in is slow or breaks while it is set up, that is what somebody wants to see."""
        [line] = _calls(office.type("--trace-hooks", "check"), "provisioner_register")

        assert "plugin='faulty'" in line
        assert "Registrar" in line
