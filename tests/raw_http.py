"""A server for what no HTTP server would do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import attrs


@attrs.define
class RawServer:
    """A server that does to each connection whatever the test says, after reading what was sent."""

    behave: Callable[[socket.socket], None]
    requests: list[bytes] = attrs.field(factory=list)
    _listener: socket.socket = attrs.field(init=False)
    _thread: threading.Thread = attrs.field(init=False)
    _connection: socket.socket | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/sms"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connection = connection
                with connection, suppress(OSError):
                    connection.settimeout(60)
                    self.requests.append(read_request(connection))
                    self.behave(connection)

    def stop(self) -> None:
        for one in (self._listener, self._connection):
            with suppress(OSError):
                if one:
                    one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Return one request; raise an OSError if the other side hangs up instead."""
    data = _receive(connection)
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < sum(lengths):
        body += _receive(connection)
    return head + b"\r\n\r\n" + body


def _receive(connection: socket.socket) -> bytes:
    if data := connection.recv(65536):
        return data
    raise ConnectionResetError


def answering(status: int, body: str, *headers: str) -> Callable[[socket.socket], None]:
    """Answers every request in this way."""
    head = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body.encode())}", "Connection: close", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(head).encode() + body.encode())


MakeServer = Callable[[Callable[[socket.socket], None]], RawServer]
