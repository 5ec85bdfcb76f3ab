"""What the simulator answers over HTTP.

.. code-block:: text

    POST   /messages         {"id", "to", "sender", "text"}: takes a message; the same id again changes nothing
    GET    /messages/ID      {"id", "state"}: what became of it
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
from provisioner_sms.service import Call, HttpReply
from provisioner_sms.simulator.faults import Script, SmsFault, SmsFaultOrder
from provisioner_sms.simulator.inbox import Inbox, ReceivedMessage, international


@attrs.define(eq=False, kw_only=True)
class Api:
    """Answers requests. Called from several threads at once."""

    inbox: Inbox
    api_key: Secret | None
    script: Script = attrs.field(factory=Script, init=False)
    #: Set when the simulator ends, so that no delay outlives it.
    stopping: threading.Event = attrs.field(factory=threading.Event, init=False, repr=False)

    def answer(self, call: Call) -> HttpReply:
        """Answer one request."""
        if not self._authorized(call):
            return _json(401, {"error": "the API key is missing or wrong"})
        for method, path, handle in self._ROUTES:
            match = re.fullmatch(path, call.path)
            if match and method == call.method:
                return handle(self, call, *map(unquote, match.groups()))
        return _json(404, {"error": "there is no such resource"})

    def _authorized(self, call: Call) -> bool:
        if self.api_key is None:
            return True
        expected = f"Bearer {self.api_key.reveal()}"
        return hmac.compare_digest(call.headers.get("Authorization", "").encode(), expected.encode())

    def _take(self, call: Call) -> HttpReply:
        try:
            document = json.loads(call.body)
            message_id, to, sender, text = (str(document[key]) for key in ("id", "to", "sender", "text"))
        except (ValueError, LookupError, TypeError):
            return _json(400, {"error": "expected a JSON object with id, to, sender and text"})
        if mobile.objection(to):
            return _json(422, {"error": "the receiver is not one phone number"})
        planned = self.script.next()
        if refusal := _refusal(planned):
            return refusal
        self.inbox.take(message_id=message_id, to=international(to), sender=sender, text=text)
        if planned is not None and planned.fault is SmsFault.DELAY:
            self.stopping.wait(planned.seconds)
        self.inbox.deliver(message_id)
        return _damaged(_json(202, {"id": message_id, "state": "accepted"}), planned)

    def _status(self, _: Call, message_id: str) -> HttpReply:
        message = self.inbox.find(message_id)
        if message is None:
            return _json(404, {"error": "there is no such message"})
        return _json(200, {"id": message.id, "state": "delivered" if message.received_at else "pending"})

    def _messages(self, _: Call, number: str | None = None) -> HttpReply:
        return _json(200, listed(self.inbox.messages(number)))

    def _misbehave(self, call: Call) -> HttpReply:
        try:
            wanted = json.loads(call.body)
            planned = SmsFaultOrder(
                fault=SmsFault(wanted["fault"]),
                calls=frozenset(map(int, wanted.get("calls", ()))),
                seconds=float(wanted.get("seconds", 1)),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            return _json(400, {"error": f"expected a fault, one of {', '.join(SmsFault)}"})
        self.script.play(planned)
        return _json(200, {})

    def _behave(self, _: Call) -> HttpReply:
        self.script.play(None)
        return _json(200, {})

    def _counters(self, _: Call) -> HttpReply:
        return _json(200, {"calls": self.script.calls, "messages": len(self.inbox.messages())})

    def _greet(self, _: Call) -> HttpReply:
        return _json(200, {"service": "sms-simulator"})

    _ROUTES: ClassVar[tuple[tuple[str, str, Callable[..., HttpReply]], ...]] = (
        ("POST", "/messages", _take),
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


def _refusal(planned: SmsFaultOrder | None) -> HttpReply | None:
    match planned:
        case SmsFaultOrder(fault=SmsFault.REFUSE):
            return _json(422, {"error": "the number is blocked"})
        case SmsFaultOrder(fault=SmsFault.THROTTLE, seconds=seconds):
            return _json(429, {"error": "too many messages"}, {"Retry-After": f"{seconds:.0f}"})
        case SmsFaultOrder(fault=SmsFault.ERROR_500):
            return _json(500, {"error": "something went wrong"})
    return None


def _damaged(reply: HttpReply, planned: SmsFaultOrder | None) -> HttpReply:
    match planned:
        case SmsFaultOrder(fault=SmsFault.APPLY_AND_LOSE_ANSWER):
            return attrs.evolve(reply, cut_after=0)
        case SmsFaultOrder(fault=SmsFault.CUT_ANSWER):
            return attrs.evolve(reply, cut_after=len(reply.encoded()) - len(reply.body) // 2)
    return reply


def _json(status: int, document: object, headers: dict[str, str] | None = None) -> HttpReply:
    return HttpReply(status=status, headers=headers or {}, body=json.dumps(document).encode())
