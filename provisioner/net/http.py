"""HTTP for plug-ins: one request, sent once, and an honest account of how it ended.

Only three things matter to the engine: there is an answer, nothing was sent, or nobody knows. Python's own
:mod:`http.client` lets these be told apart, because it connects, writes and reads when it is told to, and does nothing
that a password must not go along with: it follows no redirect, keeps no cookie and reads no proxy from the environment.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urlsplit

import attrs

from provisioner.core.api.errors import (
    LONGEST_REST,
    LeaseLostError,
    MisconfiguredError,
    ProvisionerError,
    TargetError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.fencing import require_lease
from provisioner.core.model.secret import Secret
from provisioner.net.sockets import is_idle, receive, send
from provisioner.net.tls import seconds_left, trusting

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: How many bytes of an answer a client reads, unless it is opened with another number.
LONGEST_BODY = 65536

#: Where servers listen if their address does not say.
PORTS = {"http": 80, "https": 443}

#: The seconds for which an idle connection is kept. No server hangs up as soon as that, and a request that meets a
#: connection just closed by the other side has an unknown outcome.
KEPT = 1.0


@attrs.frozen(kw_only=True)
class Response:
    """What the other side said."""

    status: int
    #: By lower-case name.
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    #: It may quote what was sent, and is cut off where the client stops reading.
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the other side wants to be asked again, if it says so (RFC 9110 §10.2.3).

        At most :data:`~provisioner.core.api.errors.LONGEST_REST`.
        """
        said = self.headers.get("retry-after", "")
        try:
            if said.isascii() and said.isdigit():
                seconds = float(said)
            else:
                until = parsedate_to_datetime(said)
                seconds = (until - datetime.now(UTC if until.tzinfo else None)).total_seconds()
        except (ValueError, OverflowError):
            return None
        return max(0.0, min(seconds, LONGEST_REST.total_seconds()))


@attrs.frozen(kw_only=True)
class Origin:
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class _Wire:
    """A socket with one deadline for all calls; its own timeouts restart with every byte.

    Nothing is sent before an answer is read: head and body then go in one piece.

    Args:

        connected: The socket.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        connected.settimeout(0)
        self._unsent: list[bytes] = []
        #: When the request must have ended, by the monotonic clock.
        self.deadline = 0.0
        #: Whether the request changes something, so that it may only be sent while the account is ours.
        self.changing = False
        #: Whether the other side has hung up.
        self.ended = False

    def is_idle(self) -> bool:
        """Whether the other side has said nothing since its last answer."""
        return is_idle(self._socket)

    def sendall(self, data: bytes) -> None:
        """Keep *data* until an answer is read."""
        self._unsent.append(data)

    def makefile(self, _: str) -> io.BufferedReader:
        """Return what an answer is read from."""
        return io.BufferedReader(_Reader(self))

    def receive_into(self, buffer: WriteableBuffer) -> int:
        """Send what is to be sent, and wait for something to read."""
        if self._unsent:
            request, self._unsent = b"".join(self._unsent), []
            if self.changing:
                require_lease()
            send(self._socket, request, self.deadline)
        count = receive(self._socket, partial(self._socket.recv_into, buffer), self.deadline)
        self.ended = count == 0
        return count

    def close(self) -> None:
        """Do nothing: the library hangs up as soon as the head of an answer says that it will be the last."""

    def hang_up(self) -> None:
        """Close the socket."""
        self._socket.close()


class _Reader(io.RawIOBase):
    """The reading end of a wire."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._wire.receive_into(buffer)


