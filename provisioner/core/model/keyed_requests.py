"""Requests to the API that have a key, so that none of them takes effect twice."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class KeyedAnswer:
    """The answer to a request."""

    status: int
    media_type: str
    body: str
    #: The address of what the request made; empty if it made nothing.
    location: str = ""


@attrs.frozen(kw_only=True)
class KeyedRequest:
    """A request, and its answer once there is one."""

    #: In whose name it was sent.
    actor: str
    key: str
    #: The SHA-256 of what was asked for.
    fingerprint: str
    #: The process that works on it, or did.
    owner: str
    begun_at: datetime
    #: Until when it is kept.
    expires_at: datetime
    answer: KeyedAnswer | None = None
