from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner import DeliveryState, Person
from provisioner.core.api.errors import ConfigurationError, RefusedError, SecretRefusedError
from provisioner.core.api.messages import CheckChannel, DeliverNotice, DeliveryReceipt, ProbeDelivery
from provisioner.core.api.registration import LONGEST_CALL, PluginSettings
from provisioner.core.model import MessageState
from provisioner.core.model.secret import Secret
from provisioner_sms import plugin
from provisioner_sms.failover import Failover
from provisioner_sms.gateway import SmsGateway, SmsMessage, masked
from provisioner_sms.json_http import JsonGateway
from provisioner_sms.kannel import KannelGateway
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.providers.iletimerkezi import IletimerkeziGateway
from provisioner_sms.providers.netgsm import NetgsmGateway
from provisioner_sms.providers.verimor import VerimorGateway
from provisioner_sms.simulator_gateway import SimulatorGateway
from tests.plugins.sms.conftest import NUMBER, MakeChannel, MakeRequest, make_section

TABLE: dict[str, Any] = {
    "gateway": "simulator",
    "help_desk": "0344 000 00 00",
    "sender": "ILMEM",
    "simulator": {"embedded": "sms.sqlite"},
}


@attrs.define(eq=False)
class Recording:
    """A gateway that remembers."""

    sent: list[SmsMessage] = attrs.field(factory=list)
    closed: int = 0

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        self.sent.append(message)
        return DeliveryReceipt(state=DeliveryState.ACCEPTED)

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.DELIVERED, reference=request.delivery_id)

    def check(self) -> tuple[str, ...]:
        return ("be warned",)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(name="recording")
def _recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    recording = Recording()
    monkeypatch.setattr(plugin, "open_gateway", lambda *_: recording)
    return recording


def make_notice(text: str = "merhaba", *, mobile: str | None = "0555 123 45 67") -> DeliverNotice:
    return DeliverNotice(delivery_id="notice-1", recipient=Person(id="7", name="Ayşe", mobile=mobile), text=text)


def test_every_gateway_keeps_the_seam() -> None:
    classes: list[type[SmsGateway]] = [
        KannelGateway,
        JsonGateway,
        NetgsmGateway,
        VerimorGateway,
        IletimerkeziGateway,
        SimulatorGateway,
        Failover,
        Recording,
    ]

    assert len(classes) == 8


def test_loading_the_plug_in_loads_no_heavy_library() -> None:
    code = (
        "import sys, provisioner_sms.plugin; print(*{'httpx', 'phonenumbers', 'sqlite3', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == ""


def test_the_hooks_fit_on_a_page() -> None:
    lines = Path(plugin.__file__).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 150


def test_one_channel_is_made_for_each_section_and_closed_at_the_end(recording: Recording) -> None:
    channels: dict[str, SmsChannel] = {}
    callbacks = []

    class Register:
        def target(
            self, name: str, plugin: object, /, *, longest_call: timedelta = LONGEST_CALL, credential: str = ""
        ) -> None:
            raise AssertionError

        def channel(
            self,
            name: str,
            plugin: object,
            /,
            *,
            longest_call: timedelta = LONGEST_CALL,
            uses_number: bool = True,
            largest_batch: int = 1,
        ) -> None:
            assert isinstance(plugin, SmsChannel)
            assert uses_number
            assert largest_batch == plugin.settings.largest_batch
            assert longest_call == timedelta(seconds=plugin.settings.timeout)
            channels[name] = plugin

        def rule_set(self, name: str, plugin: object) -> None:
            raise AssertionError(name)

        def report(self, channel: str, part: str, state: MessageState, /) -> bool:
            raise AssertionError(channel)

        def on_close(self, callback: Any) -> None:
            callbacks.append(callback)

    sections = tuple(attrs.evolve(make_section(TABLE), name=name) for name in ("sms", "backup"))
    plugin.provisioner_register(PluginSettings(plugin="sms", channels=sections), Register())
    channels["backup"].channel_check(CheckChannel())
    for callback in callbacks:
        callback()

    assert list(channels) == ["sms", "backup"]
    assert recording.closed == 1


def test_a_section_under_targets_is_a_mistake() -> None:
    settings = PluginSettings(plugin="sms", targets=(make_section(TABLE),))

    with pytest.raises(ConfigurationError, match="the SMS plug-in provides channels, not targets"):
        plugin.provisioner_register(settings, register=None)  # type: ignore[arg-type]


def test_a_text_that_cannot_work_stops_the_program_at_start() -> None:
    with pytest.raises(ConfigurationError, match=r"channels.sms.texts.first"):
        SmsChannel.configured(make_section(TABLE | {"texts": {"first": "{mail}"}}), "tr")


def test_the_password_goes_to_the_registered_number_and_says_what_it_is_for(
    channel: MakeChannel, request_to: MakeRequest, recording: Recording
) -> None:
    """001 ¶5."""
    channel(TABLE).secret_deliver(request_to("0555 123 45 67", password="aB3$eF7x", delivery_id="op-2-sms"))

    (message,) = recording.sent
    assert (message.to, message.sender, message.delivery_id) == (NUMBER, "ILMEM", "op-2-sms")
    assert "temelegitim46@meb.gov.tr parolaniz: aB3$eF7x -" in message.text.reveal()


def test_a_second_password_says_that_the_first_is_void(
    channel: MakeChannel, request_to: MakeRequest, recording: Recording
) -> None:
    channel(TABLE).secret_deliver(request_to(replaces_earlier=True))

    assert "oncekiler gecersizdir" in recording.sent[0].text.reveal()


@pytest.mark.parametrize("mobile", [None, "0344 225 12 34", "+49 151 23456789"])
def test_a_number_that_went_bad_since_the_check_is_refused_and_the_gateway_not_called(
    channel: MakeChannel, request_to: MakeRequest, recording: Recording, mobile: str | None
) -> None:
    with pytest.raises(RefusedError):
        channel(TABLE).secret_deliver(request_to(mobile))

    assert recording.sent == []


def test_a_password_that_no_phone_shows_is_refused_and_the_gateway_not_called(
    channel: MakeChannel, request_to: MakeRequest, recording: Recording
) -> None:
    with pytest.raises(SecretRefusedError):
        channel(TABLE).secret_deliver(request_to(password="back`tick"))

    assert recording.sent == []


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("temelegitim46@meb.gov.tr: şifrenizin süresi 3 gün içinde doluyor", "sifrenizin suresi 3 gun icinde doluyor"),
        ("your password runs out in 3 days: “öğle”", 'your password runs out in 3 days: "ogle"'),
    ],
)
def test_a_notice_goes_to_the_registered_number_in_signs_of_seven_bits(
    channel: MakeChannel, recording: Recording, text: str, sent: str
) -> None:
    receipt = channel(TABLE).notice_deliver(make_notice(text))

    (message,) = recording.sent
    assert receipt.state is DeliveryState.ACCEPTED
    assert (message.to, message.sender, message.delivery_id) == (NUMBER, "ILMEM", "notice-1")
    assert message.text.reveal().endswith(sent)


