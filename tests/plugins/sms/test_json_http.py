from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner import DeliveryState, Person, Secret
from provisioner.core.api.errors import (
    CircuitOpenError,
    ForbiddenError,
    MisconfiguredError,
    RefusedError,
    SystemMisconfiguredError,
    TargetError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import CheckChannel, DeliverNotice, DeliverSecret
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.core.gateways.plugins import Plugins
from provisioner.testing.ports import free_ports
from provisioner_sms.exchange import Exchange, ReplyMeaning, ReplyRule
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.json_http import JsonGateway
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.settings import JsonSettings, NumberFormat
from tests.plugins.sms.conftest import NUMBER, MakeChannel, MakeRequest, asked
from tests.raw_http import MakeServer, RawServer, answering

README = Path(__file__).parents[3] / "plugins/sms/README.md"
GOOD = ReplyRule(status=(200,), body="ok", means=ReplyMeaning.ACCEPTED)

Open = Callable[..., JsonGateway]


@pytest.fixture(name="gateway")
def _gateway() -> Iterator[Open]:
    opened = []

    def make(url: str, **settings: Any) -> JsonGateway:
        send = Exchange(url=url, body={"to": "{to}", "text": "{text}"}, replies=(GOOD,))
        opened.append(JsonGateway.open(JsonSettings(**{"send": send, "timeout": 10.0, **settings})))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def message(text: str = "merhaba") -> SmsMessage:
    return SmsMessage(delivery_id="op-1-sms", to=NUMBER, text=Secret(text), sender="KURUM")


def sent(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "ok", DeliveryState.ACCEPTED),
        (400, "ok", DeliveryState.REJECTED),
        (422, "", DeliveryState.REJECTED),
        (401, "", MisconfiguredError),
        (402, "", SystemMisconfiguredError),
        (403, "", ForbiddenError),
        (404, "", MisconfiguredError),
        (301, "", MisconfiguredError),
        (429, "", ThrottledError),
        (408, "", UnknownOutcomeError),
        (200, "error", UnknownOutcomeError),
        (200, "", UnknownOutcomeError),
        (500, "ok", UnknownOutcomeError),
        (503, "", UnknownOutcomeError),
    ],
)
def test_an_answer_without_a_rule_is_never_taken_for_more_than_it_says(
    gateway: Open, server: MakeServer, status: int, body: str, expected: DeliveryState | type[TargetError]
) -> None:
    one = gateway(server(answering(status, body)).url)

    if isinstance(expected, DeliveryState):
        assert one.send(message()).state is expected
    else:
        with pytest.raises(expected):
            one.send(message())


def test_the_seconds_that_a_provider_asks_for_are_passed_on(gateway: Open, server: MakeServer) -> None:
    with pytest.raises(ThrottledError) as throttled:
        gateway(server(answering(429, "", "Retry-After: 30")).url).send(message())

    assert throttled.value.retry_after == 30


def test_an_answer_that_quotes_the_text_is_not_quoted(gateway: Open, server: MakeServer) -> None:
    canary = "canary-in-text"
    for status in (200, 400, 401, 429, 500):
        one = gateway(server(answering(status, f'{{"error": "bad text {canary}"}}')).url)
        try:
            said = repr(one.send(message(canary)))
        except TargetError as error:
            said = f"{error!r} {error} {error.cure}"

        assert canary not in said


def test_values_that_look_like_places_are_not_filled(gateway: Open, server: MakeServer) -> None:
    provider = server(answering(200, "ok"))
    text = "{to} {secret:key} {id} {nothing}"
    gateway(provider.url, secrets={"key": Secret("hidden")}).send(message(text))

    assert sent(provider.requests[0]) == {"to": NUMBER, "text": text}


def test_a_password_for_a_number_abroad_reaches_a_phone_of_the_country_of_the_provider(
    gateway: Open, server: MakeServer
) -> None:
    provider = server(answering(200, "ok"))

    with pytest.raises(RefusedError, match="another number"):
        gateway(provider.url, number_format=NumberFormat.NATIONAL).send(attrs.evolve(message(), to="+15305550123"))
    assert provider.requests == []


