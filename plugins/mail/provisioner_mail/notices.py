"""The hooks of a channel for mail notices. There is no hook for passwords, so none can be sent by mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import attrs
import structlog

from provisioner.core.api.errors import RefusedError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import ChannelReport, CheckChannel, DeliverNotice, DeliveryReceipt
from provisioner.core.api.registration import Section
from provisioner_mail.smtp_settings import SmtpSettings

if TYPE_CHECKING:
    from provisioner_mail.smtp import SmtpServer

#: The subjects of notices, by language.
SUBJECTS: Mapping[str, str] = {"en": "Notice about your accounts", "tr": "Hesaplarınız hakkında bildirim"}

log = structlog.stdlib.get_logger(__name__)


@attrs.define(eq=False, kw_only=True)
class SmtpChannel:
    """Sends notices by mail. Nothing is connected before the first one."""

    name: str
    settings: SmtpSettings
    subject: str

    @classmethod
    def configured(cls, section: Section, language: str) -> Self:
        """Return the channel that a section of the configuration describes."""
        settings = section.settings(SmtpSettings)
        return cls(name=section.name, settings=settings, subject=settings.subject or SUBJECTS[language])

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        """Send a notice to the address of a person."""
        from provisioner_mail.mail_text import compose

        address = self.settings.address_of(request.recipient.id)
        if address is None:
            raise RefusedError("{person} has no mail address", cure="add it to addresses", person=request.recipient.id)
        mail = compose(request, sender=self.settings.sender, recipient=address, subject=self.subject)
        receipt = self._server().send(address, mail)
        log.info("mail_answered", channel=self.name, state=receipt.state.value)
        return receipt

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:  # noqa: ARG002 - the hook's argument
        """Log in to the mail server, and send nothing."""
        self._server().check()
        return ChannelReport()

    def _server(self) -> SmtpServer:
        from provisioner_mail.smtp import SmtpServer

        return SmtpServer(self.settings)
