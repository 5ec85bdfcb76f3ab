"""Which tokens of the provider are accepted (OpenID Connect Core 1.0 §3.1.3.7, Back-Channel Logout 1.0 §2.6).

A token is a text that anybody can write. Here it becomes an identity, or the end of sessions, if each check holds.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import attrs
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError, MissingClaimError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from provisioner.core.api.errors import DeniedError
from provisioner.core.model.text import Text
from provisioner.oidc.keys import ProviderKeys

#: How far the clocks of the provider and of this machine may be apart.
LEEWAY = timedelta(seconds=60)

#: The oldest token that is accepted. Both kinds arrive at once after they are issued.
OLDEST = timedelta(minutes=10)

#: The longest ID of a person or of a session at the provider (Core §2), and the longest token.
_LONGEST_ID, _LONGEST_TOKEN = 255, 64 * 1024

_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@attrs.frozen(kw_only=True)
class ProviderIdentity:
    """Who has logged in, as the provider says."""

    #: The provider's ID of the person, and that of the session there; the latter is empty if it has none.
    subject: str
    session: str
    claims: Mapping[str, Any] = attrs.field(repr=False)

    def named_by(self, claim: str) -> str:
        """Return what a claim says of the person; an empty text if it says nothing that can be relied on.

        Args:

            claim: The name of the claim. A mail address counts only if the provider has verified it.
        """
        value = self.claims.get(claim)
        if claim == "email" and self.claims.get("email_verified") is not True:
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else ""


@attrs.frozen(kw_only=True)
class EndedSession:
    """What has ended at the provider."""

    #: One of both may be empty. Without a session, all sessions of the person have ended.
    subject: str
    session: str
    #: The ID of the token, and how long it could be sent again.
    token_id: str
    usable_until: datetime


@attrs.frozen(kw_only=True)
class TokenChecks:
    """Checks tokens.

    Args:

        issuer: The provider.

        client_id: The ID of the console there.

        algorithms: The algorithms with which it may sign.

        keys: Its keys.

        now: The clock.
    """

    issuer: str
    client_id: str
    algorithms: Collection[str]
    keys: ProviderKeys
    now: Callable[[], datetime]

    def identity(
        self, token: str, *, nonce: str, access_token: str | None, logged_in_since: datetime | None
    ) -> ProviderIdentity:
        """Return who has logged in, according to an ID token.

        Args:

            token: The ID token.

            nonce: What the console sent with the person to the provider.

            access_token: The access token that came with it, to which it must belong if it says so.

            logged_in_since: The time, in UTC, before which the person must not have given the password the last time;
                ``None`` if it doesn't matter.

        Raises:

            DeniedError: A check failed.

            TargetError: The keys of the provider can't be read.
        """
        header, claims = self._checked(token, types={None, "jwt"})
        given = claims.get("nonce")
        if not nonce or not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            _refuse(Text("the nonce is not that of this log-in"))
        self._require_access_token(claims, header["alg"], access_token)
        if logged_in_since is not None:
            _require_recent(claims, logged_in_since)
        if not (subject := _id(claims, "sub")):
            _refuse(Text("it names no person"))
        return ProviderIdentity(subject=subject, session=_id(claims, "sid"), claims=claims)

    def ended(self, token: str) -> EndedSession:
        """Return what has ended, according to a logout token.

        The caller must check that the ID of the token is new.

        Args:

            token: The logout token.

        Raises:

            DeniedError: A check failed.

            TargetError: The keys of the provider can't be read.
        """
        _, claims = self._checked(token, types={None, "jwt", "logout+jwt", "application/logout+jwt"})
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
            _refuse(Text("it is no logout token"))
        if "nonce" in claims:
            _refuse(Text("a logout token must not have a nonce"))
        subject, session, token_id = _id(claims, "sub"), _id(claims, "sid"), _id(claims, "jti")
        if not (subject or session):
            _refuse(Text("it names neither a person nor a session"))
        if not token_id:
            _refuse(Text("it has no ID of its own"))
        usable_until = self.now() + 2 * (OLDEST + LEEWAY)
        return EndedSession(subject=subject, session=session, token_id=token_id, usable_until=usable_until)

    def _checked(self, token: str, *, types: Collection[str | None]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return header and claims of a token whose signature, issuer, audience and times are right."""
        if len(token) > _LONGEST_TOKEN:
            _refuse(Text("it is no token"))
        header = _header(token)
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
        if not isinstance(algorithm, str) or algorithm not in self.algorithms:
            _refuse(Text("the algorithm of its signature is not allowed"))
        if "crit" in header or (kid is not None and not isinstance(kid, str)):
            _refuse(Text("it has a header that is not understood"))
        if (kind.lower() if isinstance(kind, str) else kind) not in types:
            _refuse(Text("it is another kind of token"))
        key = self.keys.find(kid, algorithm)
        if key is None:
            _refuse(Text("the provider has no key for its signature"))
        try:
            claims = jwt.decode(token, key, registry=_registry(algorithm)).claims
        except BadSignatureError:
            _refuse(Text("its signature is wrong"))
        except Exception:  # what the library raises for texts that are no token is not all of one class
            _refuse(Text("it is no token"))
        self._require_claims(claims)
        return header, claims

    def _require_claims(self, claims: dict[str, Any]) -> None:
        at = self.now()
        registry = JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError:
            _refuse(Text("it has expired"))
        except MissingClaimError:
            _refuse(Text("it has no issuer, no audience or no times"))
        except InvalidClaimError as error:
            _refuse(_WRONG.get(error.claim, _UNREADABLE))
        if claims["iat"] < (at - OLDEST - LEEWAY).timestamp():
            _refuse(_WRONG["iat"])
        self._require_own_party(claims)

    def _require_own_party(self, claims: Mapping[str, Any]) -> None:
        """Check the party to which the token was issued; a token for several audiences must name it."""
        audience, party = claims["aud"], claims.get("azp")
        is_shared = isinstance(audience, list) and len(audience) > 1
        if (is_shared or party is not None) and party != self.client_id:
            _refuse(_WRONG["aud"])

    @staticmethod
    def _require_access_token(claims: Mapping[str, Any], algorithm: str, access_token: str | None) -> None:
        if (given := claims.get("at_hash")) is None:
            return
        digest = hashlib.new(f"sha{algorithm[2:]}", (access_token or "").encode()).digest()
        expected = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
        if access_token is None or not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected):
            _refuse(Text("it belongs to another access token"))