def test_credentials_travel_in_headers(gateway: Open, server: MakeServer) -> None:
    provider = server(answering(200, "ok"))
    send = Exchange(url=provider.url, headers={"X-Key": "k={secret:key}"}, body={"t": "{text}"}, replies=(GOOD,))
    gateway(provider.url, send=send, username="ş", password=Secret("p:ü"), secrets={"key": Secret("hidden")}).send(
        message()
    )

    head = provider.requests[0].partition(b"\r\n\r\n")[0]
    assert b"X-Key: k=hidden" in head
    assert b"Authorization: Basic xZ86cDrDvA==" in head
    assert b"hidden" not in head.split(b"\r\n")[0]


@pytest.mark.parametrize("fault", ["lost", "gone"])
def test_a_probe_without_an_answer_can_be_repeated(gateway: Open, server: MakeServer, fault: str) -> None:
    port = free_ports(1)[0]
    url = server(lambda _: None).url if fault == "lost" else f"http://127.0.0.1:{port}/"
    probe = Exchange(method="GET", url=f"{url}?id={{id}}", replies=(GOOD,))

    with pytest.raises(UnavailableError):
        gateway(url, probe=probe).probe(asked("op 1"))


def test_a_probe_names_our_id_and_nothing_else(gateway: Open, server: MakeServer) -> None:
    provider = server(answering(200, '{"s": "DLVRD"}'))
    delivered = ReplyRule(body='"DLVRD"', means=ReplyMeaning.DELIVERED)
    probe = Exchange(method="GET", url=provider.url + "?id={id}", replies=(delivered,))

    assert gateway(provider.url, probe=probe).probe(asked("op/1 ş")).state is DeliveryState.DELIVERED
    assert provider.requests[0].startswith(b"GET /sms?id=op%2F1%20%C5%9F HTTP/1.1\r\n")


def test_a_provider_that_cannot_be_asked_is_not_asked(gateway: Open) -> None:
    assert gateway("http://127.0.0.1:9/").probe(asked("op-1-sms")).state is DeliveryState.UNKNOWN


def test_a_check_without_a_request_sees_that_somebody_answers_and_sends_no_message(
    gateway: Open, server: MakeServer
) -> None:
    provider = server(answering(405, ""))

    warnings = gateway(provider.url).check()

    assert "describe a request" in warnings[0]
    assert provider.requests[0].startswith(b"HEAD ")


def test_a_check_finds_a_provider_that_is_gone(gateway: Open) -> None:
    with pytest.raises(UnavailableError):
        gateway(f"http://127.0.0.1:{free_ports(1)[0]}/").check()


def samples() -> dict[str, dict[str, Any]]:
    """The tables ``[channels.sms]`` that the README shows, by the heading before them."""
    found = {}
    for section in re.split(r"(?m)^##+ ", README.read_text(encoding="utf-8"))[1:]:
        for block in re.findall(r"(?s)```toml\n(.*?)```", section):
            found[section.splitlines()[0]] = tomllib.loads(block)["channels"]["sms"]
    return found


Sample = Callable[[str, int, str], tuple[SmsChannel, RawServer]]


