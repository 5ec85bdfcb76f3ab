"""Sends messages through a provider's HTTP interface, as the configuration describes it."""

from __future__ import annotations

from base64 import b64encode
from typing import Self

import attrs

from provisioner.core.api.errors import ForbiddenError, MisconfiguredError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import marked
from provisioner.net.http import HttpClient, Response
from provisioner_sms.exchange import Exchange, Values
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.numbers import written
from provisioner_sms.replies import expect_taken, receipt
from provisioner_sms.settings import TURKEY, JsonSettings


@attrs.define(eq=False, kw_only=True)
class JsonGateway:
    """A provider that takes JSON."""

    _settings: JsonSettings
    _client: HttpClient
    #: The country of whose numbers the provider needs no country code.
    _country: str

    @classmethod
    def open(cls, settings: JsonSettings, country: str = TURKEY) -> Self:
        """Return a gateway.

        Args:

            settings: The settings.

            country: The country of whose numbers the provider needs no country code.

        Raises:

            MisconfiguredError: The certificates cannot be read.
        """
        client = HttpClient.open(timeout=settings.timeout, ca_file=settings.ca_file, proxy=settings.proxy)
        return cls(settings=settings, client=client, country=country)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to the provider."""
        values: Values = {
            "id": message.delivery_id,
            "to": written(message.to, self._settings.number_format, self._country),
            "text": message.text,
            "sender": message.sender or "",
        }
        found = expect_taken(self._perform(self._settings.send, values, harmless=False))
        return attrs.evolve(found, will_report=self._settings.probe is not None)

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Ask the provider about one message, if the configuration says how."""
        if self._settings.probe is None:
            return DeliveryReceipt(state=DeliveryState.UNKNOWN, detail="the provider cannot be asked about a message")
        return self._perform(self._settings.probe, {"id": request.delivery_id}, harmless=True)

    def check(self) -> tuple[str, ...]:
        """Make the request that sends nothing, or see at least whether somebody answers."""
        if self._settings.check is None:
            self._client.call("HEAD", self._settings.send.address({"id": "-"}), harmless=True)
            return (
                marked(
                    "it is unknown whether the provider accepts the credentials; describe a request in the table check"
                ),
            )
        try:
            found = self._perform(self._settings.check, {}, harmless=True)
        except ForbiddenError as error:
            raise MisconfiguredError("the provider refuses the credentials: {reason}", reason=error.text) from None
        if found.state in {DeliveryState.ACCEPTED, DeliveryState.DELIVERED}:
            return ()
        raise MisconfiguredError("the provider's answer does not match the table check: {detail}", detail=found.detail)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _perform(self, exchange: Exchange, values: Values, *, harmless: bool) -> DeliveryReceipt:
        values = {**values, **{f"secret:{name}": secret for name, secret in self._settings.secrets.items()}}
        answer = self._client.call(
            exchange.method,
            exchange.address(values),
            headers={"Content-Type": "application/json", **self._authorization(), **exchange.fields(values)},
            content=exchange.document(values),
            harmless=harmless,
        )
        return _receipt(exchange, answer)

    def _authorization(self) -> dict[str, Secret]:
        if self._settings.username is None or self._settings.password is None:
            return {}
        return basic_authorization(self._settings.username, self._settings.password)


def basic_authorization(username: str, password: Secret) -> dict[str, Secret]:
    """Return the header of HTTP Basic authentication."""
    pair = Secret.around(f"{username}:{password.reveal()}")
    return {"Authorization": Secret.around(f"Basic {b64encode(pair.reveal().encode()).decode()}")}


def _receipt(exchange: Exchange, answer: Response) -> DeliveryReceipt:
    meaning, words = exchange.meaning(answer.status, answer.text)
    detail = words or f"HTTP {answer.status}"
    reference = exchange.reference_in(answer.text)
    return receipt(meaning, detail, reference=reference, retry_after=answer.retry_after)
