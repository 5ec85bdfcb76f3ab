"""Sends messages through Kannel's sendsms service.

Kannel would split a longer text itself, and ask the operator for a report on the first part only. Therefore the parts
are handed over one by one, each with its own address for reports.

The text travels in the body and the credentials in headers, because everything in an address ends up in logs. What
Kannel says is in the body of its answer; its status alone would take a queued message for one that is on its way.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Sequence
from functools import partial, reduce
from http import HTTPStatus
from itertools import count
from typing import Self

import attrs
import structlog

from provisioner.core.api.errors import (
    MisconfiguredError,
    TargetError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text, marked
from provisioner.net.http import HttpClient, Response
from provisioner_sms.gateway import SmsMessage, send_parts
from provisioner_sms.report_addresses import SERVICE, ReportAddresses, escaped, part_ids
from provisioner_sms.reports import Reports
from provisioner_sms.settings import KannelSettings, protected
from provisioner_sms.texts import REFERENCES, part_header, pieces

log = structlog.stdlib.get_logger(__name__)

#: Every kind of delivery report: delivered, not delivered, buffered, taken and refused by the operator.
ALL_REPORTS = "31"

#: How Kannel says that no operator takes messages to this number. Other answers with the same status are about us.
_NO_ROUTE = "Not routable"

#: How Kannel says that the sender or the report's address is wrong, which no other recipient would change.
_OUR_FAULT = ("Sender missing", "DLR-URL field", "Invalid content-type", "Unsupported content-type")


@attrs.frozen(kw_only=True)
class _Part:
    """What Kannel is handed at once: a whole message, or a part of one."""

    #: What its reports are about.
    id: str
    text: Secret
    number: int = 1
    count: int = 1
    #: What tells the phone how to join the parts; empty if there is only one.
    header: bytes = b""


@attrs.define(eq=False, kw_only=True)
class KannelGateway:
    """A Kannel smsbox. It has no message ids of its own; ours comes back in its delivery reports."""

    _settings: KannelSettings
    _client: HttpClient
    #: Where delivery reports arrive, if this process takes them.
    _reports: Reports | None
    #: How many parts a text can have.
    _most_parts: int
    #: Tells the parts of different texts apart.
    _references: count[int] = attrs.field(factory=lambda: count(secrets.randbelow(REFERENCES)), init=False)
    #: Is set when the gateway is closed.
    _closing: threading.Event = attrs.field(factory=threading.Event, init=False, repr=False)

    @classmethod
    def open(cls, settings: KannelSettings, most_parts: int = 1) -> Self:
        """Return a gateway, and listen for delivery reports if the settings say so.

        Args:

            settings: The settings.

            most_parts: How many parts a text can have.

        Raises:

            MisconfiguredError: The certificates cannot be read, or the port for reports is taken.
        """
        client = HttpClient.open(timeout=settings.timeout, ca_file=settings.ca_file)
        reports = Reports.listen(settings.dlr_listen) if settings.dlr_listen else None
        return cls(settings=settings, client=client, reports=reports, most_parts=most_parts)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand the parts of a message to Kannel, one after the other."""
        deadline = time.monotonic() + self._settings.timeout
        parts = _parts_of(message, next(self._references))
        if self._reports is not None:
            self._reports.expect(message.delivery_id, [part.id for part in parts])
        receipt = send_parts(parts, partial(self._handed_over, message), deadline, self._closing)[-1]
        if receipt.state is not DeliveryState.ACCEPTED:
            return receipt
        will_report = self._settings.reports is not None
        ids = tuple(part.id for part in parts) if will_report and len(parts) > 1 else ()
        return attrs.evolve(receipt, will_report=will_report, parts=ids)

    def _handed_over(self, message: SmsMessage, part: _Part) -> DeliveryReceipt:
        answer = self._client.call(
            "POST",
            self._settings.url,
            headers={
                **self._credentials(),
                **self._reporting(message, part),
                **({"X-Kannel-From": message.sender} if message.sender else {}),
                **({"X-Kannel-UDH": part.header.hex()} if part.header else {}),
                "X-Kannel-To": message.to,
                "X-Kannel-Coding": "0",
                "Content-Type": "text/plain; charset=UTF-8",
            },
            content=part.text,
        )
        return _receipt(answer)

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Tell what the delivery reports say, and wait a while for one; Kannel itself cannot be asked."""
        if self._reports is None:
            return DeliveryReceipt(state=DeliveryState.UNKNOWN, detail="Kannel cannot be asked about a message")
        return DeliveryReceipt(state=self._reports.state(request.delivery_id, patience=self._settings.timeout))

    def check(self) -> tuple[str | Text, ...]:
        """Send a message without a receiver: Kannel looks at the credentials first and then refuses it."""
        answer = self._client.call("POST", self._settings.url, headers=self._credentials(), harmless=True)
        if not (answer.status == HTTPStatus.BAD_REQUEST and answer.text.startswith("Missing receiver")):
            raise _error(answer) or UnavailableError("Kannel's answer is invalid: HTTP {status}", status=answer.status)
        return tuple(self._warnings())

    def close(self) -> None:
        """Close the connection, and stop listening for reports."""
        self._closing.set()
        self._client.close()
        if self._reports is not None:
            self._reports.close()

    def _credentials(self) -> dict[str, str | Secret]:
        return {"X-Kannel-Username": self._settings.username, "X-Kannel-Password": self._settings.password}

    def _reporting(self, message: SmsMessage, part: _Part) -> dict[str, str]:
        url = self._report_url(message.delivery_id, part)
        return {"X-Kannel-DLR-Mask": ALL_REPORTS, "X-Kannel-DLR-Url": url} if url else {}

    def _report_url(self, delivery_id: str, part: _Part) -> str | None:
        if self._settings.reports:
            addresses = ReportAddresses.of(self._settings.reports)
            return addresses.part_address(part.id) if part.header else addresses.address(delivery_id)
        if self._reports:
            return self._reports.url.replace("{id}", escaped(part.id))
        places = {"{id}": escaped(delivery_id), "{parts}": str(part.count), "{part}": str(part.number)}
        return reduce(lambda url, place: url.replace(*place), places.items(), self._settings.dlr_url or "") or None

    def _warnings(self) -> list[str | Text]:
        warnings: list[str | Text] = []
        if not protected(self._settings.url):
            warnings.append(
                marked("passwords are sent to Kannel unencrypted; enable TLS for its sendsms-port (sendsms-port-ssl)")
            )
        if self._settings.status_url is not None:
            warnings += self._status_warnings(self._settings.status_url)
        return [*warnings, *self._report_warnings()]

    def _report_warnings(self) -> list[str | Text]:
        """Return what keeps delivery reports from arriving. Kannel doesn't tell its own settings."""
        if self._settings.dlr_url and "%d" not in self._settings.dlr_url:
            return [marked("dlr_url contains no %d, so reports don't say what happened to a message")]
        if self._settings.dlr_url and self._most_parts > 1 and "{part}" not in self._settings.dlr_url:
            return [
                Text(
                    "dlr_url contains no {place}, so a report on the first part of a longer text looks like one on the "
                    "whole text; add {{part}} and {{parts}}",
                    {"place": "{part}"},
                )
            ]
        if self._settings.reports and not self._receives(self._settings.reports.address):
            values = {"url": self._settings.reports.address}
            return [Text("no receiver of delivery reports at {url}; run 'provisioner sms-reports serve'", values)]
        return []

    def _receives(self, address: str) -> bool:
        try:
            return SERVICE in self._client.call("GET", f"{address}/", harmless=True).text
        except TargetError:
            return False

    def _status_warnings(self, url: str) -> list[str]:
        try:
            page = self._client.call("GET", url, harmless=True).text
        except TargetError:
            return [marked("Kannel's status page cannot be reached; check status_url, and admin-allow-ip in Kannel")]
        if "<smsc>" not in page:
            return [marked("Kannel's status page has no status; use status.xml without a status-password")]
        return [*_operator_warnings(page), *self._storage_warnings(page)]

    def _storage_warnings(self, page: str) -> list[str]:
        if self._settings.reports and "<storage>internal" in page:
            return [marked("a restart of Kannel loses delivery reports; set dlr-storage in its group core")]
        return []


