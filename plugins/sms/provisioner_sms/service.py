"""A small HTTP service inside this process: for the simulator, and for delivery reports."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import attrs
import structlog

log = structlog.stdlib.get_logger(__name__)

#: The longest body that is read.
LONGEST_BODY = 1 << 20


@attrs.frozen(kw_only=True)
class Call:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class HttpReply:
    """The answer to it."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    #: How many bytes of the whole answer to send before hanging up; ``None`` for all of it.
    cut_after: int | None = None

    def encoded(self) -> bytes:
        """Return the answer as it goes over the wire."""
        headers = {"Content-Type": "application/json", **self.headers, "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return ("\r\n".join(lines).encode() + self.body)[: self.cut_after]


class _SimulatorHandler(BaseHTTPRequestHandler):
    """Reads a request, asks the service and writes the answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LONGEST_BODY:
            self.close_connection = True
            return
        call = Call(method=self.command, path=self.path, headers=dict(self.headers), body=self.rfile.read(length))
        reply = self.server.answer(call)
        self.close_connection = self.close_connection or reply.cut_after is not None
        self.wfile.write(reply.encoded())

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - named by http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing to the terminal."""


class _Server(ThreadingHTTPServer):
    """Knows its connections, so that it can end them."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Callable[[Call], HttpReply]) -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _SimulatorHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        """Say nothing if the other side hung up, and no more than the kind of error if it was ours."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("sms_service_defect", error=type(error).__name__)

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@attrs.define(eq=False)
class SimulatorService:
    """A running service."""

    _server: _Server
    _thread: threading.Thread

    @classmethod
    def start(cls, answer: Callable[[Call], HttpReply], *, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen and answer, each connection in a thread of its own.

        Args:

            answer: Answers one request.

            host: The address to listen on.

            port: The port; 0 takes a free one.

        Raises:

            OSError: The address cannot be used.
        """
        server = _Server((host, port), answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="sms-service")
        thread.start()
        return cls(server, thread)

    @property
    def url(self) -> str:
        """The address without a path."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def stop(self) -> None:
        """Hang up, and return when every thread has ended."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