@pytest.mark.parametrize("mobile", [None, "0344 225 12 34", "+49 151 23456789"])
def test_a_notice_obeys_the_rules_for_numbers(channel: MakeChannel, recording: Recording, mobile: str | None) -> None:
    with pytest.raises(RefusedError):
        channel(TABLE).notice_deliver(make_notice(mobile=mobile))

    assert recording.sent == []


def test_a_notice_may_take_more_messages_than_a_password(channel: MakeChannel, recording: Recording) -> None:
    """A part that comes late, or first, makes no password of something that is none."""
    channel(TABLE).notice_deliver(make_notice("x" * 459))
    with pytest.raises(RefusedError, match="460 characters and exceed 3 message"):
        channel(TABLE).notice_deliver(make_notice("x" * 460))
    with pytest.raises(RefusedError, match="161 characters and exceed 1 message"):
        channel(TABLE | {"max_notice_parts": 1}).notice_deliver(make_notice("x" * 161))

    assert len(recording.sent) == 1


def test_of_several_texts_the_longest_that_fits_is_sent(channel: MakeChannel, recording: Recording) -> None:
    request = attrs.evolve(make_notice("x" * 460), shorter=("y" * 459, "z"))
    channel(TABLE).notice_deliver(request)
    channel(TABLE | {"max_notice_parts": 1}).notice_deliver(request)

    assert [message.text.reveal() for message in recording.sent] == ["y" * 459, "z"]


def test_no_password_that_no_phone_shows_is_made(channel: MakeChannel) -> None:
    assert channel(TABLE).password_policy().excluded == "`"


def test_a_check_names_everybody_who_cannot_be_reached(channel: MakeChannel, recording: Recording) -> None:
    numbers = {"1": "0555 123 45 67", "2": None, "3": "0344 225 12 34", "4": "0850 123 45 67", "5": "+1 202 555 0123"}
    people = tuple(Person(id=id_, name="-", mobile=mobile) for id_, mobile in numbers.items())

    report = channel(TABLE).channel_check(CheckChannel(recipients=people))

    assert {person: str(why) for person, why in report.unreachable.items()} == {
        "2": "no mobile number is registered",
        "3": "the registered number is a landline",
        "4": "the registered number is not a mobile number",
        "5": "the registered number is a foreign number",
    }
    assert report.warnings == ("be warned",)
    assert recording.sent == []


def test_a_probe_asks_for_the_message_by_our_id(channel: MakeChannel, recording: Recording) -> None:
    assert channel(TABLE).delivery_probe(ProbeDelivery(delivery_id="op-1-sms")).reference == "op-1-sms"


def test_threads_share_one_gateway(
    channel: MakeChannel, request_to: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    barrier = threading.Barrier(8)

    def open_slowly(*_: object) -> Recording:
        opened.append(Recording())
        return opened[-1]

    monkeypatch.setattr(plugin, "open_gateway", open_slowly)
    sms = channel(TABLE)

    def deliver(_: int) -> None:
        barrier.wait(60)
        sms.secret_deliver(request_to())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(8)))

    assert len(opened) == 1


def test_a_channel_that_was_never_used_has_nothing_to_close(channel: MakeChannel, recording: Recording) -> None:
    channel(TABLE).close()

    assert recording.closed == 0


def test_a_message_shows_no_more_than_the_end_of_its_number() -> None:
    from provisioner import Secret

    shown = repr(SmsMessage(delivery_id="d", to=NUMBER, text=Secret("canary")))

    assert masked(NUMBER) in shown
    assert NUMBER not in shown
    assert "canary" not in shown


def test_the_command_is_declared_without_being_imported() -> None:
    assert [(command.name, command.location) for command in plugin.cli_commands()] == [
        ("sms-simulator", "provisioner_sms.cli:group"),
        ("sms-reports", "provisioner_sms.reports_cli:group"),
    ]


@pytest.mark.parametrize(
    "to", ["90 532 123 45 67", "+90532 1234567", "05321234567", "+905321234567 +905331234567", "+905321234567\n", ""]
)
def test_no_gateway_is_handed_anything_but_one_number_in_e164(to: str) -> None:
    """Kannel takes a blank for the space between two receivers, and sends the password to both."""
    with pytest.raises(RefusedError, match="not in the form"):
        SmsMessage(delivery_id="d", to=to, text=Secret("canary"))
