"""A connection for one HTTP request, on which everything ends in time.

The timeouts of sockets start anew with every read, so a server that sends a byte now and then could hold a caller for
as long as it likes. Here one deadline holds for all that happens on a connection. Of :mod:`http.client` only the
reading of answers is used: what connects and sends by itself cannot tell how far it came.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from contextlib import closing
from email.message import Message
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from typing import Self
from urllib.parse import quote, urlsplit

import attrs

_PORTS = {"http": 80, "https": 443}

#: What may stand in an address as it is.
_SAFE = "/?%:@!$&'()*+,;=~"


@attrs.frozen
class Place:
    """Where an address leads."""

    scheme: str
    host: str
    port: int
    #: What is asked for there.
    target: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an address.

        Raises:

            ValueError: It cannot be called.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(parts.scheme)
        target = parts._replace(scheme="", netloc="", path=parts.path or "/", fragment="").geturl()
        host = parts.hostname.encode("idna").decode()
        return cls(parts.scheme, host, parts.port or _PORTS[parts.scheme], quote(target, safe=_SAFE))

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def name(self) -> str:
        """The value of the header ``Host``."""
        return self.authority.removesuffix(f":{_PORTS[self.scheme]}")


@attrs.frozen(kw_only=True)
class Reading:
    """What came back."""

    status: int
    headers: Message
    content: bytes = attrs.field(repr=False)


class _Timed(io.RawIOBase):
    """A socket whose reads and writes end in time."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self._socket = plain
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed's buffer is any
        self._socket.settimeout(left(self._deadline))
        return self._socket.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(left(self._deadline))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give :class:`~http.client.HTTPResponse` what it asks a socket for."""
        return _Lines(self)


class _Lines(io.BufferedReader):
    """Takes no half a line for a whole one, and no half a head for a whole one."""

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise RemoteDisconnected("the answer was cut")
        return line


@attrs.define(eq=False)
class Connection:
    """A connection that lives until *deadline*."""

    _socket: socket.socket
    _deadline: float

    @classmethod
    def to(cls, place: Place, deadline: float) -> Self:
        """Connect.

        Raises:

            OSError: Nobody is there.
        """
        plain = socket.create_connection((place.host, place.port), left(deadline))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(plain, deadline)

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on, with whoever proves to be *host*.

        Raises:

            OSError: Nobody does.
        """
        self._socket.settimeout(left(self._deadline))
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def exchange(self, request: bytes, method: str, longest: int) -> Reading:
        """Send a request and read its answer, of whose body no more than *longest* bytes matter.

        Raises:

            OSError: The connection was lost, or it took too long.

            HTTPException: The answer is no such thing, or was cut.
        """
        timed = _Timed(self._socket, self._deadline)
        timed.sendall(request)
        with closing(HTTPResponse(timed, method=method)) as answer:  # type: ignore[arg-type] # all that it uses
            answer.begin()
            content = b"" if method == "CONNECT" else answer.read(longest)
            if answer.length and len(content) < longest and method != "CONNECT":
                raise HTTPException("cut")
            return Reading(status=answer.status, headers=answer.headers, content=content)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def left(deadline: float) -> float:
    """Return the seconds until *deadline*.

    Raises:

        TimeoutError: There are none.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
