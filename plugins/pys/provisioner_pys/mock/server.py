"""The web server: HTTP/1.1 on a socket of its own, one thread for each connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from provisioner_pys.mock.dispatch import Delivery, Dispatcher, MockAnswer, problem_answer
from provisioner_pys.mock.problems import MockProblem

#: The largest body that is read.
BODY_LIMIT = 64 * 1024
#: How often the server looks whether it shall end.
POLL_SECONDS = 0.02


class Server(ThreadingHTTPServer):
    """Serves one dispatcher until it is stopped.

    Args:

        address: Host and port; port 0 takes a free one.

        dispatcher: Answers the requests.
    """

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        super().__init__(address, _MockHandler)
        # Daemons, like the threads of the connections: a program that ends without stopping us must not hang.
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,), name="pys-mock", daemon=True)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, finish those under way, and return when all threads have ended."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._open_lock:
            connections = dict(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        for thread in connections.values():
            thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the connection, and note both, so that :meth:`stop` can end them."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="pys-mock-connection", daemon=True
        )
        with self._open_lock:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._open_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the caller went away. Defects are logged by the dispatcher."""


class _MockHandler(BaseHTTPRequestHandler):
    """Reads requests from one connection and writes their answers, each in one piece."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    #: How long an idle connection is kept; longer than any client should keep one.
    timeout = 60

    def _answer(self) -> None:
        try:
            body = self._read_body()
        except MockProblem as problem:
            self.close_connection = True
            self._send(problem_answer(problem))
            return
        path = self.path.partition("?")[0]
        self._send(self.server.dispatcher.answer(self.command, path, self._key(), body))

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the standard library looks for these

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            raise MockProblem("length_required", "send Content-Length, and the body in one piece")
        if int(length) > BODY_LIMIT:
            raise MockProblem("body_too_large", f"a body has {BODY_LIMIT} bytes at most")
        return self.rfile.read(int(length))

    def _key(self) -> str:
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else self.headers.get("X-Api-Key", "")

    def _send(self, answer: MockAnswer) -> None:
        if answer.delivery is not Delivery.WHOLE:
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
        lines = (f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {answer.status:d} {answer.status.phrase}\r\n{''.join(lines)}\r\n"
        cut = len(answer.body) // 2 if answer.delivery is Delivery.CUT else len(answer.body)
        # In one piece: sent apart, the body would wait until the head is acknowledged.
        self.wfile.write(head.encode() + answer.body[:cut])

    def send_error(self, *_: object) -> None:
        """MockAnswer what is not even HTTP, without quoting it as the standard library would."""
        self.close_connection = True
        self._send(problem_answer(MockProblem("request_invalid", "this is not an HTTP request known here")))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden method
        """Write nothing: the dispatcher logs each call, without the path, in which anything may stand."""