@attrs.define(eq=False)
class _Connection:
    """One connection to one server, for one request at a time."""

    origin: Origin
    _http: HTTPConnection
    _wire: _Wire
    _used_at: float = attrs.field(factory=time.monotonic, init=False)

    def is_fresh(self) -> bool:
        """Whether a request may be sent over it."""
        return time.monotonic() - self._used_at < KEPT and self._http.sock is not None and self._wire.is_idle()

    def prepare(self, method: str, target: str, headers: Mapping[str, str | Secret], content: Secret | None) -> None:
        """Write a request down; nothing is sent yet."""
        fields = {name: _encoded(value) for name, value in headers.items()}
        self._http.request(method, target, _encoded(content) if content else None, fields)

    def exchange(self, deadline: float, *, longest_body: int, harmless: bool) -> Response:
        """Send what was prepared, and read the answer."""
        self._wire.deadline, self._wire.changing = deadline, not harmless
        with self._http.getresponse() as response:
            if self._wire.ended:  # the library takes half a head for a whole one
                raise IncompleteRead(b"")
            body = response.read(longest_body)
            if response.length and len(body) < longest_body:
                raise IncompleteRead(b"")
            finished = response.isclosed() and self._http.sock is not None
        if not finished:
            self.close()
        self._used_at = time.monotonic()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Response(status=response.status, headers=headers, body=body)

    def close(self) -> None:
        """Hang up."""
        self._http.close()
        self._wire.hang_up()


