"""What an OpenID provider publishes about itself (OpenID Connect Discovery 1.0), checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs

from provisioner.config.oidc import is_usable_address
from provisioner.core.api.errors import MisconfiguredError

_PATH = "/.well-known/openid-configuration"


def metadata_address(issuer: str) -> str:
    """Return where a provider publishes its metadata.

    Args:

        issuer: The address of the provider.
    """
    return f"{issuer.removesuffix('/')}{_PATH}"


@attrs.frozen(kw_only=True)
class ProviderMetadata:
    """The part of a provider's metadata that the console uses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    #: Where people log out at the provider; empty if they can't.
    end_session_endpoint: str = ""
    #: Whether its answers at the log-in always name it (RFC 9207).
    names_itself: bool = False
    #: Whether the secret of the console goes into the form, because the provider accepts it nowhere else.
    wants_secret_in_form: bool = False
    #: Whether it says that it calls the console when people log out there.
    tells_log_outs: bool = False
    #: The algorithms with which it signs ID tokens, as far as it says.
    algorithms: Sequence[str] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any], issuer: str) -> Self:
        """Return the metadata in a document.

        Args:

            document: The document.

            issuer: The provider whose metadata are expected.

        Raises:

            MisconfiguredError: They are those of another provider, or an address is missing or not secure.
        """
        if document.get("issuer") != issuer:
            raise MisconfiguredError(
                "the provider at {issuer} names another issuer in its metadata",
                cure="copy the value of 'issuer' from {address} into console.oidc.issuer",
                issuer=issuer,
                address=metadata_address(issuer),
            )
        methods = _texts(document, "token_endpoint_auth_methods_supported")
        _require_pkce(document, issuer)
        return cls(
            issuer=issuer,
            authorization_endpoint=_address(document, "authorization_endpoint", issuer),
            token_endpoint=_address(document, "token_endpoint", issuer),
            jwks_uri=_address(document, "jwks_uri", issuer),
            end_session_endpoint=_address(document, "end_session_endpoint", issuer)
            if "end_session_endpoint" in document
            else "",
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            wants_secret_in_form="client_secret_post" in methods and "client_secret_basic" not in methods,
            tells_log_outs=document.get("backchannel_logout_supported") is True,
            algorithms=_texts(document, "id_token_signing_alg_values_supported"),
        )


def _address(document: Mapping[str, Any], key: str, issuer: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not is_usable_address(value):
        raise MisconfiguredError(
            "{key} in the metadata of the provider {issuer} is missing, or is no address with https",
            cure="correct it in the provider's own settings",
            key=key,
            issuer=issuer,
        )
    return value


def _require_pkce(document: Mapping[str, Any], issuer: str) -> None:
    """Check that the provider doesn't rule out PKCE with SHA-256. Many have it and don't say so."""
    methods = _texts(document, "code_challenge_methods_supported")
    if methods and "S256" not in methods:
        raise MisconfiguredError(
            "the provider {issuer} doesn't support PKCE with S256",
            cure="turn it on in the provider's own settings",
            issuer=issuer,
        )


def _texts(document: Mapping[str, Any], key: str) -> Sequence[str]:
    value = document.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
