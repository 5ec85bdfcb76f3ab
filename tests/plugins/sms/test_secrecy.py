"""Nobody but its owner sees a password (001 ¶5): not in an address, a log, an error, a traceback or a file."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
import structlog

from provisioner.core.api.errors import TargetError, UnknownOutcomeError
from provisioner.core.api.messages import CheckChannel, ProbeDelivery
from provisioner.testing.kannel import Kannel, wait_until
from provisioner.testing.ports import free_ports
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.simulator import SmsFault, SmsSimulator
from tests.plugins.sms.conftest import NUMBER, PASSWORD, MakeChannel, MakeRequest
from tests.raw_http import MakeServer, answering

CREDENTIAL = "canary-credential"

#: What must not be seen: the password in every form it may take on its way, our own credentials, and the number.
CANARIES = [PASSWORD, PASSWORD.replace("&", "%26"), PASSWORD.replace("{", "%7B"), CREDENTIAL, "5551234567"]


def assert_clean(text: str) -> None:
    assert [canary for canary in CANARIES if canary in text] == []


def kannel_table(url: str) -> dict[str, Any]:
    return {
        "gateway": "kannel",
        "help_desk": "1234",
        "sender": "ILMEM",
        "kannel": {"url": url, "username": "u", "password": f"plain:{CREDENTIAL}", "timeout": 5},
    }


def json_table(url: str) -> dict[str, Any]:
    exchange: dict[str, Any] = {
        "url": f"{url}?id={{id}}",
        "headers": {"X-Key": "{secret:key}"},
        "body": {"to": "{to}", "text": "{text}", "key": "{secret:key}"},
        "replies": [{"means": "accepted", "body": "Accepted"}],
    }
    return {
        "gateway": "json",
        "help_desk": "1234",
        "json": {
            "send": exchange,
            "probe": exchange | {"body": {"key": "{secret:key}"}},
            "username": "u",
            "password": f"plain:{CREDENTIAL}",
            "secrets": {"key": f"plain:{CREDENTIAL}"},
            "timeout": 5,
        },
    }


TABLES = {"kannel": kannel_table, "json": json_table}

#: An answer that quotes what it was sent is the worst case.
BEHAVIOURS = {
    "accepts": answering(202, "0: Accepted for delivery"),
    "quotes": answering(200, f"{PASSWORD} {CREDENTIAL} 5551234567"),
    "refuses": answering(400, f"refused: {PASSWORD} {CREDENTIAL} 5551234567"),
    "fails": answering(500, f"Traceback: {PASSWORD} {CREDENTIAL} 5551234567"),
    "denies": answering(403, f"who is {CREDENTIAL}"),
    "is busy": answering(429, PASSWORD, f"Retry-After: {PASSWORD}"),
    "hangs up": lambda _: None,
}


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that anybody logs, at the lowest level."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as entries:
        yield lambda: "\n".join([*(record.getMessage() for record in caplog.records), *map(repr, entries)])


def everything_said(sms: SmsChannel, request: Any) -> str:
    """What the hooks return or raise, with every variable of the traceback."""
    said = []
    for call in (
        lambda: sms.secret_deliver(request),
        lambda: sms.delivery_probe(ProbeDelivery(delivery_id=request.delivery_id)),
        lambda: sms.channel_check(CheckChannel(recipients=(request.recipient,))),
    ):
        try:
            said.append(repr(call()))
        except TargetError as error:
            formatted = traceback.TracebackException.from_exception(error, capture_locals=True).format()
            said += [repr(error), str(error), str(error.cure), repr(error.__dict__), *without_number(formatted)]
    return "\n".join(said)


def without_number(lines: Iterator[str]) -> Iterator[str]:
    """The request itself has the person's number; it is the core's, and not what is looked for here."""
    for line in lines:
        yield line.replace("0555 123 45 67", "").replace(NUMBER, "")


Hear = Callable[[dict[str, Any]], str]


@pytest.fixture(name="hear")
def _hear(channel: MakeChannel, request_to: MakeRequest, log: Callable[[], str]) -> Hear:
    """Use every hook of a channel, and return all that was said and logged."""
    return lambda table: everything_said(channel(table), request_to()) + log()


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("gateway", TABLES)
def test_no_log_error_or_traceback_shows_a_password(
    hear: Hear, server: MakeServer, gateway: str, behaviour: str
) -> None:
    provider = server(BEHAVIOURS[behaviour])

    heard = hear(TABLES[gateway](provider.url))

    assert NUMBER.encode() in b"".join(provider.requests)
    assert_clean(heard)


@pytest.mark.parametrize("gateway", TABLES)
def test_a_gateway_that_is_gone_makes_nobody_talk(hear: Hear, gateway: str) -> None:
    assert_clean(hear(TABLES[gateway](f"http://127.0.0.1:{free_ports(1)[0]}/sms")))


@pytest.mark.parametrize("fault", SmsFault)
def test_the_simulator_makes_nobody_talk(hear: Hear, fault: SmsFault) -> None:
    with SmsSimulator.running() as sms:
        sms.misbehave(fault, seconds=0.1)
        heard = hear(sms.settings())

    assert_clean(heard)


@pytest.mark.parametrize("password", [PASSWORD + "`", PASSWORD * 20])
def test_a_password_that_is_refused_is_not_shown(channel: MakeChannel, request_to: MakeRequest, password: str) -> None:
    said = everything_said(channel(kannel_table("http://127.0.0.1:9/")), request_to(password=password))

    assert "RefusedError" in said
    assert_clean(said)


@pytest.mark.parametrize("gateway", TABLES)
def test_no_address_has_the_text_the_number_or_a_credential(
    channel: MakeChannel, request_to: MakeRequest, server: MakeServer, gateway: str
) -> None:
    provider = server(BEHAVIOURS["accepts"])
    everything_said(channel(TABLES[gateway](provider.url)), request_to())

    lines = [request.split(b"\r\n")[0].decode() for request in provider.requests]
    assert lines
    assert_clean("\n".join(lines))


def test_a_channel_does_not_show_its_credentials(channel: MakeChannel) -> None:
    for gateway, table in TABLES.items():
        assert_clean(repr(channel(table("http://127.0.0.1:9/"))) + gateway)


@attrs.define
class Leak:
    """Looks into everything that a Kannel wrote."""

    kannel: Kannel

    def places(self, text: str) -> set[str]:
        return {name for name, content in self.kannel.files().items() if text.encode() in content}


def configured(kannel: Kannel, timeout: float = 10) -> dict[str, Any]:
    table = kannel.settings()
    table["kannel"] |= {"timeout": timeout, "dlr_listen": "127.0.0.1:0"}
    return table


def use_everything(kannel: Kannel, channel: MakeChannel, make: MakeRequest) -> None:
    """Send one message to the phone, lose the answer to one, and let one wait."""
    patient, hasty = channel(configured(kannel)), channel(configured(kannel, timeout=0.3))
    patient.secret_deliver(make(delivery_id="1"))
    wait_until(lambda: kannel.inbox(NUMBER))
    kannel.pause("bearerbox")
    with pytest.raises(UnknownOutcomeError):
        hasty.secret_deliver(make(delivery_id="2"))
    kannel.resume()
    wait_until(lambda: len(kannel.inbox(NUMBER)) == 2)
    kannel.network.disconnect()
    patient.secret_deliver(make(delivery_id="3"))


def test_kannel_as_the_readme_configures_it_writes_no_password_anywhere(
    installed_kannel: None, channel: MakeChannel, request_to: MakeRequest
) -> None:
    with Kannel.running() as kannel:
        use_everything(kannel, channel, request_to)
        running = Leak(kannel).places(PASSWORD)
        kannel.stop()

        assert running == set()
        assert Leak(kannel).places(PASSWORD) == set()
        assert Leak(kannel).places(kannel.password) == set()


def test_kannel_at_another_log_level_writes_every_text_into_its_log(
    installed_kannel: None, channel: MakeChannel, request_to: MakeRequest
) -> None:
    """Why the README says what it says; and proof that the test above can find something."""
    with Kannel.running(log_level=1) as kannel:
        channel(configured(kannel)).secret_deliver(request_to())
        wait_until(lambda: kannel.inbox(NUMBER))

        assert Leak(kannel).places(PASSWORD) == {"smsbox.log"}


def test_kannel_with_a_spool_keeps_the_text_of_what_waits(
    installed_kannel: None, channel: MakeChannel, request_to: MakeRequest
) -> None:
    with Kannel.running(spool=True) as kannel:
        kannel.network.disconnect()
        channel(configured(kannel)).secret_deliver(request_to())

        wait_until(lambda: Leak(kannel).places(PASSWORD))
        assert Leak(kannel).places(PASSWORD) <= {"spool", "spool.bak"}
