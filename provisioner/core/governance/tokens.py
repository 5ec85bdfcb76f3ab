"""Tokens, with which programs use the API: whose they are, what they allow, and what the audit log says of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.api.events import Event
from provisioner.core.engine.clock import FURTHEST_BACK
from provisioner.core.model.tokens import TokenAccess


class TokenRefusal(StrEnum):
    """Why a token was refused."""

    #: It is none, or none that is known.
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    #: The person holds no open account any more.
    OWNER = "owner"
    #: It allows only reading.
    READ_ONLY = "read_only"
    #: There were too many refusals before. The token was not looked at.
    THROTTLED = "throttled"


class TokenState(StrEnum):
    """Whether a token can be used."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@attrs.frozen(kw_only=True)
class ApiToken:
    """A token, without its secret part."""

    #: 16 hexadecimal digits, which the token itself contains too.
    id: str
    #: The SHA-256 of the whole token.
    hash: str = attrs.field(repr=False)
    #: What it is for.
    name: str
    #: The actor in whose name it is used: the ID of a person, or ``service:`` and the name of a service.
    owner: str
    access: TokenAccess
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_by: str | None = None
    revoked_at: datetime | None = None

    def state(self, at: datetime) -> TokenState:
        """Return whether it can be used at a time.

        One that was created in the future has expired: the clock was ahead, and its end may be years too late.
        """
        if self.revoked_at is not None:
            return TokenState.REVOKED
        is_current = self.created_at - FURTHEST_BACK <= at < self.expires_at
        return TokenState.VALID if is_current else TokenState.EXPIRED


@attrs.frozen(kw_only=True)
class TokenCreated(Event):
    """A token for the API was created."""

    kind = "token_created"

    actor: str
    token: ApiToken


@attrs.frozen(kw_only=True)
class TokenRevoked(Event):
    """A token for the API was revoked."""

    kind = "token_revoked"

    actor: str
    token: ApiToken


@attrs.frozen(kw_only=True)
class TokenRefused(Event):
    """A token for the API was refused. The actor is the owner of the token, or empty if the token is not genuine."""

    kind = "token_refused"

    #: The ID of the token; empty if it is unknown.
    token: str
    reason: TokenRefusal
    #: The network address from which it came, as far as it is known.
    address: str
