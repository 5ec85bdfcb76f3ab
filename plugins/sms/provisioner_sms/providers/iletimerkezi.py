"""Sends messages through İleti Merkezi.

İleti Merkezi knows none of our IDs, so it can't be asked about a message whose answer was lost. It gives each message
an order ID, by which it can be asked later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model.text import Text
from provisioner.net.http import Response
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.numbers import written
from provisioner_sms.providers.interface import (
    CREDENTIALS,
    CREDIT_USED_UP,
    FAILURE,
    INFORMATION,
    IYS,
    NO_REPORT,
    NUMBER,
    PAGE,
    PARAMETER,
    REQUEST,
    SENDER,
    SENT_BEFORE,
    TAKEN,
    TEXT,
    Codes,
    ProviderInterface,
    document_in,
    read,
    table_at,
    tables_at,
    whole,
)
from provisioner_sms.replies import expect_success, expect_taken
from provisioner_sms.settings import TURKEY, IletimerkeziSettings, NumberFormat

_EVERYWHERE: Codes = {
    **dict.fromkeys(("400", "404"), REQUEST),
    "401": CREDENTIALS,
    "503": FAILURE,
}

#: The answers to a message.
SEND: Codes = {
    "200": TAKEN,
    **_EVERYWHERE,
    "402": CREDIT_USED_UP,
    "422": PARAMETER,
    **dict.fromkeys(("450", "459", "460"), SENDER),
    "451": SENT_BEFORE,
    **dict.fromkeys(("452", "466"), NUMBER),
    **dict.fromkeys(("453", "454"), TEXT),
    **dict.fromkeys(("468", "469", "470"), IYS),
}

#: The answers to a question about a message.
REPORT: Codes = {**dict.fromkeys(("200", "455", "456"), NO_REPORT), **_EVERYWHERE}

#: The answers to a question about the credit.
CREDIT: Codes = {"200": TAKEN, **_EVERYWHERE}

#: What became of a message; 110 says that it is being sent.
STATES = {"111": DeliveryState.DELIVERED, "112": DeliveryState.REJECTED}

#: What became of an order. That it ended (114) doesn't say how.
ORDER_STATES = {"115": DeliveryState.REJECTED}


@attrs.define(eq=False, kw_only=True)
class IletimerkeziGateway:
    """İleti Merkezi."""

    _settings: IletimerkeziSettings
    _interface: ProviderInterface
    #: The sender without which İleti Merkezi takes no message.
    _sender: str

    @classmethod
    def open(cls, settings: IletimerkeziSettings, sender: str) -> Self:
        """Return a gateway.

        Raises:

            MisconfiguredError: The certificates cannot be read.
        """
        interface = ProviderInterface.open(settings, settings.url)
        return cls(settings=settings, interface=interface, sender=sender)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to İleti Merkezi."""
        number = written(message.to, NumberFormat.NATIONAL, TURKEY)
        order = {
            "sender": message.sender or self._sender,
            "sendDateTime": [],
            "iys": INFORMATION,
            "message": {"text": message.text, "receipents": {"number": [number]}},
        }
        answer, code, document = self._asked("/v1/send-sms/json", {"order": order}, harmless=False)
        reference = table_at(document, "order").get("id")
        found = expect_taken(read(SEND, code, answer, reference=reference))
        return attrs.evolve(found, will_report=found.reference is not None)

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Ask for the report on a message, by its order ID."""
        if request.reference is None:
            return DeliveryReceipt(
                state=DeliveryState.UNKNOWN,
                detail="İleti Merkezi cannot be asked about a message whose answer was lost",
            )
        question = {"order": {"id": request.reference, "page": 1, "rowCount": PAGE}}
        answer, code, document = self._asked("/v1/get-report/json", question)
        found = read(REPORT, code, answer)
        order = table_at(document, "order")
        messages = [STATES.get(str(message.get("status"))) for message in tables_at(order, "message")]
        state = whole(messages) or ORDER_STATES.get(str(order.get("status")))
        return DeliveryReceipt(state=state) if state else found

    def check(self) -> tuple[str | Text, ...]:
        """Ask for the credit."""
        answer, code, _ = self._asked("/v1/get-balance/json", {})
        expect_success(read(CREDIT, code, answer))
        return ()

    def close(self) -> None:
        """Close the connection."""
        self._interface.close()

    def _asked(
        self, path: str, content: Mapping[str, Any], *, harmless: bool = True
    ) -> tuple[Response, object, Mapping[str, Any]]:
        """Make a request, and return the answer, the code in it and what it contains."""
        authentication = {"key": self._settings.key, "hash": self._settings.hash}
        request = {"request": {"authentication": authentication, **content}}
        answer = self._interface.post(path, request, harmless=harmless)
        document = table_at(document_in(answer), "response")
        return answer, table_at(document, "status").get("code"), document