_UNREADABLE = Text("it has an ID that can't be read")

_WRONG = {
    "iss": Text("another provider issued it"),
    "aud": Text("it was issued for another program"),
    "exp": Text("it has expired"),
    "nbf": Text("it is not valid yet; the clock of the provider or of this machine is wrong"),
    "iat": Text("it was issued too long ago, or in the future; the clock of the provider or of this machine is wrong"),
}


def refused(reason: Text) -> DeniedError:
    """Return the error that says why an answer of the provider isn't accepted.

    Args:

        reason: Why.
    """
    return DeniedError(
        "the answer of your organisation's log-in is not accepted: {reason}",
        cure="log in again; if it happens again, tell the administrators",
        reason=reason,
    )


def _refuse(reason: Text) -> NoReturn:
    raise refused(reason) from None


def _require_recent(claims: Mapping[str, Any], since: datetime) -> None:
    at = claims.get("auth_time")
    if isinstance(at, bool) or not isinstance(at, int | float):
        _refuse(Text("it doesn't say when you gave your password"))
    if not at >= (since.astimezone(UTC) - LEEWAY).timestamp():
        _refuse(Text("you did not give your password again"))


def _header(token: str) -> Mapping[str, Any]:
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_registry()).headers()
    except Exception:  # as above
        _refuse(Text("it is no token"))
    return header


def _registry(*algorithms: str) -> JWSRegistry:
    """Return the library's rules for tokens, without its limits for the names and the length of headers."""
    registry = JWSRegistry(algorithms=list(algorithms) or None, strict_check_header=False)
    registry.max_header_length = _LONGEST_TOKEN
    return registry


def _id(claims: Mapping[str, Any], name: str) -> str:
    """Return an ID among the claims; an empty text if it isn't there.

    Raises:

        DeniedError: It is there, and is none.
    """
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        _refuse(_UNREADABLE)
    return value
