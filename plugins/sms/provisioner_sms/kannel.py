"""Sends messages through Kannel's sendsms service.

The text travels in the body and the credentials in headers, because everything in an address ends up in logs. What
Kannel says is in the body of its answer; its status alone would take a queued message for one that is on its way.
"""

from __future__ import annotations

import re
from http import HTTPStatus
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
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.report_addresses import SERVICE, ReportAddresses, escaped
from provisioner_sms.reports import Reports
from provisioner_sms.settings import KannelSettings, protected

log = structlog.stdlib.get_logger(__name__)

#: Every kind of delivery report: delivered, not delivered, buffered, taken and refused by the operator.
ALL_REPORTS = "31"

#: How Kannel says that no operator takes messages to this number. Other answers with the same status are about us.
_NO_ROUTE = "Not routable"

#: How Kannel says that the sender or the report's address is wrong, which no other recipient would change.
_OUR_FAULT = ("Sender missing", "DLR-URL field", "Invalid content-type", "Unsupported content-type")


@attrs.define(eq=False, kw_only=True)
class KannelGateway:
    """A Kannel smsbox. It has no message ids of its own; ours comes back in its delivery reports."""

    _settings: KannelSettings
    _client: HttpClient
    #: Where delivery reports arrive, if this process takes them.
    _reports: Reports | None

    @classmethod
    def open(cls, settings: KannelSettings) -> Self:
        """Return a gateway, and listen for delivery reports if the settings say so.

        Raises:

            MisconfiguredError: The certificates cannot be read, or the port for reports is taken.
        """
        client = HttpClient.open(timeout=settings.timeout, ca_file=settings.ca_file)
        reports = Reports.listen(settings.dlr_listen) if settings.dlr_listen else None
        return cls(settings=settings, client=client, reports=reports)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to Kannel."""
        answer = self._client.call(
            "POST",
            self._settings.url,
            headers={
                **self._credentials(),
                **self._reporting(message.delivery_id),
                **({"X-Kannel-From": message.sender} if message.sender else {}),
                "X-Kannel-To": message.to,
                "X-Kannel-Coding": "0",
                "Content-Type": "text/plain; charset=UTF-8",
            },
            content=message.text,
        )
        return attrs.evolve(_receipt(answer), will_report=self._settings.reports is not None)

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
        self._client.close()
        if self._reports is not None:
            self._reports.close()

    def _credentials(self) -> dict[str, str | Secret]:
        return {"X-Kannel-Username": self._settings.username, "X-Kannel-Password": self._settings.password}

    def _reporting(self, delivery_id: str) -> dict[str, str]:
        url = self._report_url(delivery_id)
        return {"X-Kannel-DLR-Mask": ALL_REPORTS, "X-Kannel-DLR-Url": url} if url else {}

    def _report_url(self, delivery_id: str) -> str | None:
        if self._settings.reports:
            return ReportAddresses.of(self._settings.reports).address(delivery_id)
        template = self._reports.url if self._reports else self._settings.dlr_url
        return template.replace("{id}", escaped(delivery_id)) if template else None

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
