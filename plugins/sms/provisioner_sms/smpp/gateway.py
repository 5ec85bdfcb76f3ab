"""Sends messages to an operator over SMPP 3.4, and takes its reports over the same connection."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Self

import attrs
import structlog

from provisioner.core.api.errors import UnavailableError, UnknownOutcomeError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model import MessageState
from provisioner.core.model.text import Text, marked
from provisioner_sms.gateway import Report, SmsMessage, send_parts
from provisioner_sms.numbers import written
from provisioner_sms.settings import TURKEY, HexadecimalIds, NumberFormat, SmppSettings
from provisioner_sms.smpp.alphabet import TextPart, split
from provisioner_sms.smpp.answers import objection
from provisioner_sms.smpp.link import Link
from provisioner_sms.smpp.pdus import Pdu, meaning_of
from provisioner_sms.smpp.reports import SmppReports
from provisioner_sms.texts import REFERENCES

log = structlog.stdlib.get_logger(__name__)

#: The types of number and the numbering plans of senders.
_NAME, _INTERNATIONAL, _NONE = (5, 0), (1, 1), (0, 0)

#: In ``esm_class``: the text begins with a header.
_HAS_HEADER = 0x40

#: What a report that was quicker than the answer says about the message.
_EARLY: Mapping[MessageState | None, DeliveryState] = {
    MessageState.DELIVERED: DeliveryState.DELIVERED,
    MessageState.REJECTED: DeliveryState.REJECTED,
}


@attrs.define(eq=False, kw_only=True)
class SmppGateway:
    """An operator. The connection is opened by the first message, and again after it was lost."""

    _settings: SmppSettings
    _reports: SmppReports
    #: The country of whose numbers the operator needs no country code.
    _country: str
    _link: Link | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    #: Tells the parts of different texts apart.
    _references: count[int] = attrs.field(factory=lambda: count(secrets.randbelow(REFERENCES)), init=False)
    #: Is set when the gateway is closed.
    _closing: threading.Event = attrs.field(factory=threading.Event, init=False, repr=False)

    @classmethod
    def open(cls, settings: SmppSettings, report: Report, country: str = TURKEY) -> Self:
        """Return a gateway. Nothing is connected.

        Args:

            settings: The operator.

            report: Stores a report on a part of a message, and returns whether the message is known.

            country: The country of whose numbers the operator needs no country code.
        """
        return cls(settings=settings, reports=SmppReports(settings=settings, report=report), country=country)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Send the parts of a message, one after the other."""
        deadline = time.monotonic() + self._settings.timeout
        parts = split(message.text, next(self._references))
        receipts = send_parts(parts, partial(self._submit, message, deadline), deadline, self._closing)
        if receipts[0].state is DeliveryState.REJECTED:
            return receipts[0]
        return self._receipt([receipt.reference for receipt in receipts])

    def probe(self, _: ProbeDelivery) -> DeliveryReceipt:
        """Say that nothing is known: the operator can't be asked by our ID, and reports by itself."""
        return DeliveryReceipt(state=DeliveryState.UNKNOWN, detail="the operator cannot be asked about a message")

    def check(self) -> tuple[str | Text, ...]:
        """Bind, and ask the operator whether it is there."""
        try:
            self._connection().request("enquire_link", time.monotonic() + self._settings.timeout).result()
        except UnknownOutcomeError as error:
            raise UnavailableError(error.text) from None
        if self._settings.is_protected:
            return ()
        return (marked("passwords are sent to the operator unencrypted; set tls = true if it supports that"),)

    def close(self) -> None:
        """Unbind."""
        self._closing.set()
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _submit(self, message: SmsMessage, deadline: float, part: TextPart) -> DeliveryReceipt:
        answer = self._connection().request("submit_sm", deadline, **self._fields(message, part)).result()
        if answer.status:
            return _refused(answer.status)
        return DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=self._part_id(answer))

    def _connection(self) -> Link:
        with self._lock:
            if self._link is None or not self._link.is_usable:
                self._link = Link.start(self._settings, f"bind_{self._settings.bind.value}", self._reports.take)
            return self._link

    def _fields(self, message: SmsMessage, part: TextPart) -> Mapping[str, object]:
        source_ton, source_npi = self._source_kind(message.sender)
        return {
            "source_addr_ton": source_ton,
            "source_addr_npi": source_npi,
            "source_addr": (message.sender or "").removeprefix("+"),
            "dest_addr_ton": self._settings.destination_ton,
            "dest_addr_npi": self._settings.destination_npi,
            "destination_addr": self._destination(message.to),
            "esm_class": _HAS_HEADER if part.has_header else 0,
            "validity_period": relative_time(self._settings.validity_hours),
            "registered_delivery": 1,
            "data_coding": 0,
            "short_message": part.octets,
        }

    def _destination(self, number: str) -> str:
        """Return a number in digits. Unless it is called international, the operator may take it for one at home."""
        if self._settings.destination_ton == _INTERNATIONAL[0]:
            return written(number, NumberFormat.E164, self._country).removeprefix("+")
        return written(number, NumberFormat.DIGITS, self._country)

    def _source_kind(self, sender: str | None) -> tuple[int, int]:
        """Return the type of number and the numbering plan of a sender, as they are set or as it looks."""
        ton, npi = _NONE if not sender else _INTERNATIONAL if sender.removeprefix("+").isdigit() else _NAME
        set_ton, set_npi = self._settings.source_ton, self._settings.source_npi
        return ton if set_ton is None else set_ton, npi if set_npi is None else set_npi

    def _part_id(self, answer: Pdu) -> str | None:
        given = answer.message_id
        return self._reports.part(given, HexadecimalIds.ANSWERS) if given else None

    def _receipt(self, ids: Sequence[str | None]) -> DeliveryReceipt:
        """Return the receipt of a message that the operator took. Reports can have been quicker than the answer."""
        parts = tuple(dict.fromkeys(part for part in ids if part))
        if len(parts) < len(ids):
            return DeliveryReceipt(
                state=DeliveryState.ACCEPTED, detail="the operator did not give each part a message ID of its own"
            )
        state = _EARLY.get(self._reports.state(parts), DeliveryState.ACCEPTED)
        return DeliveryReceipt(state=state, reference=" ".join(parts), will_report=True, parts=parts)


def relative_time(hours: int) -> str:
    """Return a time from now as SMPP writes it."""
    return f"0000{hours // 24:02}{hours % 24:02}0000000R"


def _refused(status: int) -> DeliveryReceipt:
    if error := objection(status):
        raise error
    return DeliveryReceipt(state=DeliveryState.REJECTED, detail=meaning_of(status))
