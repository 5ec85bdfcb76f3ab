"""HTTP for plug-ins: one request, sent once, and an honest account of how it ended.

Only three things matter to the engine: there is an answer, nothing was sent, or nobody knows. httpcore tells these
apart, and does nothing that a password must not go along with: it follows no redirect, keeps no cookie and reads no
proxy from the environment. It also lets its network be replaced, which one deadline for a whole request needs.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import attrs
import httpcore

from provisioner.core.errors import MisconfiguredError, TargetError, UnavailableError, UnknownOutcomeError
from provisioner.core.secret import Secret

#: Errors that arise before anything was sent.
NOTHING_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError)

#: Errors in what we asked for, found before anything was sent.
OUR_FAULT = (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol)

#: Every error of a request; those that are not named above leave it open what became of it.
FAILURES = (*NOTHING_SENT, *OUR_FAULT, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)

#: How many bytes of an answer are read; the rest is not for us.
LONGEST_BODY = 65536

#: The seconds for which an idle connection is kept. No server hangs up as soon as that, and a request that meets a
#: connection just closed by the other side has an unknown outcome.
KEPT = 1.0


def _without_headers(record: logging.LogRecord) -> bool:
    """Let pass what the HTTP library logs, except the headers of an answer, which may quote what was sent."""
    return "receive_response_headers.complete" not in record.getMessage()


logging.getLogger("httpcore.http11").addFilter(_without_headers)


@attrs.frozen(kw_only=True)
class Answer:
    """What the other side said."""

    status: int
    #: By lower-case name.
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    #: It may quote what was sent, and is cut off after :data:`LONGEST_BODY` bytes.
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the other side wants to be asked again, if it says so (RFC 9110 §10.2.3)."""
        said = self.headers.get("retry-after", "")
        if said.isascii() and said.isdigit():
            return float(said)
        try:
            until = parsedate_to_datetime(said)
        except ValueError:
            return None
        return max(0.0, (until - datetime.now(UTC if until.tzinfo else None)).total_seconds())