def _parts_of(message: SmsMessage, reference: int) -> Sequence[_Part]:
    """Return the parts of a message. Each attempt to send a longer text has parts of its own.

    Args:

        message: The message.

        reference: Tells the parts of this text from those of another one to the same phone.
    """
    texts = list(pieces(message.text.reveal()))
    if len(texts) == 1:
        return [_Part(id=message.delivery_id, text=message.text)]
    return [
        _Part(
            id=part,
            text=text,
            number=number,
            count=len(texts),
            header=part_header(reference, number, len(texts)),
        )
        for number, (part, text) in enumerate(zip(part_ids(message.delivery_id, len(texts)), texts, strict=True), 1)
    ]


def _operator_warnings(page: str) -> list[str]:
    if not re.search(r"<smsc>(?:(?!</smsc>).)*<status>online", page, re.DOTALL):
        return [marked("Kannel is not connected to any operator; messages will wait until it is")]
    return []


def _receipt(answer: Response) -> DeliveryReceipt:
    if answer.status == HTTPStatus.ACCEPTED and answer.text.startswith("0: Accepted"):
        return DeliveryReceipt(state=DeliveryState.ACCEPTED)
    if answer.status == HTTPStatus.ACCEPTED and answer.text.startswith("3: Queued"):
        log.warning("kannel_queued", hint="no operator is connected; the message waits in Kannel")
        return DeliveryReceipt(state=DeliveryState.ACCEPTED, detail="queued until Kannel reaches the operator")
    if error := _error(answer):
        raise error
    if answer.status == HTTPStatus.FORBIDDEN:
        return DeliveryReceipt(state=DeliveryState.REJECTED, detail="Kannel has no route to this number")
    if answer.status == HTTPStatus.BAD_REQUEST:
        return DeliveryReceipt(state=DeliveryState.REJECTED, detail="Kannel refused the number or the message")
    raise UnknownOutcomeError("Kannel's answer is invalid: HTTP {status}", status=answer.status)


def _error(answer: Response) -> TargetError | None:
    """Return what went wrong if the answer says that nothing was sent and that it is not the message's fault."""
    match answer.status:
        case HTTPStatus.FORBIDDEN if not answer.text.startswith(_NO_ROUTE):
            return MisconfiguredError(
                "Kannel refuses the credentials",
                cure="compare username and password with the group sendsms-user, and check user-allow-ip there",
            )
        case HTTPStatus.NOT_FOUND:
            return MisconfiguredError(
                "Kannel has no such service", cure="check the path in url; usually /cgi-bin/sendsms"
            )
        case HTTPStatus.BAD_REQUEST if answer.text.startswith(_OUR_FAULT):
            return MisconfiguredError(
                "Kannel refuses the settings", cure="set sender, or default-sender in the group sendsms-user"
            )
        case HTTPStatus.INTERNAL_SERVER_ERROR | HTTPStatus.SERVICE_UNAVAILABLE if answer.text.startswith(
            ("Temporal failure", "Sending failed")
        ):
            return TransientError("Kannel cannot accept messages now")
    return None
