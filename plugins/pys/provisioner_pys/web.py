"""HTTP to one server: connections that are kept, and requests that end in time, whatever the other side does.

The timeouts of sockets start anew with every read, so a server that sends a byte now and then can hold a caller for as
long as it likes. Here one deadline holds for everything a request does on the network.

What :mod:`http.client` does beyond reading an answer is left alone: it would connect again by itself, and then nobody
could tell whether a request had left before.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import Self
from urllib.parse import urlsplit

import attrs

#: The seconds after which an idle connection is not used again. A server's usual limit is longer; a change that meets
#: a connection which the server closes at that moment has an unknown outcome.
KEPT_FOR = 5.0

_PORTS = {"http": 80, "https": 443}


class LostError(Exception):
    """The request was sent, at least in part, and no answer came that can be read."""


@attrs.frozen(kw_only=True)
class Response:
    """What the server answered."""

    status: int
    headers: Message
    content: bytes = attrs.field(repr=False)


class _Timed(io.RawIOBase):
    """A socket whose reads and writes end at the deadline of the request that is under way."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self._socket = plain
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed's buffer is any
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(_left(self._deadline))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give :class:`~http.client.HTTPResponse` what it asks a socket for."""
        return io.BufferedReader(self)


@attrs.define(eq=False)
class _Connection:
    """One connection, for one thread at a time."""

    _socket: socket.socket
    _used_at: float = attrs.field(factory=time.monotonic, init=False)

    def exchange(self, request: bytes, method: str, deadline: float) -> tuple[Response, bool]:
        """Send a request and return its answer, and whether the connection is good for another one."""
        timed = _Timed(self._socket, deadline)
        timed.sendall(request)
        with closing(HTTPResponse(timed, method=method)) as answer:  # type: ignore[arg-type] # all that it uses
            answer.begin()
            content = answer.read()
            self._used_at = time.monotonic()
            return Response(status=answer.status, headers=answer.headers, content=content), not answer.will_close

    def is_idle(self) -> bool:
        """Whether it was used lately, and the server has said nothing since; it would be that it hangs up."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return time.monotonic() < self._used_at + KEPT_FOR and not poll.poll(0)

    def close(self) -> None:
        self._socket.close()


@attrs.define(eq=False, kw_only=True)
class Server:
    """One server. Any number of threads may use it at once, each on a connection of its own.

    Args:

        url: Where it is; paths are appended to it.

        context: How its certificate is verified.

        seconds: How long a request may take.
    """

    _host: str
    _port: int
    _prefix: str
    #: The value of the header ``Host``.
    _name: str
    _context: ssl.SSLContext | None
    _seconds: float
    _idle: list[_Connection] = attrs.field(factory=list, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def at(cls, url: str, *, context: ssl.SSLContext | None, seconds: float) -> Self:
        """Return the server at *url*, with TLS if there is a *context*. Nothing is connected yet."""
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        name = f"[{host}]" if ":" in host else host
        return cls(
            host=host,
            port=parts.port or _PORTS[parts.scheme],
            prefix=parts.path.rstrip("/"),
            name=f"{name}:{parts.port}" if parts.port else name,
            context=context,
            seconds=seconds,
        )

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Send one request, once, and return its answer.

        Raises:

            OSError: There is no connection. Nothing was sent.

            LostError: The request may have arrived, and its answer did not.
        """
        deadline = time.monotonic() + self._seconds
        connection = self._take() or self._connect(deadline)
        reusable = False
        try:
            response, reusable = connection.exchange(self._written(method, path, headers, body), method, deadline)
        except (OSError, HTTPException) as error:
            raise LostError(type(error).__name__) from None
        finally:
            self._take_back(connection, reusable=reusable)
        return response

    def close(self) -> None:
        """Close the idle connections; nobody may be using another one."""
        while self._idle:
            self._idle.pop().close()

    def _written(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        all_headers = {"Host": self._name, "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", *(f"{name}: {text}" for name, text in all_headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    def _connect(self, deadline: float) -> _Connection:
        plain = socket.create_connection((self._host, self._port), _left(deadline))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return _Connection(plain)
        plain.settimeout(_left(deadline))
        return _Connection(self._context.wrap_socket(plain, server_hostname=self._host))

    def _take(self) -> _Connection | None:
        """Return the idle connection that was used last, if there is one that is still good."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_idle():
                return connection
            connection.close()

    def _take_back(self, connection: _Connection, *, reusable: bool) -> None:
        if not reusable:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


def _left(deadline: float) -> float:
    """Return the seconds until *deadline*, and raise if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