class _Deadline(threading.local):
    """When the request of the current thread must have ended.

    The library starts its timeouts anew with every read from the socket, so a server that sends a byte now and then
    could hold a caller for as long as it likes.
    """

    at: float = 0.0

    def start(self, seconds: float) -> None:
        """Let the current thread's request end *seconds* from now."""
        self.at = time.monotonic() + seconds

    def left(self, late: type[httpcore.TimeoutException]) -> float:
        """Return the seconds that are left; raise *late* if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise late
        return left


@attrs.define(eq=False, kw_only=True)
class Client:
    """Sends requests. Threads may share it; there are as many connections as requests at the same time."""

    _timeout: float
    _proxy: str | None
    _trust: ssl.SSLContext
    _deadline: _Deadline = attrs.field(factory=_Deadline, init=False)
    #: Each keeps one connection. The pool of the library looks at every connection that it keeps for each request.
    _idle: deque[httpcore.ConnectionPool] = attrs.field(factory=deque, init=False)

    @classmethod
    def open(cls, *, timeout: float, ca_file: Path | None = None, proxy: str | None = None) -> Self:
        """Return a client that trusts the system's certificates, or those in *ca_file* and no others.

        Nothing is connected yet.

        Args:

            timeout: The seconds a request may take from beginning to end, whatever the other side does.

            ca_file: Certificates in PEM form.

            proxy: The address of a proxy.

        Raises:

            MisconfiguredError: The file has no certificates.
        """
        return cls(timeout=timeout, proxy=proxy, trust=_trusting(ca_file))

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        content: Secret | None = None,
        harmless: bool = False,
    ) -> Answer:
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
        """
        try:
            where = httpcore.URL(url)
        except (TypeError, ValueError):  # a letter that is not ASCII, a port that is no number
            raise MisconfiguredError("the address {url} cannot be called", url=url) from None
        self._deadline.start(self._timeout)
        try:
            with (
                self._lend() as pool,
                pool.stream(
                    method,
                    where,
                    headers=[(name.encode(), _encoded(value)) for name, value in (headers or {}).items()],
                    content=_encoded(content) if content else None,
                ) as response,
            ):
                return _read(response)
        except FAILURES as error:
            failure = _failure(error, where.host.decode(), harmless=harmless)
        # Raised out here, so that the library's error, whose frames hold the request, is not chained to ours.
        raise failure

    def close(self) -> None:
        """Close what is open. No request may be under way."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _lend(self) -> Iterator[httpcore.ConnectionPool]:
        """Lend the connection that was used last, or a new one."""
        try:
            pool = self._idle.pop()
        except IndexError:
            pool = self._connection()
        try:
            yield pool
        finally:
            self._idle.append(pool)

    def _connection(self) -> httpcore.ConnectionPool:
        options: dict[str, Any] = {
            "ssl_context": self._trust,
            "max_connections": 1,
            "keepalive_expiry": KEPT,
            "network_backend": _Network(deadline=self._deadline),
        }
        return httpcore.HTTPProxy(self._proxy, **options) if self._proxy else httpcore.ConnectionPool(**options)


@attrs.define(eq=False, kw_only=True)
class _Network(httpcore.NetworkBackend):
    """Makes connections that keep to the deadline."""

    _deadline: _Deadline
    _plain: httpcore.NetworkBackend = attrs.field(factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is shorter
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(httpcore.ConnectTimeout)
        stream = self._plain.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream=stream, deadline=self._deadline)


@attrs.define(eq=False, kw_only=True)
class _Stream(httpcore.NetworkStream):
    """A connection that keeps to the deadline of the thread that uses it."""

    _stream: httpcore.NetworkStream
    _deadline: _Deadline
    #: What is to be sent before the next answer is read: head and body in one piece.
    _unsent: list[bytes] = attrs.field(factory=list, init=False, repr=False)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is shorter
        if self._unsent:
            request, self._unsent = b"".join(self._unsent), []
            self._stream.write(request, self._deadline.left(httpcore.WriteTimeout))
        return self._stream.read(max_bytes, self._deadline.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline is shorter
        self._unsent.append(buffer)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is shorter
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Stream(stream=stream, deadline=self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Read certificates; there are hundreds in the system's own file."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # SSLError, for a file that is not PEM, is one too
        raise MisconfiguredError(
            "the certificates in {file} cannot be read: {reason}",
            cure="set ca_file to a file of certificates in PEM form",
            file=ca_file,
            reason=error.strerror or type(error).__name__,
        ) from None


def _encoded(value: str | Secret) -> bytes:
    return (value.reveal() if isinstance(value, Secret) else value).encode()


def _read(response: httpcore.Response) -> Answer:
    body = bytearray()
    for piece in response.iter_stream():
        body += piece
        if len(body) > LONGEST_BODY:
            break
    return Answer(
        status=response.status,
        headers={name.decode().lower(): value.decode("utf-8", "replace") for name, value in response.headers},
        body=bytes(body[:LONGEST_BODY]),
    )


def _failure(error: Exception, host: str, *, harmless: bool) -> TargetError:
    """Say how a request ended, without quoting it."""
    reason = "timeout" if isinstance(error, httpcore.TimeoutException) else type(error).__name__
    if isinstance(error, OUR_FAULT):
        return MisconfiguredError("a request to {host} cannot be written: {reason}", host=host, reason=reason)
    if certificate := _certificate_error(error):
        return MisconfiguredError(
            "the certificate of {host} is not trusted: {reason}",
            cure="see that the address is right, and set ca_file if the certificate is your own authority's",
            host=host,
            reason=certificate.verify_message,
        )
    if isinstance(error, NOTHING_SENT):
        return UnavailableError(
            "{host} cannot be reached: {reason}",
            cure="see that it runs, and that the address and the network lead to it",
            host=host,
            reason=str(error) or type(error).__name__,
        )
    if harmless:
        return UnavailableError("{host} did not answer: {reason}", host=host, reason=reason)
    return UnknownOutcomeError("{host} was sent a request and did not answer: {reason}", host=host, reason=reason)


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