@pytest.fixture(name="sample")
def _sample(channel: MakeChannel, server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """The channel of a sample, and the server that plays its provider and always answers the same."""
    monkeypatch.setenv("INFOBIP_KEY", "canary")

    def make(name: str, status: int, body: str) -> tuple[SmsChannel, RawServer]:
        provider = server(answering(status, body))
        table = samples()[name]
        for exchange in ("send", "probe", "check"):
            query = table["json"][exchange]["url"].partition("?")[2]
            table["json"][exchange]["url"] = f"{provider.url}?{query}" if query else provider.url
        return channel(table), provider

    return make


def outcome(sms: SmsChannel, request: DeliverSecret) -> object:
    try:
        receipt = sms.secret_deliver(request)
    except TargetError as error:
        return type(error)
    return RefusedError if receipt.state is DeliveryState.REJECTED else receipt.state


def infobip(group: str) -> str:
    return json.dumps({"messages": [{"messageId": "op-1-sms", "status": {"groupId": 1, "groupName": group}}]})


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, infobip("PENDING"), DeliveryState.ACCEPTED),
        (200, infobip("REJECTED"), RefusedError),
        (200, infobip("NOVELTY"), UnknownOutcomeError),
        (401, '{"requestError": {}}', MisconfiguredError),
        (400, '{"requestError": {}}', RefusedError),
        (429, "", ThrottledError),
        (500, "", UnknownOutcomeError),
        (200, "<html>", UnknownOutcomeError),
    ],
)
def test_the_sample_reads_an_answer_as_another_one(
    sample: Sample, request_to: MakeRequest, status: int, body: str, expected: object
) -> None:
    sms, provider = sample("Infobip", status, body)

    assert outcome(sms, request_to()) == expected
    [message] = sent(provider.requests[0])["messages"]
    assert message["destinations"] == [{"to": "905551234567", "messageId": "op-1-sms"}]
    assert message["from"] == "ILMEM"
    assert b"Authorization: App canary" in provider.requests[0]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("DELIVERED", DeliveryState.DELIVERED),
        ("PENDING", DeliveryState.ACCEPTED),
        ("UNDELIVERABLE", DeliveryState.REJECTED),
        ("EXPIRED", DeliveryState.REJECTED),
        ("REJECTED", DeliveryState.REJECTED),
    ],
)
def test_the_sample_reads_a_report_as_another_one(sample: Sample, group: str, expected: DeliveryState) -> None:
    sms, provider = sample("Infobip", 200, infobip(group))

    assert sms.delivery_probe(asked("op-1-sms", gateway="json")).state is expected
    assert b"GET /sms?messageId=op-1-sms " in provider.requests[0]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (("DELIVERED", "DELIVERED"), DeliveryState.DELIVERED),
        (("DELIVERED", "PENDING"), DeliveryState.ACCEPTED),
        (("DELIVERED", "EXPIRED"), DeliveryState.REJECTED),
        (("PENDING", "REJECTED"), DeliveryState.REJECTED),
    ],
)
def test_the_sample_takes_one_of_several_results_for_the_message(
    sample: Sample, groups: tuple[str, ...], expected: DeliveryState
) -> None:
    results = [{"messageId": "op-1-sms", "status": {"groupName": group}} for group in groups]
    sms, _ = sample("Infobip", 200, json.dumps({"results": results}))

    assert sms.delivery_probe(asked("op-1-sms", gateway="json")).state is expected


def test_a_provider_without_credit_for_us_is_left_alone_although_its_check_passes(
    channel: MakeChannel, server: MakeServer, request_to: MakeRequest
) -> None:
    provider = server(answering(400, "NO_CREDIT"))
    reply = {"body": "NO_CREDIT", "means": "no_credit"}
    send = {"url": provider.url, "body": {"to": "{to}", "text": "{text}"}, "replies": [{"means": "accepted"}]}
    table = {
        "gateway": "json",
        "help_desk": "0344",
        "json": {
            "send": {**send, "replies": [reply, *send["replies"]]},
            "check": {"url": provider.url, "replies": send["replies"]},
        },
    }
    plugins = Plugins(make_breaker=lambda name: Breaker(name=name, now=lambda: datetime.now(UTC)))
    sms = channel(table)
    guarded = plugins.add_channel("sms", sms, PluginOrigin(plugin="sms", distribution="unit-provisioner", version="0"))
    guarded.check(CheckChannel())

    with pytest.raises(SystemMisconfiguredError, match="no credit"):
        guarded.deliver(request_to())
    with pytest.raises(CircuitOpenError):
        guarded.deliver(request_to())

    assert len(provider.requests) == 2


def test_the_sample_carries_no_notices(sample: Sample) -> None:
    sms, provider = sample("Infobip", 200, infobip("PENDING"))
    recipient = Person(id="7", name="Ayşe Öğretmen", mobile="0555 123 45 67")

    receipt = sms.notice_deliver(DeliverNotice(delivery_id="notice-1", recipient=recipient, text="şifre bitiyor"))

    assert receipt.state is DeliveryState.ACCEPTED
    assert sent(provider.requests[0])["messages"][0]["text"] == "sifre bitiyor"


def test_the_sample_sends_a_message_to_test_the_credentials(sample: Sample) -> None:
    sms, provider = sample("Infobip", 200, '{"balance": 47.8, "currency": "TRY"}')

    assert sms.channel_check(CheckChannel()).warnings == ()
    assert b"{text}" not in provider.requests[0]


@pytest.mark.parametrize(("status", "body"), [(401, ""), (200, "It works!")])
def test_the_sample_does_not_find_wrong_credentials(sample: Sample, status: int, body: str) -> None:
    sms, _ = sample("Infobip", status, body)

    with pytest.raises(MisconfiguredError):
        sms.channel_check(CheckChannel())
