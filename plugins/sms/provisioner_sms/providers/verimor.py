"""Sends messages through Verimor.

Verimor can be asked about a message only with the password of the account in the address, where logs would keep it.
Therefore it isn't asked, and what happened to a message is unknown after a lost answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Self

import attrs

from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.numbers import written
from provisioner_sms.providers.interface import (
    CREDENTIALS,
    CREDIT_USED_UP,
    IYS,
    LIMIT,
    NUMBER,
    REQUEST,
    SENDER,
    SENT_BEFORE,
    TEXT,
    Codes,
    ProviderInterface,
    read,
)
from provisioner_sms.replies import expect_success, expect_taken, receipts_of
from provisioner_sms.settings import TURKEY, NumberFormat, VerimorSettings

#: The answers to a message: words, or HTTP statuses. A number of its own is the ID of a message that was taken.
SEND: Codes = {
    **dict.fromkeys(("MISSING_MESSAGE", "MESSAGE_TOO_LONG", "FORBIDDEN_MESSAGE", "INVALID_UTF8"), TEXT),
    **dict.fromkeys(
        (
            "MISSING_DESTINATION_ADDRESS",
            "INVALID_DESTINATION_ADDRESS",
            "BLACKLISTED_DESTINATION_ADDRESS",
            "NOT_ALLOWED_BY_IYS",
            "INTERNATIONAL_DENIED",
        ),
        NUMBER,
    ),
    **dict.fromkeys(
        (
            "MISSING_IYS_BRAND_CODE",
            "AHS_AUTHORIZATION_ERROR",
            "NO_AHS_BRAND_ERROR",
            "INVALID_IYS_RECIPIENT_TYPE",
            "COMMERCIAL_SENDING_ERROR_UNDER_150K",
        ),
        IYS,
    ),
    **dict.fromkeys(
        (
            "INVALID_PERIOD",
            "INVALID_DELIVERY_TIME",
            "INVALID_DATACODING",
            "INVALID_JSON",
            "MESSAGE_COUNT_LIMIT_EXCEEDED",
        ),
        REQUEST,
    ),
    **dict.fromkeys(("MUKERRER_RAPORLAMA", "DOUBLE_SEND_ERROR"), SENT_BEFORE),
    "INVALID_SOURCE_ADDRESS": SENDER,
    "401": CREDENTIALS,
    "429": LIMIT,
    "INSUFFICIENT_CREDITS": CREDIT_USED_UP,
}

#: A campaign that does not exist.
NO_CAMPAIGN = "/v2/cancel/0"


@attrs.define(eq=False, kw_only=True)
class VerimorGateway:
    """Verimor."""

    _settings: VerimorSettings
    _interface: ProviderInterface

    @classmethod
    def open(cls, settings: VerimorSettings) -> Self:
        """Return a gateway.

        Raises:

            MisconfiguredError: The certificates cannot be read.
        """
        return cls(settings=settings, interface=ProviderInterface.open(settings, settings.url))

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to Verimor, with our ID for people who ask Verimor about it."""
        return expect_taken(self._sent([message]))

    def send_batch(self, messages: Sequence[SmsMessage]) -> Mapping[str, DeliveryReceipt]:
        """Hand several messages to Verimor, as one campaign: it takes all of them or none."""
        return receipts_of(messages, self._sent(messages))

    def _sent(self, messages: Sequence[SmsMessage]) -> DeliveryReceipt:
        request = {
            **self._credentials(),
            **({"source_addr": messages[0].sender} if messages[0].sender else {}),
            "custom_id": messages[0].delivery_id,
            "datacoding": "0",
            "is_commercial": False,
            "messages": [
                {"msg": one.text, "dest": written(one.to, NumberFormat.DIGITS, TURKEY), "id": one.delivery_id}
                for one in messages
            ],
        }
        answer = self._interface.post("/v2/send.json", request)
        said = answer.text.strip()
        if answer.status == HTTPStatus.OK and said.isascii() and said.isdigit():
            return DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=said)
        return read(SEND, said if said in SEND else answer.status, answer)

    def probe(self, _: ProbeDelivery) -> DeliveryReceipt:
        """Say that Verimor isn't asked."""
        return DeliveryReceipt(
            state=DeliveryState.UNKNOWN,
            detail="Verimor can be asked about a message only with the password in the address",
        )

    def check(self) -> tuple[str | Text, ...]:
        """Cancel a campaign that does not exist: Verimor checks the credentials first and then doesn't find it."""
        answer = self._interface.post(NO_CAMPAIGN, self._credentials(), harmless=True)
        if answer.status != HTTPStatus.BAD_REQUEST or "bulunamad" not in answer.text:
            expect_success(read(SEND, answer.status, answer))
        return ()

    def close(self) -> None:
        """Close the connection."""
        self._interface.close()

    def _credentials(self) -> dict[str, str | Secret]:
        return {"username": self._settings.username, "password": self._settings.password}
