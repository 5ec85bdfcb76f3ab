"""Neither the password of an owner nor that of the bind is in a log, an error or a traceback, at any level."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from smpplib.client import Client

from provisioner.testing.ports import free_ports
from provisioner_sms.smpp.alphabet import encoded
from tests.plugins.sms.conftest import PASSWORD, MakeChannel, MakeRequest
from tests.plugins.sms.test_secrecy import everything_said
from tests.smpp_operator import (
    CUT_BEFORE_ANSWER,
    DELIVERED,
    LOST_ANSWER,
    REFUSED,
    REPORT_FIRST,
    THROTTLED,
    Reaction,
    SmppOperator,
)

CREDENTIAL = "canary46"

#: What must not be seen, as text and in the hexadecimal digits in which PDUs are logged.
CANARIES = [PASSWORD, encoded(PASSWORD).hex(), CREDENTIAL, CREDENTIAL.encode().hex(), "5551234567"]

REACTIONS = {
    "accepts": DELIVERED,
    "reports first": REPORT_FIRST,
    "refuses": REFUSED,
    "throttles": THROTTLED,
    "loses the answer": LOST_ANSWER,
    "cuts the link": CUT_BEFORE_ANSWER,
}


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


@pytest.fixture(name="operator")
def _operator() -> Iterator[SmppOperator]:
    with SmppOperator.running() as operator:
        operator.password = CREDENTIAL
        yield operator


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that anybody logs, at the lowest level."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as entries:
        yield lambda: "\n".join([*(record.getMessage() for record in caplog.records), *map(repr, entries)])


def table(port: int, password: str = CREDENTIAL, **more: Any) -> dict[str, Any]:
    settings = {"host": "127.0.0.1", "port": port, "system_id": "provisioner", "timeout": 1, **more}
    return {
        "gateway": "smpp",
        "help_desk": "1234",
        "sender": "ILMEM",
        "max_parts": 2,
        "smpp": {**settings, "password": f"plain:{password}"},
    }


@pytest.mark.parametrize("reaction", REACTIONS.values(), ids=REACTIONS)
def test_a_log_error_or_traceback_shows_a_password(
    channel: MakeChannel,
    request_to: MakeRequest,
    operator: SmppOperator,
    log: Callable[[], str],
    reaction: Reaction,
) -> None:
    operator.react(reaction)

    heard = everything_said(channel(table(operator.port)), request_to()) + log()

    assert PASSWORD in operator.submitted[0].text
    assert "smpp_bound" in heard
    assert leaks(heard) == []


def test_a_refused_bind_shows_its_password(
    channel: MakeChannel, request_to: MakeRequest, operator: SmppOperator, log: Callable[[], str]
) -> None:
    operator.password = "another"

    heard = everything_said(channel(table(operator.port)), request_to()) + log()

    assert "MisconfiguredError" in heard
    assert leaks(heard) == []


def test_an_operator_that_is_gone_makes_somebody_talk(
    channel: MakeChannel, request_to: MakeRequest, log: Callable[[], str]
) -> None:
    heard = everything_said(channel(table(free_ports(1)[0])), request_to()) + log()

    assert "UnavailableError" in heard
    assert leaks(heard) == []


def test_a_channel_shows_the_password_of_its_bind(channel: MakeChannel) -> None:
    assert leaks(repr(channel(table(2775)))) == []


def test_the_client_of_smpplib_could_be_used(operator: SmppOperator, log: Callable[[], str]) -> None:
    """Why only the codec is; and proof that the tests above can find something.

    The product never held this password, so nothing masks it in the log.
    """
    operator.password = "unheld47"
    client = Client("127.0.0.1", operator.port, allow_unknown_opt_params=True)
    client.connect()
    client.bind_transceiver(system_id="provisioner", password=operator.password)
    client.unbind()
    client.disconnect()

    assert operator.password.encode().hex() in log()
