"""What went wrong between us and PYS, in the terms of the core. The tables here decide what the engine does next.

A change whose answer is lost may have happened, so it is unknown; a question whose answer is lost can be asked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

import attrs

from provisioner.core.api.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from provisioner.core.model.text import marked
from provisioner.net.http import Response

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
class ProblemDetails:
    """What PYS says of a request it did not carry out (RFC 9457)."""

    code: str
    detail: str


def from_answer(answer: Response, *, writing: bool, about_us: bool = False) -> TargetError:
    """Return what an answer means that is not a success.

    Args:

        answer: The answer.

        writing: Whether the request would have changed something.

        about_us: Whether the request is about no account or person, so that only our key can be refused.
    """
    status = answer.status
    if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and about_us):
        return MisconfiguredError(
            "PYS refuses the API key (HTTP {status})",
            cure="check that 'api_key' refers to the current key",
            status=status,
        )
    if status == HTTPStatus.FORBIDDEN:
        return ForbiddenError(
            "PYS does not allow the API key to do this (HTTP {status})",
            cure="check that the key has the permissions in the README, also for this record",
            status=status,
        )
    overloaded = status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in answer.headers
    if status == HTTPStatus.TOO_MANY_REQUESTS or overloaded:
        return ThrottledError(
            "PYS limits the rate of requests (HTTP {status})", retry_after=answer.retry_after, status=status
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return MisconfiguredError(
            "PYS is not at 'url': it answers with a redirect (HTTP {status})",
            cure="set 'url' to the target of the redirect; a password is not sent after a redirect",
            status=status,
        )
    problem = None if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _problem(answer)
    if problem is None:
        return lost(f"HTTP {status}", writing=writing)
    kind = CODES.get(problem.code) or STATUSES.get(status, RefusedError)
    return kind(marked("PYS refused: {detail} ({code})"), detail=problem.detail, code=problem.code)


def lost(reason: str, *, writing: bool) -> TargetError:
    """Return the error for a request whose answer cannot be understood.

    Args:

        reason: What came instead, in a word or two.

        writing: Whether the request would have changed something.
    """
    if writing:
        return UnknownOutcomeError(
            "a change was sent to PYS, and no usable answer arrived ({reason}); the change may have been made",
            cure="if this happens often, check the log of PYS and the network",
            reason=reason,
        )
    return TransientError(
        "PYS gave no usable answer ({reason})",
        cure="if this happens often, check the log of PYS and the network",
        reason=reason,
    )


def _problem(answer: Response) -> ProblemDetails | None:
    """Return the problem the answer describes, or ``None`` if PYS itself cannot have written it."""
    if answer.headers.get("content-type", "").partition(";")[0].strip() != "application/problem+json":
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return None
    return ProblemDetails(
        code=document["code"], detail=str(document.get("detail") or "no reason given")[:DETAIL_LENGTH]
    )
