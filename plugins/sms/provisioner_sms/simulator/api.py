"""What the simulator answers over HTTP.

.. code-block:: text

    POST   /messages         {"id", "to", "sender", "text"}: takes a message; the same id again changes nothing
    POST   /batches          {"messages": [{"id", "to", "sender", "text"}]}: takes several, and answers for each
    GET    /messages/ID      {"id", "state"}: what happened to it
    GET    /inbox            {"items": [...]}: what all phones received
    GET    /inbox/NUMBER     the same for one phone
    PUT    /_misbehave       {"fault", "calls", "seconds"}: misbehave from now on
    DELETE /_misbehave       behave again
    GET    /_counters        {"calls", "messages"}
    GET    /                 {"service": "sms-simulator"}

With an API key, every request needs it as ``Authorization: Bearer KEY``.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, ClassVar
from urllib.parse import unquote

import attrs

from provisioner.core.model import mobile
from provisioner.core.model.secret import Secret
from provisioner.net.http_service import Delivery, HttpAnswer, HttpCall
from provisioner.testing.fault_orders import DELIVERIES, CallNumber, FaultOrders
from provisioner_sms.simulator.faults import MESSAGES, SmsFault, SmsFaultOrder
from provisioner_sms.simulator.inbox import Inbox, ReceivedMessage, international


@attrs.define(eq=False, kw_only=True)
class Api:
    """Answers requests. Called from several threads at once."""

    inbox: Inbox
    api_key: Secret | None
    faults: FaultOrders[SmsFaultOrder] = attrs.field(factory=lambda: FaultOrders([MESSAGES]), init=False)
    #: Set when the simulator ends, so that no delay outlives it.
    stopping: threading.Event = attrs.field(factory=threading.Event, init=False, repr=False)

    def answer(self, call: HttpCall) -> HttpAnswer:
        """Answer one request."""
        if not self._authorized(call):
            return _error("the API key is missing or wrong", 401)
        for method, path, handle in self._ROUTES:
            match = re.fullmatch(path, call.path)
            if match and method == call.method:
                return handle(self, call, *map(unquote, match.groups()))
        return _error("there is no such resource", 404)

    def misbehave(self, fault: SmsFault, *, calls: Iterable[int], seconds: float) -> None:
        """Misbehave from now on in this way and no other.

        Raises:

            ValueError: There is no such call.
        """
        self.faults.clear()
        numbers: frozenset[CallNumber] = frozenset(calls) or frozenset({"always"})
        for call in numbers:
            self.faults.order(SmsFaultOrder(fault=fault, call=call, seconds=seconds))

    def calls(self) -> int:
        """Return how many messages arrived, including those that failed."""
        return self.faults.counts().get(MESSAGES, 0)

    def _authorized(self, call: HttpCall) -> bool:
        if self.api_key is None:
            return True
        return hmac.compare_digest(call.bearer.encode(), self.api_key.reveal().encode())

    def _take_batch(self, call: HttpCall) -> HttpAnswer:
        """Take several messages. A refused number concerns its message; everything else that fails, all of them."""
        try:
            messages = [_message_in(message) for message in json.loads(call.body)["messages"]]
        except (ValueError, LookupError, TypeError):
            return _error("expected a JSON object with messages, each with id, to, sender and text", 400)
        planned = [self.faults.called(MESSAGES) for _ in messages]
        failing = next((order for order in planned if order and not _refuses(order)), None)
        if refusal := _refusal(failing):
            return refusal
        taken = [
            message
            for message, order in zip(messages, planned, strict=True)
            if not _refuses(order) and mobile.objection(message.to) is None
        ]
        self.inbox.take_all(taken)
        if failing is not None and failing.fault is SmsFault.DELAY:
            self.stopping.wait(failing.seconds)
        ids = {message.id for message in taken}
        items = [{"id": message.id, "state": "accepted" if message.id in ids else "rejected"} for message in messages]
        answer = HttpAnswer.of_document({"items": items})
        return attrs.evolve(answer, delivery=DELIVERIES.get(failing.fault, Delivery.WHOLE)) if failing else answer

    def _take(self, call: HttpCall) -> HttpAnswer:
        try:
            message = _message_in(json.loads(call.body))
        except (ValueError, LookupError, TypeError):
            return _error("expected a JSON object with id, to, sender and text", 400)
        message_id, to = message.id, message.to
        if mobile.objection(to):
            return _error("the receiver is not one phone number", 422)
        planned = self.faults.called(MESSAGES)
        if refusal := _refusal(planned):
            return refusal
        is_slow = planned is not None and planned.fault is SmsFault.DELAY
        taken = self.inbox.take(
            message_id=message_id,
            to=international(to),
            sender=message.sender,
            text=message.text,
            arrives=not is_slow,
        )
        if planned is not None and is_slow:
            self.stopping.wait(planned.seconds)
        if is_slow or not taken:
            self.inbox.deliver(message_id)
        answer = HttpAnswer.of_document({"id": message_id, "state": "accepted"}, 202)
        return attrs.evolve(answer, delivery=DELIVERIES.get(planned.fault, Delivery.WHOLE)) if planned else answer

    def _status(self, _: HttpCall, message_id: str) -> HttpAnswer:
        message = self.inbox.find(message_id)
        if message is None:
            return _error("there is no such message", 404)
        return HttpAnswer.of_document({"id": message.id, "state": "delivered" if message.received_at else "pending"})

    def _messages(self, _: HttpCall, number: str | None = None) -> HttpAnswer:
        return HttpAnswer.of_document(listed(self.inbox.messages(number)))

    def _misbehave(self, call: HttpCall) -> HttpAnswer:
        try:
            wanted = json.loads(call.body)
            calls, seconds = [int(number) for number in wanted.get("calls", ())], float(wanted.get("seconds", 1))
            self.misbehave(SmsFault(wanted["fault"]), calls=calls, seconds=seconds)
        except (ValueError, LookupError, TypeError, AttributeError):
            return _error(f"expected a fault, one of {', '.join(SmsFault)}", 400)
        return HttpAnswer.of_document({})

    def _behave(self, _: HttpCall) -> HttpAnswer:
        self.faults.clear()
        return HttpAnswer.of_document({})

    def _counters(self, _: HttpCall) -> HttpAnswer:
        return HttpAnswer.of_document({"calls": self.calls(), "messages": len(self.inbox.messages())})

    def _greet(self, _: HttpCall) -> HttpAnswer:
        return HttpAnswer.of_document({"service": "sms-simulator"})

    _ROUTES: ClassVar[tuple[tuple[str, str, Callable[..., HttpAnswer]], ...]] = (
        ("POST", "/messages", _take),
        ("POST", "/batches", _take_batch),
        ("GET", "/messages/([^/]+)", _status),
        ("GET", "/inbox", _messages),
        ("GET", "/inbox/([^/]+)", _messages),
        ("PUT", "/_misbehave", _misbehave),
        ("DELETE", "/_misbehave", _behave),
        ("GET", "/_counters", _counters),
        ("GET", "/", _greet),
    )


def listed(messages: Iterable[ReceivedMessage]) -> dict[str, Any]:
    """Return messages in the form of JSON."""
    return {
        "items": [
            {
                "id": message.id,
                "to": message.to,
                "from": message.sender,
                "text": message.text,
                "received_at": message.received_at.isoformat() if message.received_at else None,
            }
            for message in messages
        ]
    }


def _message_in(document: Any) -> ReceivedMessage:
    """Return the message in a document, which did not arrive yet.

    Raises:

        LookupError: It has no message.

        TypeError: The same.
    """
    message_id, to, sender, text = (str(document[key]) for key in ("id", "to", "sender", "text"))
    return ReceivedMessage(id=message_id, to=to, sender=sender, text=text, received_at=None)


def _refuses(order: SmsFaultOrder | None) -> bool:
    return order is not None and order.fault is SmsFault.REFUSE


def _refusal(planned: SmsFaultOrder | None) -> HttpAnswer | None:
    match planned:
        case SmsFaultOrder(fault=SmsFault.REFUSE):
            return _error("the number is blocked", 422)
        case SmsFaultOrder(fault=SmsFault.THROTTLE, seconds=seconds):
            return _error("too many messages", 429, **{"Retry-After": f"{seconds:.0f}"})
        case SmsFaultOrder(fault=SmsFault.ERROR_500):
            return _error("something went wrong", 500)
    return None


def _error(message: str, status: int, **headers: str) -> HttpAnswer:
    return HttpAnswer.of_document({"error": message}, status, headers=headers)