@attrs.define(eq=False, kw_only=True)
class HttpClient:
    """Sends requests. Threads may share it; there are as many connections as requests at the same time."""

    _timeout: float
    _proxy: Origin | None
    _trust: ssl.SSLContext
    _longest_body: int
    #: The one that was used last comes last.
    _idle: deque[_Connection] = attrs.field(factory=deque, init=False)

    @classmethod
    def open(
        cls,
        *,
        timeout: float,
        ca_file: Path | None = None,
        proxy: str | None = None,
        longest_body: int = LONGEST_BODY,
    ) -> Self:
        """Return a client that trusts the system's certificates, or those in *ca_file* and no others.

        Nothing is connected yet.

        Args:

            timeout: The seconds a request may take from beginning to end, whatever the other side does.

            ca_file: Certificates in PEM form.

            proxy: The address of a proxy.

            longest_body: How many bytes of an answer are read; the rest is ignored.

        Raises:

            MisconfiguredError: The file has no certificates, or the address is not that of a proxy.
        """
        way = _split(proxy)[1] if proxy else None
        if way and way.scheme != "http":
            raise MisconfiguredError("{proxy} is not an HTTP proxy", cure="write it as http://HOST:PORT", proxy=proxy)
        return cls(timeout=timeout, proxy=way, trust=trusting(ca_file), longest_body=longest_body)

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        content: Secret | None = None,
        harmless: bool = False,
    ) -> Response:
        """Send one request and wait for its answer.

        Args:

            method: The HTTP method.

            url: The address; no secret may be in it, because addresses are logged.

            headers: Their values are sent in UTF-8. What is secret stays in its wrapper until then, so that no
                variable of a traceback holds it.

            content: The body, likewise.

            harmless: Whether the request changes nothing, so that a lost answer is no more than that.

        Raises:

            UnavailableError: Nothing was sent, or the answer to a harmless request was lost.

            UnknownOutcomeError: The request was sent and its answer was lost.

            MisconfiguredError: The other side cannot be trusted, or the request cannot be written.

            LeaseLostError: Nothing was sent, because the account may be another process's by now; a harmless request
                is sent all the same.
        """
        deadline = time.monotonic() + self._timeout
        where, origin = _split(url)
        failure: ProvisionerError
        with self._lend(origin, deadline) as connection:
            try:
                connection.prepare(method, self._target(where), headers or {}, content)
            except ValueError as error:
                failure = _unwritable(origin, error)
            else:
                try:
                    return connection.exchange(deadline, longest_body=self._longest_body, harmless=harmless)
                except LeaseLostError as error:
                    failure = error.with_traceback(None)
                except (OSError, HTTPException) as error:
                    failure = _lost(origin, error, harmless=harmless)
            connection.close()
        # Raised out here, so that the library's error, whose frames hold the request, is not chained to ours.
        raise failure

    def close(self) -> None:
        """Close what is open. No request may be under way."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _lend(self, origin: Origin, deadline: float) -> Iterator[_Connection]:
        """Lend a connection. One that was closed meanwhile is not lent again."""
        connection = self._kept(origin) or self._connected(origin, deadline)
        try:
            yield connection
        except BaseException:
            connection.close()  # nobody knows how far it came
            raise
        finally:
            self._idle.append(connection)

    def _kept(self, origin: Origin) -> _Connection | None:
        """Return the idle connection that was used last, if there is one that is still good."""
        with suppress(IndexError):  # none is left
            while True:
                connection = self._idle.pop()
                if connection.origin == origin and connection.is_fresh():
                    return connection
                connection.close()
        return None

    def _connected(self, origin: Origin, deadline: float) -> _Connection:
        """Return a new connection."""
        http = self._unconnected(origin)
        http.set_debuglevel(0)  # whatever the program is set to: it would print headers
        try:
            http.timeout = seconds_left(deadline)
            http.connect()
        except (OSError, HTTPException) as error:
            failure = _unreached(origin, error)
        else:
            # All that the library needs of a socket.
            wire = http.sock = _Wire(http.sock)
            return _Connection(origin, http, wire)
        http.close()
        raise failure

    def _unconnected(self, origin: Origin) -> HTTPConnection:
        first = self._proxy or origin
        if origin.scheme == "http":
            return HTTPConnection(first.host, first.port)
        http = HTTPSConnection(first.host, first.port, context=self._trust)
        if self._proxy:
            http.set_tunnel(origin.host, origin.port)
        return http

    def _target(self, where: SplitResult) -> str:
        """Return what stands in the first line of a request."""
        if self._proxy and where.scheme == "http":
            return where._replace(fragment="").geturl()
        path = where.path or "/"
        return f"{path}?{where.query}" if where.query else path


def _split(url: str) -> tuple[SplitResult, Origin]:
    """Take an address apart.

    Raises:

        MisconfiguredError: It is none of the web.
    """
    try:
        where = urlsplit(url)
        host, port = (where.hostname or "").encode("idna").decode(), where.port or PORTS.get(where.scheme)
    except ValueError:
        host, port = "", None
    if not host or port is None:
        raise MisconfiguredError("the address {url} cannot be called", url=url)
    return where, Origin(scheme=where.scheme, host=host, port=port)


def _encoded(value: str | Secret) -> bytes:
    return (value.reveal() if isinstance(value, Secret) else value).encode()


def _unwritable(origin: Origin, error: Exception) -> MisconfiguredError:
    """Say that a request was not even begun; the error quotes it, and is not quoted."""
    reason = type(error).__name__
    return MisconfiguredError("a request to {host} cannot be written: {reason}", host=origin.host, reason=reason)


def _unreached(origin: Origin, error: Exception) -> TargetError:
    """Say why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return MisconfiguredError(
            "the certificate of {host} is not trusted: {reason}",
            cure="check the address; if your own authority issued the certificate, set ca_file",
            host=origin.host,
            reason=error.verify_message,
        )
    return UnavailableError(
        "{host} cannot be reached: {reason}",
        cure="check that it runs, and that the address and the network are correct",
        host=origin.host,
        reason=str(error) or type(error).__name__,
    )


def _lost(origin: Origin, error: Exception, *, harmless: bool) -> TargetError:
    """Say that a request was sent and its answer was lost; the error may quote either, and is not quoted."""
    reason = "timeout" if isinstance(error, TimeoutError) else type(error).__name__
    if harmless:
        silence = UnavailableError("{host} did not answer: {reason}", host=origin.host, reason=reason)
        silence.reached = True
        return silence
    return UnknownOutcomeError(
        "a request was sent to {host}, and no answer arrived: {reason}", host=origin.host, reason=reason
    )
