"""Which tokens are accepted, and that each forged one is refused for its own reason."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey

from provisioner.core.api.errors import DeniedError
from provisioner.oidc.keys import ProviderKeys
from provisioner.oidc.tokens import EndedSession, ProviderIdentity, TokenChecks
from provisioner.testing.clock import FakeClock
from tests.oidc.issuer import CLIENT_ID, EVENT, SECRET, hash_of, new_key

ISSUER, NONCE, ACCESS = "https://sso.example", "nonce-1", "access-1"

KEY, OTHER = new_key("one"), new_key("one")


def seconds(clock: FakeClock, offset: int = 0) -> int:
    return int(clock().timestamp()) + offset


def sign(claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, key: ECKey | OctKey = KEY) -> str:
    given = {"alg": "ES256", "kid": "one", **(header or {})}
    shown = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(shown, {name: one for name, one in claims.items() if one is not None}, key, [given["alg"]])


def id_claims(clock: FakeClock, **changes: Any) -> dict[str, Any]:
    usual = {"iss": ISSUER, "aud": CLIENT_ID, "sub": "1001", "sid": "s1", "nonce": NONCE, "at_hash": hash_of(ACCESS)}
    return {**usual, "iat": seconds(clock), "exp": seconds(clock, 300), **changes}


def logout_claims(clock: FakeClock, **changes: Any) -> dict[str, Any]:
    usual = {"iss": ISSUER, "aud": CLIENT_ID, "sub": "1001", "sid": "s1", "jti": "j1", "events": {EVENT: {}}}
    return {**usual, "iat": seconds(clock), "exp": seconds(clock, 120), **changes}


@pytest.fixture(name="checks")
def _checks(clock: FakeClock) -> TokenChecks:
    keys = ProviderKeys(lambda: {"keys": [KEY.as_dict(private=False)]}, now=clock)
    return TokenChecks(issuer=ISSUER, client_id=CLIENT_ID, algorithms=("ES256", "RS256"), keys=keys, now=clock)


def identity(checks: TokenChecks, token: str, **changes: Any) -> ProviderIdentity:
    given: dict[str, Any] = {"nonce": NONCE, "access_token": ACCESS, "logged_in_since": None, **changes}
    return checks.identity(token, **given)


def reason(error: DeniedError) -> str:
    return str(error.text.values["reason"])


def test_a_right_token_names_the_person_and_the_session(checks: TokenChecks, clock: FakeClock) -> None:
    found = identity(checks, sign(id_claims(clock), {"typ": None}))

    assert (found.subject, found.session) == ("1001", "s1")
    assert NONCE not in repr(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "api"], "azp": CLIENT_ID},
        {"at_hash": None},
        {"sid": None},
        {"exp": -50},
        {"iat": 50},
        {"nbf": 50},
    ],
)
def test_what_the_specification_allows_is_accepted(
    checks: TokenChecks, clock: FakeClock, changes: dict[str, Any]
) -> None:
    """A provider that is right would be refused; times may differ by a minute."""
    moved = {name: seconds(clock, value) if isinstance(value, int) else value for name, value in changes.items()}

    assert identity(checks, sign(id_claims(clock, **moved))).subject == "1001"


WRONG_CLAIMS = [
    ({"iss": "https://sso.example/"}, "another provider issued it"),
    ({"iss": None}, "it has no issuer, no audience or no times"),
    ({"aud": "another"}, "it was issued for another program"),
    ({"aud": None}, "it has no issuer, no audience or no times"),
    ({"aud": [CLIENT_ID, "api"]}, "it was issued for another program"),
    ({"aud": [CLIENT_ID, "api"], "azp": "api"}, "it was issued for another program"),
    ({"azp": "another"}, "it was issued for another program"),
    ({"exp": -61}, "it has expired"),
    ({"exp": None}, "it has no issuer, no audience or no times"),
    ({"exp": "soon"}, "it has expired"),
    ({"iat": 61}, "it was issued too long ago, or in the future"),
    ({"iat": -661}, "it was issued too long ago, or in the future"),
    ({"iat": None}, "it has no issuer, no audience or no times"),
    ({"iat": True}, "it was issued too long ago, or in the future"),
    ({"nbf": 61}, "it is not valid yet"),
    ({"nonce": "another"}, "the nonce is not that of this log-in"),
    ({"nonce": None}, "the nonce is not that of this log-in"),
    ({"at_hash": hash_of("another")}, "it belongs to another access token"),
    ({"sub": None}, "it names no person"),
    ({"sub": ""}, "it names no person"),
    ({"sub": 1001}, "it has an ID that can't be read"),
    ({"sub": "x" * 256}, "it has an ID that can't be read"),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG_CLAIMS)
def test_a_token_with_wrong_claims_is_refused(
    checks: TokenChecks, clock: FakeClock, changes: dict[str, Any], expected: str
) -> None:
    is_time = {"exp", "iat", "nbf"} & changes.keys()
    moved = {
        name: seconds(clock, value) if is_time and type(value) is int else value for name, value in changes.items()
    }

    with pytest.raises(DeniedError) as caught:
        identity(checks, sign(id_claims(clock, **moved)))

    assert reason(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"kid": "two"}, "the provider has no key for its signature"),
        ({"kid": 1}, "it has a header that is not understood"),
        ({"typ": "logout+jwt"}, "it is another kind of token"),
        ({"typ": "at+jwt"}, "it is another kind of token"),
        ({"typ": 7}, "it is another kind of token"),
    ],
)
def test_a_token_with_a_wrong_header_is_refused(
    checks: TokenChecks, clock: FakeClock, header: dict[str, Any], expected: str
) -> None:
    segments = sign(id_claims(clock)).split(".")
    token = ".".join([_encoded({"alg": "ES256", "kid": "one", **header}), *segments[1:]])

    with pytest.raises(DeniedError) as caught:
        identity(checks, token)

    assert reason(caught.value) == expected


def test_a_token_that_another_key_signed_is_refused(checks: TokenChecks, clock: FakeClock) -> None:
    """With a shared secret, everyone who checks could sign; with "none", nobody needs to."""
    claims = id_claims(clock)
    shared = OctKey.import_key(f"{SECRET}{SECRET}{SECRET}")
    forged = {
        sign(claims, key=OTHER): "its signature is wrong",
        sign(claims, {"alg": "HS256"}, shared): "the algorithm of its signature is not allowed",
        f"{_encoded({'alg': 'none', 'kid': 'one'})}.{sign(claims).split('.')[1]}.": (
            "the algorithm of its signature is not allowed"
        ),
        _mixed(sign(claims), sign({**claims, "sub": "9000"})): "its signature is wrong",
        f"{_encoded({'alg': 'RS256', 'kid': 'one'})}.{sign(claims).split('.', 1)[1]}": (
            "the provider has no key for its signature"
        ),
    }
    for token, expected in forged.items():
        with pytest.raises(DeniedError) as caught:
            identity(checks, token)
        assert reason(caught.value) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "a.b", "..", "e30.e30.e30", "ı.ı.ı", "[].e30.", "W10.e30.x", "x" * 70_000, "a.b.c.d.e"]
)
def test_a_text_that_is_no_token_is_refused(checks: TokenChecks, text: str) -> None:
    """It would end on the page of a defect."""
    for check in (lambda: identity(checks, text), lambda: checks.ended(text)):
        with pytest.raises(DeniedError, match="not accepted"):
            check()


def test_a_signed_text_that_is_no_token_is_refused(checks: TokenChecks, clock: FakeClock) -> None:
    for payload in ("x", "[]", "7", json.dumps({**id_claims(clock), "padding": "x" * 70_000})):
        text = jws.serialize_compact({"alg": "ES256", "kid": "one"}, payload, KEY, ["ES256"])

        with pytest.raises(DeniedError) as caught:
            identity(checks, text)
        assert reason(caught.value) == "it is no token"


def test_an_access_token_that_is_missing_is_noticed(checks: TokenChecks, clock: FakeClock) -> None:
    with pytest.raises(DeniedError):
        identity(checks, sign(id_claims(clock)), access_token=None)


@pytest.mark.parametrize(("at", "is_refused"), [(None, True), (-61, True), (-59, False), (5, False), (True, True)])
def test_an_old_log_in_confirms_nothing(
    checks: TokenChecks, clock: FakeClock, at: int | None, is_refused: bool
) -> None:
    """A provider that ignores ``prompt=login`` would let somebody else at an open browser confirm."""
    claims = id_claims(clock, auth_time=seconds(clock, at) if type(at) is int else at)
    since = clock()

    if is_refused:
        with pytest.raises(DeniedError):
            identity(checks, sign(claims), logged_in_since=since)
    else:
        assert identity(checks, sign(claims), logged_in_since=since).subject == "1001"


def test_a_claim_counts_only_if_it_can_be_relied_on() -> None:
    def named(claim: str, **claims: Any) -> str:
        return ProviderIdentity(subject="x", session="", claims=claims).named_by(claim)

    assert named("number", number=1001) == named("number", number="1001") == "1001"
    assert named("number") == named("number", number=["1001"]) == named("number", number=True) == ""
    assert named("email", email="ab46@meb.gov.tr") == ""
    assert named("email", email="ab46@meb.gov.tr", email_verified="true") == ""
    assert named("email", email="ab46@meb.gov.tr", email_verified=True) == "ab46@meb.gov.tr"


def test_a_logout_token_names_what_has_ended(checks: TokenChecks, clock: FakeClock) -> None:
    for typ in ("logout+jwt", None, "JWT"):
        found = checks.ended(sign(logout_claims(clock), {"typ": typ} if typ else {}))

        assert found == EndedSession(
            subject="1001", session="s1", token_id="j1", usable_until=clock() + timedelta(minutes=22)
        )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"events": None}, "it is no logout token"),
        ({"events": {"other": {}}}, "it is no logout token"),
        ({"events": [EVENT]}, "it is no logout token"),
        ({"nonce": NONCE}, "a logout token must not have a nonce"),
        ({"sub": None, "sid": None}, "it names neither a person nor a session"),
        ({"jti": None}, "it has no ID of its own"),
        ({"iss": "https://other.example"}, "another provider issued it"),
        ({"aud": "another"}, "it was issued for another program"),
        ({"exp": 0}, "it has expired"),
    ],
)
def test_a_logout_token_with_wrong_claims_is_refused(
    checks: TokenChecks, clock: FakeClock, changes: dict[str, Any], expected: str
) -> None:
    """Anybody could log people out."""
    with pytest.raises(DeniedError) as caught:
        checks.ended(sign(logout_claims(clock, **changes)))

    assert reason(caught.value) == expected


def test_an_id_token_ends_no_session(checks: TokenChecks, clock: FakeClock) -> None:
    with pytest.raises(DeniedError):
        checks.ended(sign(id_claims(clock, jti="j1")))
    with pytest.raises(DeniedError):
        identity(checks, sign(logout_claims(clock)))


def _mixed(token: str, other: str) -> str:
    """Return a token with the claims of another one."""
    header, _, signature = token.split(".")
    return ".".join([header, other.split(".")[1], signature])


def _encoded(header: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
