"""Phones behind a gateway that takes every message and says only later what became of it."""

from __future__ import annotations

import attrs

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    ChannelReport,
    CheckChannel,
    DeliverNotice,
    DeliverSecret,
    DeliveryReceipt,
    DeliveryState,
    ProbeDelivery,
)
from provisioner.testing.memory import MemoryChannel, MemoryMessage, MemoryNotice


@attrs.define(eq=False)
class SlowPhones:
    """A gateway that answers *accepted*, and can be asked."""

    #: What it answers when it is asked about a message.
    answer: DeliveryState = DeliveryState.ACCEPTED
    #: What the receipts say of the gateway that took a message.
    gateway: str | None = None
    reference: str | None = None
    #: The IDs that it gives the parts of every message.
    parts: tuple[str, ...] = ()
    #: How it was asked about messages.
    probes: list[ProbeDelivery] = attrs.field(factory=list, init=False)
    #: The IDs of the messages about which it was asked.
    asked: list[str] = attrs.field(factory=list, init=False)
    _phones: MemoryChannel = attrs.field(factory=MemoryChannel, init=False)

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        self._phones.secret_deliver(request)
        return DeliveryReceipt(
            state=DeliveryState.ACCEPTED,
            gateway=self.gateway,
            reference=self.reference,
            will_report=True,
            parts=self.parts,
        )

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        return self._phones.notice_deliver(request)

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        self.probes.append(request)
        self.asked.append(request.delivery_id)
        return DeliveryReceipt(state=self.answer, will_report=True)

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        return self._phones.channel_check(request)

    def inbox(self, number: str) -> list[MemoryMessage]:
        return self._phones.inbox(number)

    def notices(self, number: str) -> list[MemoryNotice]:
        return self._phones.notices(number)
