"""Receives Kannel's delivery reports, and stores them.

A report is idempotent: the same one again, or one that was overtaken, changes nothing. A request has no body, and the
number of simultaneous connections and of reports per second is bounded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, unquote

import attrs
import structlog

from provisioner.core.api.errors import ConfigurationError, StoreError
from provisioner.core.model import MessageState
from provisioner.net.http_service import Bounds, HttpAnswer, HttpCall, HttpService
from provisioner_sms.report_addresses import SERVICE, ReportAddresses

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
    _channels: Sequence[ReportAddresses] = attrs.field(repr=False)
    _report: Callable[[str, MessageState], bool]
    _pace: Pace = attrs.field(factory=lambda: Pace(RATE), init=False)
    _service: HttpService = attrs.field(init=False)

    @classmethod
    def start(
        cls, listen: str, *, channels: Sequence[ReportAddresses], report: Callable[[str, MessageState], bool]
    ) -> Self:
        """Listen for reports.

        Args:

            listen: Where, as ``HOST:PORT``.

            channels: The addresses of the messages of each channel.

            report: Stores a report, and returns whether there is such a message.

        Raises:

            ConfigurationError: The address can't be used.
        """
        host, _, port = listen.rpartition(":")
        receiver = cls(channels=channels, report=report)
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
        delivery_id, _, token = call.path.strip("/").rpartition("/")
        return HttpAnswer(status=self._status(unquote(delivery_id), token, call.query))

    def _status(self, delivery_id: str, token: str, query: str) -> HTTPStatus:
        if not any(channel.is_genuine(delivery_id, token) for channel in self._channels):
            return HTTPStatus.NOT_FOUND
        state = KINDS.get(parse_qs(query).get("type", [""])[0])
        if state is None:
            return HTTPStatus.BAD_REQUEST
        try:
            known = self._report(delivery_id, state)
        except StoreError as error:
            log.warning("report_not_stored", reason=str(error))
            return HTTPStatus.SERVICE_UNAVAILABLE
        log.info("report_stored", delivery=delivery_id, state=state.value, known=known)
        # A notice is unknown. Kannel would repeat each report on it that isn't taken.
        return HTTPStatus.OK
