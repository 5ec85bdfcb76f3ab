"""Sends messages to the simulator, which speaks JSON like any other provider."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

import attrs

from provisioner.core.api.errors import MisconfiguredError, UnknownOutcomeError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient, Response
from provisioner_sms.exchange import Exchange, ReplyMeaning, ReplyRule, as_reference, meaning_of_status
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.json_http import JsonGateway
from provisioner_sms.providers.interface import NUMBER
from provisioner_sms.replies import receipt, receipts_of
from provisioner_sms.settings import TURKEY, JsonSettings, SimulatorSettings

if TYPE_CHECKING:
    from provisioner_sms.simulator import SmsSimulator

#: What a message without a sender comes from.
SENDER = "SIMULATOR"


@attrs.define(eq=False, kw_only=True)
class SimulatorGateway:
    """The simulated phone network, elsewhere or inside this process."""

    _gateway: JsonGateway
    _client: HttpClient
    _url: str
    _headers: Mapping[str, str | Secret]
    _embedded: SmsSimulator | None

    @classmethod
    def open(cls, settings: SimulatorSettings) -> Self:
        """Return a gateway, and start the simulator if it is embedded.

        Raises:

            MisconfiguredError: The embedded simulator cannot start.
        """
        if settings.embedded is None:
            return cls._at(settings.url or "", settings.api_key, settings.timeout)
        from provisioner_sms.simulator import SmsSimulator

        key = Secret(secrets.token_urlsafe(24))
        try:
            embedded = SmsSimulator.start(settings.embedded, api_key=key)
        except OSError as error:
            raise MisconfiguredError(
                "the simulator cannot use {path}: {reason}", path=settings.embedded, reason=error.strerror
            ) from None
        return cls._at(embedded.url, key, settings.timeout, embedded)

    @classmethod
    def _at(cls, url: str, key: Secret | None, timeout: float, embedded: SmsSimulator | None = None) -> Self:
        client = HttpClient.open(timeout=timeout)
        settings = _settings(url, key)
        return cls(
            gateway=JsonGateway(settings=settings, client=client, country=TURKEY),
            client=client,
            url=url,
            headers={"Authorization": Secret.around(f"Bearer {key.reveal()}")} if key else {},
            embedded=embedded,
        )

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to the simulator."""
        return self._gateway.send(attrs.evolve(message, sender=message.sender or SENDER))

    def send_batch(self, messages: Sequence[SmsMessage]) -> Mapping[str, DeliveryReceipt]:
        """Hand several messages to the simulator, which answers for each of them."""
        document = [
            {"id": one.delivery_id, "to": one.to, "sender": one.sender or SENDER, "text": one.text} for one in messages
        ]
        answer = self._client.call(
            "POST",
            f"{self._url}/batches",
            headers={"Content-Type": "application/json", **self._headers},
            content=Secret.around(json.dumps({"messages": document}, default=Secret.reveal)),
        )
        if answer.status != HTTPStatus.OK:
            meaning, detail = meaning_of_status(answer.status), f"HTTP {answer.status}"
            return receipts_of(messages, receipt(meaning, detail, retry_after=answer.retry_after))
        found = _receipts_in(answer)
        if sorted(one for one, _ in found) != sorted(message.delivery_id for message in messages):
            raise UnknownOutcomeError("the provider's answer is not about exactly the messages that were sent")
        return dict(found)

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


def _receipts_in(answer: Response) -> list[tuple[str, DeliveryReceipt]]:
    """Return what the simulator says of messages, with their IDs.

    Raises:

        UnknownOutcomeError: It says something else.
    """
    try:
        return [(str(one["id"]), _RECEIPTS[one["state"]](str(one["id"]))) for one in json.loads(answer.body)["items"]]
    except (ValueError, LookupError, TypeError):
        raise UnknownOutcomeError("the provider's answer is invalid: {detail}", detail="HTTP 200") from None


def _accepted(message_id: str) -> DeliveryReceipt:
    return DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=as_reference(message_id), will_report=True)


def _rejected(_: str) -> DeliveryReceipt:
    return DeliveryReceipt(state=DeliveryState.REJECTED, detail=NUMBER.words)


_RECEIPTS: Mapping[str, Callable[[str], DeliveryReceipt]] = {"accepted": _accepted, "rejected": _rejected}


def _settings(url: str, api_key: Secret | None) -> JsonSettings:
    headers = {"Authorization": "Bearer {secret:key}"} if api_key else {}
    return JsonSettings(
        secrets={"key": api_key} if api_key else {},
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
