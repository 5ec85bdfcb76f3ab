"""Sends messages to the simulator, which speaks JSON like any other provider."""

from __future__ import annotations

import secrets
from typing import Self

import attrs

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import DeliveryReceipt, ProbeDelivery
from provisioner.core.model.secret import Secret
from provisioner_sms.exchange import Exchange, ReplyMeaning, ReplyRule
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.json_http import JsonGateway
from provisioner_sms.settings import JsonSettings, SimulatorSettings
from provisioner_sms.simulator.simulator import SmsSimulator

#: What a message without a sender comes from.
SENDER = "SIMULATOR"


@attrs.define(eq=False, kw_only=True)
class SimulatorGateway:
    """The simulated phone network, elsewhere or inside this process."""

    _gateway: JsonGateway
    _embedded: SmsSimulator | None

    @classmethod
    def open(cls, settings: SimulatorSettings) -> Self:
        """Return a gateway, and start the simulator if it is embedded.

        Raises:

            MisconfiguredError: The embedded simulator cannot start.
        """
        if settings.embedded is None:
            return cls(gateway=_gateway(settings.url or "", settings.api_key, settings.timeout), embedded=None)
        key = Secret(secrets.token_urlsafe(24))
        try:
            embedded = SmsSimulator.start(settings.embedded, api_key=key)
        except OSError as error:
            raise MisconfiguredError(
                "the simulator cannot use {path}: {reason}", path=settings.embedded, reason=error.strerror
            ) from None
        return cls(gateway=_gateway(embedded.url, key, settings.timeout), embedded=embedded)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to the simulator."""
        return self._gateway.send(attrs.evolve(message, sender=message.sender or SENDER))

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Ask the simulator about one message."""
        return self._gateway.probe(request)

    def check(self) -> tuple[str, ...]:
        """Check that the simulator is there and takes our key."""
        return self._gateway.check()

    def close(self) -> None:
        """Close the connection, and end the embedded simulator."""
        self._gateway.close()
        if self._embedded is not None:
            self._embedded.stop()


def _gateway(url: str, api_key: Secret | None, timeout: float) -> JsonGateway:
    headers = {"Authorization": "Bearer {secret:key}"} if api_key else {}
    settings = JsonSettings(
        secrets={"key": api_key} if api_key else {},
        timeout=timeout,
        send=Exchange(
            url=f"{url}/messages",
            headers=headers,
            body={"id": "{id}", "to": "{to}", "sender": "{sender}", "text": "{text}"},
            reference="id",
            replies=(ReplyRule(status=(202,), body='"accepted"', means=ReplyMeaning.ACCEPTED),),
        ),
        probe=Exchange(
            method="GET",
            url=f"{url}/messages/{{id}}",
            headers=headers,
            replies=(
                ReplyRule(status=(200,), body='"delivered"', means=ReplyMeaning.DELIVERED),
                ReplyRule(status=(200,), body='"pending"', means=ReplyMeaning.ACCEPTED),
                ReplyRule(status=(404,), body="no such message", means=ReplyMeaning.MISSING),
            ),
        ),
        check=Exchange(
            method="GET",
            url=f"{url}/",
            headers=headers,
            replies=(ReplyRule(status=(200,), body='"sms-simulator"', means=ReplyMeaning.ACCEPTED),),
        ),
    )
    return JsonGateway.open(settings)
