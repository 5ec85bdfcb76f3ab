"""One HTTP request, and an honest account of how it ended.

Only three things matter to the caller: there is an answer, nothing was sent, or nobody knows. A connection is used
once, because a kept one may be closed by the other side at the very moment a message goes out.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import attrs

from provisioner.core.errors import MisconfiguredError, TargetError, UnavailableError, UnknownOutcomeError
from provisioner.core.secret import Secret
from provisioner_sms.wire import Connection, Place, Reading

#: How much of an answer is read. Those of gateways are a line or two.
LONGEST_BODY = 65536

#: How a connection or an answer may fail.
_FAILURES = (OSError, HTTPException)


@attrs.frozen(kw_only=True)
class Answer:
    """What the other side said."""

    status: int
    #: It may quote what was sent to it.
    body: str = attrs.field(repr=False)
    #: The seconds after which it wants to be asked again, if it says so.
    retry_after: float | None = None


@attrs.frozen(kw_only=True)
class _Request:
    """What is to be sent, its secrets still wrapped."""

    method: str
    headers: Mapping[str, str | Secret]
    content: Secret | None

    def is_writable(self) -> bool:
        """Whether no header ends before its end."""
        texts = [*self.headers, *map(_revealed, self.headers.values())]
        return not any(re.search(r"[\0\r\n]", text) for text in texts)

    def written(self, target: str, host: str) -> bytes:
        """Return it as it goes over the wire."""
        body = _revealed(self.content or "").encode()
        headers = {"Host": host, "Content-Length": len(body), "Accept-Encoding": "identity", "Connection": "close"}
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"{name}: {_revealed(value)}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


@attrs.define(eq=False, kw_only=True)
class Client:
    """Sends requests. Threads may share it."""

    #: The seconds a request may take from beginning to end.
    _timeout: float
    _context: ssl.SSLContext
    _proxy: Place | None

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
        return cls(timeout=timeout, context=context, proxy=Place.of(proxy) if proxy else None)

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
        host = urlsplit(url).netloc
        request = _Request(method=method, headers=headers or {}, content=content)
        place = _called(url, request)
        failure: TargetError
        try:
            connection = self._connect(place)
        except _FAILURES as error:
            failure = _unreachable(error, host)
        else:
            try:
                return self._exchange(connection, place, request)
            except _FAILURES as error:
                failure = _lost(error, host, harmless=harmless)
        # Raised out here, so that no frame that held the request is chained to it.
        raise failure

    def _connect(self, place: Place) -> Connection:
        connection = Connection.to(self._proxy or place, time.monotonic() + self._timeout)
        try:
            if place.scheme == "https":
                if self._proxy:
                    _tunnel(connection, place.authority)
                connection.encrypt(self._context, place.host)
        except BaseException:
            connection.close()
            raise
        return connection

    def _exchange(self, connection: Connection, place: Place, request: _Request) -> Answer:
        target = f"http://{place.name}{place.target}" if self._proxy and place.scheme == "http" else place.target
        with closing(connection):
            return _read(connection.exchange(request.written(target, place.name), request.method, LONGEST_BODY))


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Read certificates; there are hundreds in the system's own file."""
    return ssl.create_default_context(cafile=ca_file)


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _called(url: str, request: _Request) -> Place:
    """Return where a request goes, and see that it can be written."""
    try:
        place = Place.of(url)
    except ValueError:
        place = None
    if place is None or not request.is_writable():
        reason = "address" if place is None else "header"
        raise MisconfiguredError(
            "a request to {host} cannot be written: {reason}", host=urlsplit(url).netloc, reason=reason
        )
    return place


def _tunnel(connection: Connection, authority: str) -> None:
    """Let a proxy connect to the other side."""
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()
    status = connection.exchange(request, "CONNECT", 0).status
    if status != HTTPStatus.OK:
        raise HTTPException(f"the proxy answers HTTP {status}")


def _read(reading: Reading) -> Answer:
    if reading.headers.get("Content-Encoding", "identity") != "identity":
        raise HTTPException("compressed")
    seconds = reading.headers.get("Retry-After", "")
    return Answer(
        status=reading.status,
        body=reading.content.decode("utf-8", "replace"),
        retry_after=float(seconds) if seconds.isdecimal() else None,
    )


def _unreachable(error: Exception, host: str) -> TargetError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return MisconfiguredError(
            "the certificate of {host} is not trusted",
            cure="see that the address is right, and set ca_file if the certificate is your own authority's",
            host=host,
        )
    return UnavailableError("{host} cannot be reached: {reason}", host=host, reason=f"{_kind(error)} ({error})")


def _lost(error: Exception, host: str, *, harmless: bool) -> TargetError:
    """Say how a request ended, without quoting it."""
    if harmless:
        return UnavailableError("{host} did not answer: {reason}", host=host, reason=_kind(error))
    return UnknownOutcomeError("{host} was sent a message and did not answer: {reason}", host=host, reason=_kind(error))


def _kind(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__
