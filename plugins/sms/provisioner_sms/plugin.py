"""The hooks of the SMS plug-in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Self
from zoneinfo import ZoneInfo

import attrs
import structlog

from provisioner import hookimpl
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.messages import (
    ChannelReport,
    CheckChannel,
    CliCommand,
    DeliverNotice,
    DeliverNoticeBatch,
    DeliverSecret,
    DeliveryReceipt,
    NoticeBatchReceipt,
    PasswordPolicy,
    ProbeDelivery,
)
from provisioner.core.api.registration import PluginSettings, Registrar, Section
from provisioner.core.model.secret import Secret
from provisioner_sms.batches import send_batch
from provisioner_sms.commands import COMMANDS
from provisioner_sms.gateway import BatchGateway, Report, SmsMessage, masked, unreported
from provisioner_sms.opening import open_gateway
from provisioner_sms.settings import Settings
from provisioner_sms.texts import UNSENDABLE, ZONE, Templates, notice

log = structlog.stdlib.get_logger(__name__)


@attrs.define(eq=False, kw_only=True)
class SmsChannel:
    """Sends passwords and notices to mobile phones. It connects for the first message or check, not before."""

    name: str
    settings: Settings
    templates: Templates
    #: Stores what the gateway reports on a part of a message.
    report: Report = unreported
    _gateway: BatchGateway | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def configured(cls, section: Section, language: str, zone: ZoneInfo = ZONE, report: Report = unreported) -> Self:
        """Return the channel that a section of the configuration describes."""
        settings = section.settings(Settings)
        templates = Templates.of(settings, language, section.place, zone)
        return cls(name=section.name, settings=settings, templates=templates, report=report)

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        """Send the password to the registered number of its owner, and to no other (001 ¶5)."""
        return self._send(self._message(request, self.templates.compose(request)))

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        """Send a notice, with plain letters instead of Turkish ones, because that makes it shorter."""
        return self._send(self._notice(request))

    @hookimpl
    def notice_batch_deliver(self, request: DeliverNoticeBatch) -> NoticeBatchReceipt:
        """Send several notices in one request."""
        sent = send_batch(self._open(), request, self._notice)
        states = Counter(receipt.state.value for receipt in sent.receipts.values())
        log.info("sms_batch_answered", channel=self.name, **states)
        return sent

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Ask the gateway about a message whose answer was lost."""
        return self._open().probe(request)

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        """Ask the gateway whether it works, and look at every number."""
        from provisioner_sms.numbers import unreachable

        found = unreachable(request.recipients, self.settings.regions)
        return ChannelReport(unreachable=found, warnings=self._open().check())

    @hookimpl
    def password_policy(self) -> PasswordPolicy:
        """Exclude the characters that no phone can show."""
        return PasswordPolicy(source=f"channel {self.name}", excluded=UNSENDABLE)

    def close(self) -> None:
        """Close the gateway."""
        with self._lock:
            if self._gateway is not None:
                self._gateway.close()
                self._gateway = None

    def _send(self, message: SmsMessage) -> DeliveryReceipt:
        receipt = self._open().send(message)
        log.info("sms_answered", channel=self.name, to=masked(message.to), state=receipt.state.value)
        return receipt

    def _notice(self, request: DeliverNotice) -> SmsMessage:
        return self._message(request, notice(request, self.settings.max_notice_parts))

    def _message(self, request: DeliverSecret | DeliverNotice, text: Secret) -> SmsMessage:
        from provisioner_sms.numbers import parse

        to = parse(request.recipient.mobile, self.settings.regions)
        return SmsMessage(delivery_id=request.delivery_id, to=to, text=text, sender=self.settings.sender)

    def _open(self) -> BatchGateway:
        with self._lock:
            self._gateway = self._gateway or open_gateway(self.settings, self.name, self.report)
            return self._gateway


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one channel for each section."""
    if settings.targets:
        raise ConfigurationError(
            "{place}: the SMS plug-in provides channels, not targets", place=settings.targets[0].place
        )
    for section in settings.channels:
        report = partial(register.report, section.name)
        channel = SmsChannel.configured(section, settings.language, settings.time_zone, report)
        register.channel(
            section.name,
            channel,
            longest_call=timedelta(seconds=channel.settings.timeout),
            largest_batch=channel.settings.largest_batch,
        )
        register.on_close(channel.close)


@hookimpl
def cli_commands() -> Sequence[CliCommand]:
    """Add ``sms-simulator`` and ``sms-reports``."""
    return COMMANDS
