"""Notices go by mail to those who have an address. Passwords never do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioner import Person
from provisioner.core.api.errors import RefusedError
from provisioner.core.api.messages import CheckChannel, DeliverNotice, DeliveryReceipt, DeliveryState
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import DELIVER
from provisioner.core.gateways.plugins import Plugins
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import ORIGIN
from provisioner_mail import smtp
from provisioner_mail.notices import SUBJECTS, SmtpChannel
from provisioner_mail.smtp_settings import SmtpSettings


@pytest.fixture(name="channel")
def _channel() -> SmtpChannel:
    settings = SmtpSettings(
        host="127.0.0.1", sender="notices@example.gov.tr", addresses={"1001": "ayse@example.gov.tr"}
    )
    return SmtpChannel(name="mail", settings=settings, subject=SUBJECTS["tr"])


@pytest.fixture(name="sent")
def _sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    sent: list[tuple[str, bytes]] = []

    def send(_: object, recipient: str, mail: bytes) -> DeliveryReceipt:
        sent.append((recipient, mail))
        return DeliveryReceipt(state=DeliveryState.ACCEPTED)

    monkeypatch.setattr(smtp.SmtpServer, "send", send)
    monkeypatch.setattr(smtp.SmtpServer, "check", lambda _: sent.append(("", b"")))
    return sent


def notice(person: str) -> DeliverNotice:
    return DeliverNotice(delivery_id="notice-1", recipient=Person(id=person, name="Ayşe"), text="long", shorter=("s",))


def test_a_person_gets_the_longest_text_at_the_own_address(channel: SmtpChannel, sent: list[tuple[str, bytes]]) -> None:
    assert channel.notice_deliver(notice("1001")).state is DeliveryState.ACCEPTED

    [(recipient, mail)] = sent
    assert recipient == "ayse@example.gov.tr"
    assert b"\r\n\r\nlong\r\n" in mail


def test_a_person_without_an_address_is_refused(channel: SmtpChannel, sent: list[tuple[str, bytes]]) -> None:
    with pytest.raises(RefusedError, match="no mail address"):
        channel.notice_deliver(notice("1002"))
    assert sent == []


def test_no_password_can_be_sent(channel: SmtpChannel) -> None:
    added = Plugins(make_breaker=lambda name: Breaker(name=name, now=FakeClock())).add_channel("mail", channel, ORIGIN)

    assert DELIVER not in added.hooks
    assert "notice_deliver" in added.hooks


def test_a_check_sends_nothing(channel: SmtpChannel, sent: list[tuple[str, bytes]]) -> None:
    channel.channel_check(CheckChannel())

    assert sent == [("", b"")]


def test_a_channel_is_configured_beside_the_mail_servers(tmp_path: Path) -> None:
    from provisioner.config.load import load
    from provisioner_mail.plugin import provisioner_register

    file = tmp_path / "provisioner.toml"
    file.write_text(
        '[accounts]\ndomain = "meb.gov.tr"\n[channels.mail]\nplugin = "mail"\ncannot = ["secret_deliver"]\n'
        'host = "mail.example.gov.tr"\nsender = "notices@example.gov.tr"\naddress = "{id}@example.gov.tr"\n'
        '[channels.mail.notices]\nunder = ["il-mem"]\n',
        encoding="utf-8",
    )
    found = dict[str, Any]()

    class Register:
        def channel(self, name: str, channel: SmtpChannel, *, longest_call: object) -> None:
            found[name] = channel

    [settings] = load(file).plugin_settings()
    provisioner_register(settings, Register())  # type: ignore[arg-type]

    assert found["mail"].subject == "Hesaplarınız hakkında bildirim"
    assert load(file).audiences()["mail"].units is not None
