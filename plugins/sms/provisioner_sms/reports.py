"""Takes Kannel's delivery reports, so that a message whose answer was lost can be asked about.

The reports are kept in memory until the process ends: the question comes seconds after the message.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Self
from urllib.parse import parse_qs, unquote

import attrs

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import DeliveryState
from provisioner.net.http_service import HttpAnswer, HttpCall, HttpService
from provisioner_sms.report_receiver import BOUNDS

#: What Kannel's numbers mean. It reports that the operator took a message, and later what happened to it.
_STATES = {
    "1": DeliveryState.DELIVERED,
    "2": DeliveryState.REJECTED,
    "4": DeliveryState.ACCEPTED,
    "8": DeliveryState.ACCEPTED,
    "16": DeliveryState.REJECTED,
    "34": DeliveryState.REJECTED,
}

#: From the weakest to the strongest.
_STRENGTH = (DeliveryState.UNKNOWN, DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.REJECTED)

#: How many messages are remembered.
CAPACITY = 10_000


@attrs.define(eq=False)
class Reports:
    """Listens for delivery reports and remembers the last one of each message."""

    _host: str
    _service: HttpService = attrs.field(init=False)
    #: A report must contain this token.
    _token: str = attrs.field(factory=lambda: secrets.token_urlsafe(16), init=False, repr=False)
    _states: OrderedDict[str, DeliveryState] = attrs.field(factory=OrderedDict, init=False, repr=False)
    #: The parts in which messages were sent, each with an ID to which its reports are sent.
    _parts: OrderedDict[str, Sequence[str]] = attrs.field(factory=OrderedDict, init=False, repr=False)
    _news: threading.Condition = attrs.field(factory=threading.Condition, init=False, repr=False)

    @classmethod
    def listen(cls, address: str) -> Self:
        """Listen on ``HOST:PORT``; port 0 takes a free one.

        Raises:

            MisconfiguredError: The address cannot be used.
        """
        host, _, port = address.rpartition(":")
        reports = cls(host)
        try:
            reports._service = HttpService.start(
                reports._take, name="sms-reports", host=host, port=int(port), bounds=BOUNDS
            )
        except OSError as error:
            raise MisconfiguredError(
                "cannot listen for delivery reports on {address}: {reason}", address=address, reason=error.strerror
            ) from None
        return reports

    @property
    def url(self) -> str:
        """The address for Kannel, with the place ``{id}``."""
        return f"{self._service.url}/{self._token}/{{id}}?type=%d"

    def expect(self, delivery_id: str, parts: Sequence[str]) -> None:
        """Remember in which parts a message is sent. Those of an earlier attempt no longer count.

        Args:

            delivery_id: The ID of the message.

            parts: The IDs of its parts.
        """
        with self._news:
            self._parts[delivery_id] = parts
            while len(self._parts) > CAPACITY:
                self._parts.popitem(last=False)

    def state(self, delivery_id: str, patience: float = 0) -> DeliveryState:
        """Return what is known of one message, and wait so many seconds for a first report of each of its parts."""
        with self._news:
            self._news.wait_for(lambda: self._whole(delivery_id) is not DeliveryState.UNKNOWN, patience)
            return self._whole(delivery_id)

    def _whole(self, delivery_id: str) -> DeliveryState:
        """Return the state of a message: that of its weakest part, but rejected if one part is."""
        parts = self._parts.get(delivery_id, (delivery_id,))
        found = [self._states.get(part, DeliveryState.UNKNOWN) for part in parts]
        return DeliveryState.REJECTED if DeliveryState.REJECTED in found else min(found, key=_STRENGTH.index)

    def close(self) -> None:
        """Stop listening."""
        self._service.stop()

    def _take(self, call: HttpCall) -> HttpAnswer:
        token, _, delivery_id = call.path.lstrip("/").partition("/")
        state = _STATES.get(parse_qs(call.query).get("type", [""])[0])
        if not secrets.compare_digest(token.encode(), self._token.encode()) or state is None:
            return HttpAnswer(status=404)
        self._note(unquote(delivery_id), state)
        return HttpAnswer(status=200)

    def _note(self, delivery_id: str, state: DeliveryState) -> None:
        with self._news:
            # The reports of a message may overtake each other, and a refusal stays one.
            known = self._states.get(delivery_id, DeliveryState.UNKNOWN)
            self._states[delivery_id] = max(known, state, key=_STRENGTH.index)
            while len(self._states) > CAPACITY:
                self._states.popitem(last=False)
            self._news.notify_all()
