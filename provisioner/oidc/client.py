"""The console as a client of an OpenID provider: where it sends browsers, and what it makes of the answers."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import quote_plus, urlencode

import attrs

from provisioner.config.oidc import OidcSettings
from provisioner.core.api.errors import TargetError
from provisioner.core.api.logs import Logger
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner.net.http import HttpClient
from provisioner.oidc.documents import LONGEST_ANSWER, TIMEOUT, ProviderHttp
from provisioner.oidc.keys import ProviderKeys
from provisioner.oidc.metadata import ProviderMetadata, metadata_address
from provisioner.oidc.tokens import EndedSession, ProviderIdentity, TokenChecks, refused

log = Logger(__name__)

#: After this time, the metadata are read again. If that fails, it is tried again after the other time.
_LONGEST_USE, _NEXT_TRY = timedelta(days=1), timedelta(minutes=5)


@attrs.frozen(kw_only=True)
class Challenge:
    """What the console keeps of one log-in while the person is at the provider.

    Each value is made for this log-in alone.
    """

    #: Comes back with the person.
    state: str = attrs.field(repr=False)
    #: Comes back in the ID token.
    nonce: str = attrs.field(repr=False)
    #: Shows that the code is used by the one who asked for it.
    verifier: str = attrs.field(repr=False)
    #: When it began, in UTC.
    began_at: datetime
    #: Whether the person has to give the password again, even if logged in at the provider.
    again: bool


class OidcClient:
    """Talks with one provider. Threads may share it.

    Args:

        settings: The provider.

        secret: The secret of the console there.

        redirect_uri: The address to which the provider sends people back.

        http: Calls the provider.

        now: The clock.
    """

    def __init__(
        self,
        settings: OidcSettings,
        secret: Secret,
        *,
        redirect_uri: str,
        http: ProviderHttp,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._http = http
        self._now = now
        self._lock = threading.Lock()
        self._known: ProviderMetadata | None = None
        self._read_again_at = now()
        keys = ProviderKeys(lambda: http.document(self.metadata().jwks_uri), now=now)
        self._checks = TokenChecks(
            issuer=settings.issuer,
            client_id=settings.client_id,
            algorithms=settings.algorithms,
            keys=keys,
            now=now,
        )

    @classmethod
    def open(cls, settings: OidcSettings, secret: Secret, *, redirect_uri: str, now: Callable[[], datetime]) -> Self:
        """Return a client. Nothing is sent yet.

        Args:

            settings: The provider.

            secret: The secret of the console there.

            redirect_uri: The address to which the provider sends people back.

            now: The clock.

        Raises:

            MisconfiguredError: The certificates can't be read.
        """
        client = HttpClient.open(timeout=TIMEOUT, ca_file=settings.ca_file, longest_body=LONGEST_ANSWER)
        http = ProviderHttp(issuer=settings.issuer, client=client)
        return cls(settings, secret, redirect_uri=redirect_uri, http=http, now=now)

    def metadata(self) -> ProviderMetadata:
        """Return the metadata of the provider, which are read once a day.

        Raises:

            TargetError: They can't be read, or can't be used.
        """
        with self._lock:
            at = self._now()
            if self._known is None or at >= self._read_again_at:
                self._known = self._read(at)
            return self._known

    def address_for(self, challenge: Challenge) -> str:
        """Return where to send a browser so that the person logs in.

        Args:

            challenge: What is kept of the log-in.

        Raises:

            TargetError: The metadata of the provider can't be read.
        """
        fields = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": challenge.state,
            "nonce": challenge.nonce,
            "code_challenge": _unpadded(hashlib.sha256(challenge.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if challenge.again:
            fields |= {"prompt": "login", "max_age": "0"}
        return _with_query(self.metadata().authorization_endpoint, fields)

    def require_provider(self, answer: Mapping[str, str]) -> None:
        """Check that the answer to a log-in is that of the provider, and not of another one (RFC 9207).

        Args:

            answer: The fields with which the browser came back.

        Raises:

            DeniedError: It is another one's.

            TargetError: The metadata of the provider can't be read.
        """
        issuer = answer.get("iss")
        if issuer != self._settings.issuer and (issuer is not None or self.metadata().names_itself):
            raise refused(Text("another provider issued it"))

    def identity(self, code: Secret, challenge: Challenge) -> ProviderIdentity:
        """Exchange a code for who has logged in.

        Args:

            code: The code with which the browser came back.

            challenge: What was kept of the log-in.

        Raises:

            DeniedError: The token of the provider is not accepted.

            TargetError: The provider doesn't answer, or refuses the code.
        """
        metadata = self.metadata()
        fields = {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "redirect_uri": self._redirect_uri,
            "code_verifier": challenge.verifier,
        }
        headers: Mapping[str, str | Secret] = {}
        if metadata.wants_secret_in_form:
            fields |= {"client_id": self._settings.client_id, "client_secret": self._secret.reveal()}
        else:
            headers = {"authorization": self._basic()}
        answer = self._http.exchange(metadata.token_endpoint, Secret.around(urlencode(fields)), headers)
        token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise refused(Text("there is no ID token in it"))
        return self._checks.identity(
            token,
            nonce=challenge.nonce,
            access_token=access_token if isinstance(access_token, str) else None,
            logged_in_since=challenge.began_at if challenge.again else None,
        )

    def ended(self, token: str) -> EndedSession:
        """Return what has ended at the provider, according to a logout token; see :meth:`TokenChecks.ended`."""
        return self._checks.ended(token)

    def log_out_address(self, back_to: str) -> str:
        """Return where a person logs out at the provider; an empty text if there is no such place.

        The console keeps no ID token, so the address has none: it names the console instead.

        Args:

            back_to: Where the provider leads the person afterwards.

        Raises:

            TargetError: The metadata of the provider can't be read.
        """
        endpoint = self.metadata().end_session_endpoint
        fields = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back_to}
        return _with_query(endpoint, fields) if endpoint else ""

    def close(self) -> None:
        """Close the connections. No request may be under way."""
        self._http.close()

    def _read(self, at: datetime) -> ProviderMetadata:
        issuer = self._settings.issuer
        try:
            found = ProviderMetadata.of(self._http.document(metadata_address(issuer)), issuer)
        except TargetError as error:
            if self._known is None:
                raise
            log.warning("provider_metadata_not_read", issuer=issuer, error=type(error).__name__)
            self._read_again_at = at + _NEXT_TRY
            return self._known
        self._read_again_at = at + _LONGEST_USE
        return found

    def _basic(self) -> Secret:
        """Return the header that authenticates the console (RFC 6749 §2.3.1)."""
        pair = f"{quote_plus(self._settings.client_id)}:{quote_plus(self._secret.reveal())}"
        return Secret.around(f"Basic {b64encode(pair.encode()).decode()}")


def _with_query(address: str, fields: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"


def _unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
