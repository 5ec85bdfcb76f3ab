"""A small HTTP/1.1 service inside this process: for delivery reports, and for mocks that other systems are tested with.

It is not a web server for the public. It answers on a socket of its own so that a mock can close a connection before or
in the middle of an answer, which no WSGI server allows.
"""

from __future__ import annotations

import json
import math
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import attrs

from provisioner.core.api.logs import Logger

log = Logger(__name__)

#: The longest body of a request that is read, in bytes.
LONGEST_REQUEST = 64 * 1024

#: How often the service checks whether it has to stop, in seconds.
_POLL = 0.02

#: How long a service that stops waits for the requests of those that have called it, in seconds.
_FAREWELL = 1.0


class Delivery(Enum):
    """How much of an answer is sent."""

    WHOLE = auto()
    #: The connection is closed in the middle of the body.
    CUT = auto()
    #: The connection is closed before the answer.
    LOST = auto()


@attrs.frozen(kw_only=True)
class HttpCall:
    """One request."""

    method: str
    #: Percent-encoded, without the query.
    path: str
    query: str = ""
    #: By lower-case name.
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def bearer(self) -> str:
        """The key in ``Authorization: Bearer KEY``, or an empty text."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""


@attrs.frozen(kw_only=True)
class HttpAnswer:
    """The answer to a request."""

    status: int = HTTPStatus.OK
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    delivery: Delivery = Delivery.WHOLE

    @classmethod
    def of_document(cls, document: object, status: int = HTTPStatus.OK, **rest: Any) -> Self:
        """Return an answer whose body is a JSON document."""
        return cls(status=status, body=json.dumps(document, ensure_ascii=False).encode(), **rest)


#: Answers a request. Called from several threads at once.
Answering = Callable[[HttpCall], HttpAnswer]

#: Answers what is not read as a request: with 400, 411 or 413. Nothing of it may be quoted.
Rejecting = Callable[[HTTPStatus], HttpAnswer]


@attrs.frozen(kw_only=True)
class Bounds:
    """What a service spends on its callers at most."""

    #: The number of simultaneous connections; further callers wait.
    connections: int = 1024
    #: The seconds for which a connection may be idle; longer than any client should keep one.
    patience: float = 60
    #: The longest body of a request that is read, in bytes.
    longest_request: int = LONGEST_REQUEST
    #: Whether a connection is used for several requests.
    keeps_connections: bool = True


def _reject(status: HTTPStatus) -> HttpAnswer:
    return HttpAnswer(status=status)


@attrs.define(eq=False)
class HttpService:
    """A running service. :meth:`stop` ends it."""

    #: Its address, without a path.
    url: str
    _server: _Server

    @classmethod
    def start(
        cls,
        answer: Answering,
        *,
        name: str,
        host: str = "127.0.0.1",
        port: int = 0,
        reject: Rejecting = _reject,
        bounds: Bounds = Bounds(),
    ) -> Self:
        """Listen and answer, each connection in a thread of its own.

        Args:

            answer: Answers one request.

            name: What the threads are called.

            host: The address to listen on.

            port: The port; 0 chooses a free one.

            reject: Answers what is not read as a request.

            bounds: What is spent on callers at most.

        Raises:

            OSError: The address cannot be used.
        """
        server = _Server((host, port), answer, reject, name, bounds)
        server.start()
        return cls(f"http://{host}:{server.server_port}", server)

    def stop(self) -> None:
        """Answer those that have called, accept no more calls, and return when every thread has ended.

        Who connects and sends no request within a second isn't answered. May be called twice.
        """
        self._server.stop()


class _Server(ThreadingHTTPServer):
    """Keeps track of its connections, so that it can end them."""

    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], answer: Answering, reject: Rejecting, name: str, bounds: Bounds
    ) -> None:
        self.answer = answer
        self.reject = reject
        self.bounds = bounds
        self._free = threading.BoundedSemaphore(bounds.connections)
        #: Until when those that have called are answered, by the monotonic clock.
        self._end = math.inf
        self._has_callers = True
        self._name = name
        self._open: dict[threading.Thread, socket.socket] = {}
        super().__init__(address, _Handler)
        # Daemons, like the threads of the connections: a program that ends without stopping the service must not hang.
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL,), name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._end < math.inf:
            return
        self._end = time.monotonic() + _FAREWELL
        self.shutdown()
        self._thread.join()
        self._take_callers()
        self.server_close()
        if not self.bounds.keeps_connections:  # each ends by itself, with its answer
            for thread in self._open:
                thread.join(max(0.0, self._end - time.monotonic()))
        for connection in self._open.values():
            with suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RD)
        for thread in self._open:
            thread.join()

    def _take_callers(self) -> None:
        """Take the connections that nobody has accepted: to close the socket would cut them off."""
        self.socket.settimeout(0)
        while self._has_callers and time.monotonic() < self._end:
            self.handle_request()

    def handle_timeout(self) -> None:
        """Notice that no connection waits."""
        self._has_callers = False

    def process_request(self, request: Any, client_address: Any) -> None:
        while not self._free.acquire(timeout=_POLL):
            if time.monotonic() > self._end:
                self.shutdown_request(request)
                return
        target, name = self.process_request_thread, f"{self._name}-connection"
        thread = threading.Thread(target=target, args=(request, client_address), name=name, daemon=True)
        self._open = {thread: open_ for thread, open_ in self._open.items() if thread.is_alive()}
        self._open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: Any) -> None:
        """Ignore that the caller hung up, and log a defect without its words, which may quote the request."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("http_service_defect", service=self._name, error=type(error).__name__)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests from one connection and writes their answers, each in one piece."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.bounds.patience)

    def do_GET(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._reject(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > self.server.bounds.longest_request:
            self._reject(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._send(self.server.answer(self._call(self.rfile.read(int(length)))))

    do_PUT = do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - named by http.server

    def _call(self, body: bytes) -> HttpCall:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return HttpCall(method=self.command, path=path, query=query, headers=headers, body=body)

    def _reject(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._send(self.server.reject(status))

    def _send(self, answer: HttpAnswer) -> None:
        if answer.delivery is not Delivery.WHOLE or not self.server.bounds.keeps_connections:
            self.close_connection = True
        if answer.delivery is Delivery.LOST:
            return
        headers = {
            "Date": self.date_time_string(),
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "Connection": "close" if self.close_connection else "keep-alive",
            **answer.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {answer.status:d} {HTTPStatus(answer.status).phrase}\r\n{lines}\r\n"
        cut = len(answer.body) // 2 if answer.delivery is Delivery.CUT else len(answer.body)
        # In one piece: sent apart, the body would wait until the head is acknowledged.
        self.wfile.write(head.encode() + answer.body[:cut])

    def send_error(self, *_: object) -> None:
        """Answer what is not even HTTP, without quoting it as the standard library does."""
        self._reject(HTTPStatus.BAD_REQUEST)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by http.server
        """Write nothing: anything may be in a path."""
