"""One HTTP request, and an honest account of how it ended.

Only three things matter to the caller: there is an answer, nothing was sent, or nobody knows. A connection is used
once, because a kept one may be closed by the other side at the very moment a message goes out.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import attrs
import httpx

from provisioner.core.errors import MisconfiguredError, TargetError, UnavailableError, UnknownOutcomeError
from provisioner.core.secret import Secret

#: Errors that arise before anything was sent. Every other one leaves it open.
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

#: Errors in what we asked for, found before anything was sent.
OUR_FAULT = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)

#: How much of an answer is read. Those of gateways are a line or two.
LONGEST_BODY = 65536


def _without_headers(record: logging.LogRecord) -> bool:
    """Let pass what the HTTP library logs, except the headers of an answer, which may quote what was sent."""
    return "receive_response_headers.complete" not in record.getMessage()


logging.getLogger("httpcore.http11").addFilter(_without_headers)


@attrs.frozen(kw_only=True)
class Answer:
    """What the other side said."""

    status: int
    #: It may quote what was sent to it.
    body: str = attrs.field(repr=False)
    #: The seconds after which it wants to be asked again, if it says so.
    retry_after: float | None = None


@attrs.define(eq=False, kw_only=True)
class Client:
    """Sends requests. Threads may share it."""

    #: The seconds a request may take from beginning to end.
    _timeout: float
    _client: httpx.Client

    @classmethod
    def open(cls, *, timeout: float, ca_file: Path | None = None, proxy: str | None = None) -> Self:
        """Return a client that trusts the system's certificates, or those in *ca_file* and no others.

        Raises:

            MisconfiguredError: The file has no certificates.
        """
        try:
            context = _trust(ca_file)
        except (OSError, ssl.SSLError):
            raise MisconfiguredError("{path} cannot be read as certificates", path=ca_file) from None
        client = httpx.Client(
            verify=context,
            proxy=proxy,
            timeout=timeout,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        return cls(timeout=timeout, client=client)

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

            url: The address.

            headers: Their values are sent in UTF-8. What is secret stays in its wrapper until then, so that no
                variable of a traceback holds it.

            content: The body, likewise.

            harmless: Whether the request changes nothing, so that a lost answer is no more than that.

        Raises:

            UnavailableError: Nothing was sent, or the answer to a harmless request was lost.

            UnknownOutcomeError: The request was sent and its answer was lost.

            MisconfiguredError: The other side cannot be trusted, or the request cannot be written.
        """
        deadline = _Deadline(self._timeout)
        try:
            with deadline:
                request = self._client.build_request(
                    method,
                    url,
                    headers={name.encode(): _encoded(value) for name, value in (headers or {}).items()},
                    content=content and _encoded(content),
                    extensions={"trace": deadline.watch},
                )
                return _read(self._client.send(request, stream=True))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = "timeout" if deadline.expired else type(error).__name__
            failure = _failure(error, urlsplit(url).netloc, reason, harmless=harmless)
        # Raised out here, so that the library's error, which holds the whole request, is not chained to ours.
        raise failure

    def close(self) -> None:
        """Close what is open."""
        self._client.close()


class _Deadline:
    """Cuts the connection of a request that takes too long, even if it makes some progress all the time."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._expire)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.expired = False

    def watch(self, event: str, info: Mapping[str, object]) -> None:
        """Note the connection when it is made. Called by the HTTP library at every step of the request."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")  # type: ignore[attr-defined]
                self._cut_if_expired()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._cut_if_expired()

    def _cut_if_expired(self) -> None:
        if self.expired and self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        self._timer.join()


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Read certificates; there are hundreds in the system's own file."""
    return ssl.create_default_context(cafile=ca_file)


def _encoded(value: str | Secret) -> bytes:
    return (value.reveal() if isinstance(value, Secret) else value).encode()


def _read(response: httpx.Response) -> Answer:
    with closing(response):
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LONGEST_BODY:
                break
    seconds = response.headers.get("Retry-After", "")
    return Answer(
        status=response.status_code,
        body=body[:LONGEST_BODY].decode("utf-8", "replace"),
        retry_after=float(seconds) if seconds.isdecimal() else None,
    )


def _failure(error: Exception, host: str, reason: str, *, harmless: bool) -> TargetError:
    """Say how a request ended, without quoting it."""
    if isinstance(error, (*OUR_FAULT, httpx.InvalidURL)):
        return MisconfiguredError("a request to {host} cannot be written: {reason}", host=host, reason=reason)
    if isinstance(error, NOTHING_SENT):
        if _untrusted(error):
            return MisconfiguredError(
                "the certificate of {host} is not trusted",
                cure="see that the address is right, and set ca_file if the certificate is your own authority's",
                host=host,
            )
        return UnavailableError("{host} cannot be reached: {reason}", host=host, reason=f"{reason} ({error})")
    if harmless:
        return UnavailableError("{host} did not answer: {reason}", host=host, reason=reason)
    return UnknownOutcomeError("{host} was sent a message and did not answer: {reason}", host=host, reason=reason)


def _untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
