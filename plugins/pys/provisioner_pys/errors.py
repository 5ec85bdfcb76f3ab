"""What went wrong between us and PYS, in the terms of the core. The tables here decide what the engine does next.

A change whose answer is lost may have happened, so it is unknown; a question whose answer is lost can be asked again.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import attrs
import httpx

from provisioner.core.errors import (
    ConflictError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)

#: Whether the request may have reached PYS when httpx raises this. The class closest to the error's own decides.
MAY_HAVE_ARRIVED: Mapping[type[httpx.RequestError], bool] = {
    httpx.RequestError: True,
    httpx.DecodingError: True,
    httpx.TooManyRedirects: True,
    httpx.TransportError: True,
    httpx.TimeoutException: True,
    httpx.ConnectTimeout: False,
    httpx.PoolTimeout: False,
    httpx.ReadTimeout: True,
    httpx.WriteTimeout: True,
    httpx.NetworkError: True,
    httpx.ConnectError: False,
    httpx.ReadError: True,
    httpx.WriteError: True,
    httpx.CloseError: True,
    httpx.ProtocolError: True,
    httpx.LocalProtocolError: True,
    httpx.RemoteProtocolError: True,
    httpx.ProxyError: False,
    httpx.UnsupportedProtocol: False,
}

#: What a problem's ``code`` means, where it says more than the status.
CODES: Mapping[str, type[TargetError]] = {
    "password_refused": SecretRefusedError,
    "route_missing": MisconfiguredError,
}

#: What a problem's status means. Every other one that is not a server's error is a plain refusal.
STATUSES: Mapping[int, type[TargetError]] = {
    HTTPStatus.NOT_FOUND: MissingError,
    HTTPStatus.REQUEST_TIMEOUT: TransientError,
    HTTPStatus.CONFLICT: ConflictError,
}

#: How much of PYS's own words goes into a message.
DETAIL_LENGTH = 200


@attrs.frozen(kw_only=True)
class Problem:
    """What PYS says of a request it did not carry out (RFC 9457)."""

    code: str
    detail: str


def from_transport(error: httpx.RequestError, *, writing: bool) -> TargetError:
    """Return what an exception of httpx means.

    Args:

        error: The exception. Of its text only that of a failed connection is used; another may quote the request.

        writing: Whether the request would have changed something.
    """
    if certificate := _certificate_error(error):
        return MisconfiguredError(
            "the certificate of PYS is not trusted: {reason}",
            cure="set 'ca_file' to the certificates that signed it, and see that 'url' has the name it was made for",
            reason=certificate.verify_message,
        )
    if not _may_have_arrived(error):
        return UnavailableError(
            "PYS cannot be reached: {reason}",
            cure="see that it runs, and that 'url' and the network lead to it",
            reason=str(error) or type(error).__name__,
        )
    return lost(type(error).__name__, writing=writing, kind=UnavailableError)


def from_response(response: httpx.Response, *, writing: bool) -> TargetError:
    """Return what an answer means that is not a success."""
    status = response.status_code
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return MisconfiguredError(
            "PYS refuses our API key, or the key may not do this (HTTP {status})",
            cure="see that 'api_key' leads to the key in force and that the key has the rights the README lists",
            status=status,
        )
    retry_after = response.headers.get("Retry-After")
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after):
        return ThrottledError(
            "PYS asks to be left alone for a while (HTTP {status})",
            retry_after=_seconds(retry_after),
            status=status,
        )
    if response.is_redirect:
        return MisconfiguredError(
            "PYS is not at 'url': it answers with a redirection (HTTP {status})",
            cure="set 'url' to where the redirection leads; a password is not sent after one",
            status=status,
        )
    problem = None if response.is_server_error else _problem(response)
    if problem is None:
        return lost(f"HTTP {status}", writing=writing)
    kind = CODES.get(problem.code) or STATUSES.get(status, RefusedError)
    return kind("PYS refused: {detail} ({code})", detail=problem.detail, code=problem.code)


def lost(reason: str, *, writing: bool, kind: type[TransientError] = TransientError) -> TargetError:
    """Return the error for a request whose answer did not come, or cannot be understood.

    Args:

        reason: What came instead, in a word or two.

        writing: Whether the request would have changed something.

        kind: What it is if the request was a question.
    """
    if writing:
        return UnknownOutcomeError(
            "PYS was sent a change and gave no usable answer ({reason}); the change may have been made",
            cure="look at the log of PYS and at the network if this happens often",
            reason=reason,
        )
    return kind(
        "PYS gave no usable answer ({reason})",
        cure="look at the log of PYS and at the network if this happens often",
        reason=reason,
    )


def _may_have_arrived(error: httpx.RequestError) -> bool:
    return next(MAY_HAVE_ARRIVED[kind] for kind in type(error).__mro__ if kind in MAY_HAVE_ARRIVED)


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _problem(response: httpx.Response) -> Problem | None:
    """Return the problem the answer describes, or ``None`` if PYS itself cannot have written it."""
    if response.headers.get("Content-Type", "").partition(";")[0].strip() != "application/problem+json":
        return None
    try:
        document = json.loads(response.content)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return None
    return Problem(code=document["code"], detail=str(document.get("detail") or "no reason given")[:DETAIL_LENGTH])


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for, which gives them as a number or as a date."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    now = datetime.now(UTC if until.tzinfo else None)
    return max(0.0, (until - now).total_seconds())
