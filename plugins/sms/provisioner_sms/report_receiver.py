"""Receives Kannel's delivery reports, and stores them.

A report is idempotent: the same one again, or one that was overtaken, changes nothing. A request has no body, and the
number of simultaneous connections and of reports per second is bounded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, unquote

import attrs
import structlog

from provisioner.core.api.errors import ConfigurationError, StoreError
from provisioner.core.model import MessageState
from provisioner.net.http_service import Bounds, HttpAnswer, HttpCall, HttpService
from provisioner_sms.report_addresses import PART, SERVICE, ReportAddresses, message_of

#: Stores a report on a part of a message of a channel, by the ID of the part, and returns whether the message is known.
#: Then come the ID of the message and the IDs of all of its parts: it can be one whose answer was lost.
PartReporter = Callable[[str, str, MessageState, str, Sequence[str]], bool]

log = structlog.stdlib.get_logger(__name__)

#: What Kannel's numbers mean: delivered, not delivered, buffered, taken and refused by the operator; and expired there,
#: which its manual doesn't mention.
KINDS = {
    "1": MessageState.DELIVERED,
    "2": MessageState.REJECTED,
    "4": MessageState.ACCEPTED,
    "8": MessageState.ACCEPTED,
    "16": MessageState.REJECTED,
    "34": MessageState.EXPIRED,
}

#: The limits for callers. A connection that is closed while Kannel uses it again would end its smsbox, so each answer
#: says that the connection is closed.
BOUNDS = Bounds(connections=32, patience=10, longest_request=1024, keeps_connections=False)

#: The number of requests per second that are answered.
RATE = 500


@attrs.define(eq=False)
class Pace:
    """Bounds the number of requests per second. Threads can share it.

    Args:

        rate: The number.

        seconds: The clock.
    """

    rate: int
    seconds: Callable[[], float] = time.monotonic
    _second: int = attrs.field(default=0, init=False)
    _count: int = attrs.field(default=0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def admits(self) -> bool:
        """Count a request, and return whether it is one of those that are answered."""
        with self._lock:
            if self._second != (now := int(self.seconds())):
                self._second, self._count = now, 0
            self._count += 1
            return self._count <= self.rate


@attrs.define(eq=False, kw_only=True)
class ReportReceiver:
    """A running receiver. :meth:`stop` ends it."""

    #: Its own address.
    url: str = attrs.field(init=False)
    _channels: Mapping[str, ReportAddresses] = attrs.field(repr=False)
    _report: Callable[[str, MessageState], bool]
    _report_part: PartReporter
    _pace: Pace = attrs.field(factory=lambda: Pace(RATE), init=False)
    _service: HttpService = attrs.field(init=False)

    @classmethod
    def start(
        cls,
        listen: str,
        *,
        channels: Mapping[str, ReportAddresses],
        report: Callable[[str, MessageState], bool],
        report_part: PartReporter,
    ) -> Self:
        """Listen for reports.

        Args:

            listen: Where, as ``HOST:PORT``.

            channels: The addresses of the messages of each channel, by its name.

            report: Stores a report on a message, and returns whether there is such a message.

            report_part: Stores a report on a part of a message of a channel, and returns whether the message is known.

        Raises:

            ConfigurationError: The address can't be used.
        """
        host, _, port = listen.rpartition(":")
        receiver = cls(channels=channels, report=report, report_part=report_part)
        try:
            receiver._service = HttpService.start(
                receiver._take, name="sms-reports", host=host, port=int(port), bounds=BOUNDS
            )
        except OSError as error:
            raise ConfigurationError(
                "cannot listen for delivery reports on {address}: {reason}", address=listen, reason=error.strerror
            ) from None
        receiver.url = receiver._service.url
        return receiver

    def stop(self) -> None:
        """Store the reports that have arrived, and stop listening."""
        self._service.stop()

    def _take(self, call: HttpCall) -> HttpAnswer:
        if not self._pace.admits():
            return HttpAnswer(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})
        if call.path == "/":
            return HttpAnswer.of_document({"service": SERVICE})
        store = self._storing(call.path)
        return HttpAnswer(status=self._status(store, call.query) if store else HTTPStatus.NOT_FOUND)

    def _storing(self, path: str) -> Callable[[MessageState], None] | None:
        """Return what stores a report that arrives at a path; ``None`` if the path is not genuine."""
        name, _, token = path.strip("/").rpartition("/")
        if not name.startswith(f"{PART}/"):
            message = unquote(name)
            is_genuine = any(channel.is_genuine(message, token) for channel in self._channels.values())
            return partial(self._store, message) if is_genuine else None
        part = unquote(name.removeprefix(f"{PART}/"))
        channels = [one for one, addresses in self._channels.items() if addresses.is_genuine_part(part, token)]
        return partial(self._store_part, channels, part) if channels else None

    def _status(self, store: Callable[[MessageState], None], query: str) -> HTTPStatus:
        state = KINDS.get(parse_qs(query).get("type", [""])[0])
        if state is None:
            return HTTPStatus.BAD_REQUEST
        try:
            store(state)
        except StoreError as error:
            log.warning("report_not_stored", reason=str(error))
            return HTTPStatus.SERVICE_UNAVAILABLE
        # A notice can be unknown. Kannel would repeat each report on it that isn't taken.
        return HTTPStatus.OK

    def _store(self, message: str, state: MessageState) -> None:
        known = self._report(message, state)
        log.info("report_stored", delivery=message, state=state.value, known=known)

    def _store_part(self, channels: Collection[str], part: str, state: MessageState) -> None:
        """Store a report for the channel that sent the part, or for each that may have: several can share a secret."""
        known = any(self._report_part(channel, part, state, *message_of(part)) for channel in channels)
        log.info("report_stored", part=part, state=state.value, known=known)
