"""One connection to an operator, from the bind to the unbind. One thread owns it; any thread can send through it.

A second thread stores the reports, because a store can be busy for seconds. The operator gets its answer to a report
after the report is stored; without an answer, it sends the report again, perhaps to another process.
"""

from __future__ import annotations

import queue
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from typing import Self

import attrs
import structlog

from provisioner.core.api.errors import MisconfiguredError, TargetError, UnavailableError
from provisioner_sms.settings import SmppSettings
from provisioner_sms.smpp.answers import refused_bind
from provisioner_sms.smpp.pdus import NOT_NOW, UNKNOWN_COMMAND, PartReport, Pdu, octets_of
from provisioner_sms.smpp.requests import FIRST_SEQUENCE, LAST_SEQUENCE, Request, Requests
from provisioner_sms.smpp.wire import SmppWire

log = structlog.stdlib.get_logger(__name__)

#: How many seconds the end of a connection may take.
FAREWELL = 2.0

#: What OpenSSL says if a certificate is trusted and has another host name or address.
_OTHER_NAME = frozenset({62, 64})

#: Stores a report, and returns whether it is stored.
Take = Callable[[PartReport], bool]


@attrs.define(eq=False)
class Link:
    """A connection that is being opened, is open, or has ended; see :meth:`start`."""

    _settings: SmppSettings
    _bind: str
    _take: Take
    #: Whether the operator accepted the connection; the error if it didn't.
    bound: Future[None] = attrs.field(factory=Future, init=False)
    #: Set when it has ended.
    ended: threading.Event = attrs.field(factory=threading.Event, init=False)
    _requests: Requests = attrs.field(init=False)
    #: Answers to the operator that wait to be sent.
    _answers: deque[bytes] = attrs.field(factory=deque, init=False, repr=False)
    _reports: queue.SimpleQueue[tuple[int, PartReport] | None] = attrs.field(factory=queue.SimpleQueue, init=False)
    _reports_stored: threading.Event = attrs.field(factory=threading.Event, init=False)
    _closing: threading.Event = attrs.field(factory=threading.Event, init=False)
    #: A thread that writes into the second one wakes the thread that owns the connection.
    _alarm: tuple[socket.socket, socket.socket] = attrs.field(factory=socket.socketpair, init=False)
    #: When the operator was heard last, and when it was asked whether it is there.
    _heard_at: float = attrs.field(factory=time.monotonic, init=False)
    _asked_at: float | None = attrs.field(default=None, init=False)
    _wire: SmppWire = attrs.field(init=False)

    @_requests.default
    def _make_requests(self) -> Requests:
        return Requests(self._settings.window)

    @classmethod
    def start(cls, settings: SmppSettings, bind: str, take: Take) -> Self:
        """Begin to open a connection, without waiting for it.

        Args:

            settings: The operator.

            bind: The kind of the bind, such as ``bind_transceiver``.

            take: Stores a report, and returns whether it is stored. A thread of its own calls it.
        """
        link = cls(settings, bind, take)
        for end in link._alarm:
            end.settimeout(0)
        threading.Thread(target=link._run, name="smpp-link", daemon=True).start()
        threading.Thread(target=link._store_reports, name="smpp-reports", daemon=True).start()
        return link

    @property
    def is_usable(self) -> bool:
        """Whether it takes requests: it is open, or being opened."""
        return self._requests.are_taken

    def request(self, command: str, deadline: float, **fields: object) -> Future[Pdu]:
        """Send a request as soon as that is possible.

        Args:

            command: Its name.

            deadline: Until when an answer is awaited, on the monotonic clock. Half of the time is kept for the answer.

            fields: The rest, by the names of SMPP.

        Returns:

            Its answer, with any status; or one of these errors. ``UnknownOutcomeError``: it was sent, and no answer
            arrived. ``UnavailableError`` or ``MisconfiguredError``: it was not sent.
        """
        leave_by = (time.monotonic() + deadline) / 2
        request = Request(command=command, fields=fields, leave_by=leave_by, answer_by=deadline)
        self._requests.add(request)
        self._wake()
        return request.answer

    def close(self) -> None:
        """Wait for answers that are on their way, unbind, and wait for the end."""
        self._requests.stop(_closed)
        self._closing.set()
        self._wake()
        self.ended.wait(self._settings.timeout + 2 * FAREWELL)

    # -- the thread that owns the connection ---------------------------------------------------------------------------

    def _run(self) -> None:
        failure: TargetError = _closed()
        deadline = time.monotonic() + self._settings.timeout / 2
        try:
            with closing(SmppWire.connect(self._settings, deadline)) as self._wire:
                self._open(deadline)
                while not (self._closing.is_set() and self._requests.are_done):
                    self._turn()
                self._say_farewell()
        except TargetError as error:
            failure = error
        except Exception as error:  # the threads that wait must hear of every end
            failure = self._lost(error)
        self._end(failure)

    def _open(self, deadline: float) -> None:
        bind = octets_of(
            self._bind,
            FIRST_SEQUENCE,
            system_id=self._settings.system_id,
            password=self._settings.password.reveal(),
            system_type=self._settings.system_type,
        )
        self._wire.send(bind)
        if status := self._await(f"{self._bind}_resp", deadline).status:
            raise refused_bind(status)
        log.info("smpp_bound", host=self._settings.host, port=self._settings.port, bind=self._bind)
        self.bound.set_result(None)

    def _turn(self) -> None:
        """Handle what has arrived, send what is waiting, and wait for more."""
        for pdu in self._wire.received():
            self._handle(pdu)
        self._send()
        self._requests.give_up(time.monotonic())
        self._test()
        self._sleep(min(self._requests.next_deadline(), self._next_test()))

    def _await(self, command: str, deadline: float) -> Pdu:
        """Return the answer to a bind or unbind."""
        while time.monotonic() < deadline:
            for pdu in self._wire.received():
                if pdu.command in {command, "generic_nack"}:
                    return pdu
                self._handle(pdu)
            self._sleep(deadline)
        raise TimeoutError("timed out")

    def _sleep(self, until: float) -> None:
        poll = select.poll()
        for source in (self._wire, self._alarm[0]):
            poll.register(source, select.POLLIN)
        poll.poll(max(0.0, until - time.monotonic()) * 1000)
        with suppress(BlockingIOError):
            self._alarm[0].recv(4096)

    def _handle(self, pdu: Pdu) -> None:
        self._heard_at, self._asked_at = time.monotonic(), None
        match pdu.command:
            case "deliver_sm":
                self._receive(pdu)
            case "enquire_link":
                self._wire.send(octets_of("enquire_link_resp", pdu.sequence))
            case "unbind":
                self._wire.send(octets_of("unbind_resp", pdu.sequence))
                raise ConnectionResetError("the operator ended the connection")
            case "alert_notification" | "outbind":
                pass
            case _ if pdu.is_answer:
                self._requests.answer(pdu)
            case _:
                self._wire.send(octets_of("generic_nack", pdu.sequence, UNKNOWN_COMMAND))

    def _receive(self, pdu: Pdu) -> None:
        """Let a report be stored. Messages from phones are ignored."""
        if report := pdu.report:
            self._reports.put((pdu.sequence, report))
        else:
            self._wire.send(octets_of("deliver_sm_resp", pdu.sequence))

    def _send(self) -> None:
        while self._answers:
            self._wire.send(self._answers.popleft())
        while found := self._requests.next():
            sequence, request = found
            try:
                self._wire.send(octets_of(request.command, sequence, **request.fields))
            except Exception:
                self._requests.put_back(sequence)
                raise

    def _test(self) -> None:
        """Ask the operator whether it is there, if it was silent for long."""
        if time.monotonic() < self._next_test():
            return
        if self._asked_at is not None:
            raise TimeoutError("the operator is silent")
        self._asked_at = time.monotonic()
        self.request("enquire_link", self._asked_at + self._settings.timeout)
        self._send()

    def _next_test(self) -> float:
        if self._asked_at is None:
            return self._heard_at + self._settings.enquire_link
        return self._asked_at + self._settings.timeout

    def _say_farewell(self) -> None:
        self._reports.put(None)
        self._reports_stored.wait(FAREWELL)
        self._send()
        self._wire.send(octets_of("unbind", LAST_SEQUENCE))
        with suppress(OSError):
            self._await("unbind_resp", time.monotonic() + FAREWELL)

    def _lost(self, error: Exception) -> TargetError:
        if not self.bound.done():
            return _unreached(self._settings.host, error)
        reason = str(error) or type(error).__name__
        log.warning("smpp_connection_lost", host=self._settings.host, reason=reason)
        return UnavailableError(
            "the connection to {host} was lost before the message was sent: {reason}",
            host=self._settings.host,
            reason=reason,
        )

    def _end(self, failure: TargetError) -> None:
        self._requests.end(lambda: type(failure)(failure.text, cure=failure.cure))
        if not self.bound.done():
            self.bound.set_exception(failure)
        self._reports.put(None)
        for end in self._alarm:
            end.close()
        self.ended.set()

    # -- any thread ----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        with suppress(OSError):  # it is awake, or has ended
            self._alarm[1].send(b"!")

    def _store_reports(self) -> None:
        while (item := self._reports.get()) is not None:
            sequence, report = item
            status = 0 if self._is_stored(report) else NOT_NOW
            self._answers.append(octets_of("deliver_sm_resp", sequence, status))
            self._wake()
        self._reports_stored.set()

    def _is_stored(self, report: PartReport) -> bool:
        try:
            return self._take(report)
        except Exception as error:
            log.warning("report_not_stored", reason=type(error).__name__)
            return False


def _closed() -> UnavailableError:
    return UnavailableError("the connection to the operator is closed")


def _unreached(host: str, error: Exception) -> TargetError:
    """Say why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            return MisconfiguredError(
                "the certificate of {host} is for another name: {reason}",
                cure="set host to a name that is in the certificate, or check the address",
                host=host,
                reason=error.verify_message,
            )
        return MisconfiguredError(
            "the certificate of {host} is not trusted: {reason}",
            cure="check the address; if your own authority issued the certificate, set ca_file",
            host=host,
            reason=error.verify_message,
        )
    if isinstance(error, ssl.SSLError):
        return UnavailableError(
            "there is no TLS connection to {host}: {reason}",
            cure="check that port is the one on which the operator speaks TLS",
            host=host,
            reason=error.reason or type(error).__name__,
        )
    return UnavailableError(
        "{host} cannot be reached: {reason}",
        cure="check that it runs, and that the address and the network are correct",
        host=host,
        reason=str(error) or type(error).__name__,
    )
