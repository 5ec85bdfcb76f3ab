"""A provider of tests that says what a test wants it to say, also what no provider may say."""

from __future__ import annotations

import hashlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, unquote_plus, urlencode, urlsplit

import attrs
from joserfc import jwt
from joserfc.jwk import ECKey

from provisioner.net.http_service import HttpAnswer, HttpCall, HttpService

CLIENT_ID, SECRET = "konsol", "gizli+secret/%7"

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def new_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def hash_of(access_token: str) -> str:
    digest = hashlib.sha256(access_token.encode()).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


@attrs.define(eq=False)
class Issuer:
    """Answers like a provider, over HTTP."""

    now: Callable[[], datetime]
    key: ECKey = attrs.field(factory=lambda: new_key("one"))
    #: The keys that it publishes; by default, the one with which it signs.
    published: list[ECKey] = attrs.field(factory=list)
    #: What it says instead of what is right.
    claims: dict[str, Any] = attrs.field(factory=dict)
    header: dict[str, Any] = attrs.field(factory=dict)
    metadata: dict[str, Any] = attrs.field(factory=dict)
    answers: dict[str, HttpAnswer] = attrs.field(factory=dict)
    #: The forms that its token endpoint got, and the paths that were asked for.
    forms: list[Mapping[str, str]] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    _grants: dict[str, Mapping[str, str]] = attrs.field(factory=dict)
    _service: HttpService | None = None

    def start(self) -> None:
        self._service = HttpService.start(self._answer, name="issuer")

    def stop(self) -> None:
        assert self._service
        self._service.stop()

    @property
    def url(self) -> str:
        assert self._service
        return self._service.url

    def log_in(self, location: str, subject: str, **claims: Any) -> str:
        """Let a person log in who was sent here, and return the query with which the person goes back."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = f"code-{len(self._grants)}"
        self._grants[code] = {**asked, "sub": subject}
        self.claims |= claims
        return urlencode({"code": code, "state": asked["state"], "iss": self.url})

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        given = {"alg": "ES256", "kid": self.key.kid, **header}
        return jwt.encode({name: one for name, one in given.items() if one is not None}, dict(claims), self.key)

    def logout_token(self, **claims: Any) -> str:
        at = int(self.now().timestamp())
        given = {"iss": self.url, "aud": CLIENT_ID, "iat": at, "exp": at + 120, "jti": "j1", "events": {EVENT: {}}}
        found = {name: one for name, one in {**given, **claims}.items() if one is not None}
        return self.sign(found, typ="logout+jwt")

    def _answer(self, call: HttpCall) -> HttpAnswer:
        self.asked.append(call.path)
        if call.path in self.answers:
            return self.answers[call.path]
        match call.path:
            case "/.well-known/openid-configuration":
                return HttpAnswer.of_document(self._metadata())
            case "/jwks":
                keys = self.published or [self.key]
                return HttpAnswer.of_document({"keys": [key.as_dict(private=False) for key in keys]})
            case "/token":
                return self._token(call)
            case _:
                return HttpAnswer(status=404)

    def _metadata(self) -> Mapping[str, Any]:
        names = {
            "authorization_endpoint": "authorize?realm=staff",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "end_session_endpoint": "end",
        }
        return {
            "issuer": self.url,
            **{name: f"{self.url}/{path}" for name, path in names.items()},
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "code_challenge_methods_supported": ["S256"],
            **self.metadata,
        }

    def _token(self, call: HttpCall) -> HttpAnswer:
        form = {name: value for name, [value] in parse_qs(call.body.decode()).items()}
        self.forms.append(form)
        _, _, pair = call.headers.get("authorization", "").partition(" ")
        given = b64decode(pair).decode().split(":") if pair else [form["client_id"], quote_plus(form["client_secret"])]
        grant = self._grants.pop(form["code"], None)
        challenge = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if [unquote_plus(one) for one in given] != [CLIENT_ID, SECRET]:
            return HttpAnswer.of_document({"error": "invalid_client"}, status=401)
        if grant is None or grant["code_challenge"] != challenge or grant["redirect_uri"] != form["redirect_uri"]:
            return HttpAnswer.of_document({"error": "invalid_grant"}, status=400)
        at = int(self.now().timestamp())
        claims: dict[str, Any] = {"iss": self.url, "aud": CLIENT_ID, "iat": at, "exp": at + 300, "sub": grant["sub"]}
        claims |= {"nonce": grant["nonce"], "at_hash": hash_of("access"), "sid": "s1"}
        if "max_age" in grant:
            claims["auth_time"] = at
        claims |= self.claims
        token = self.sign({name: one for name, one in claims.items() if one is not None}, **self.header)
        return HttpAnswer.of_document({"access_token": "access", "token_type": "Bearer", "id_token": token})
