"""The settings of log-ins with OpenID Connect."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs
from attrs.validators import matches_re, min_len

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.text import visible
from provisioner.net.addresses import is_loopback, parts

#: The algorithms with which a provider may sign tokens. Each uses a key pair: with a shared secret, everyone who checks
#: a token could also make one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")


class ClaimMeaning(StrEnum):
    """What the claim contains that names a person."""

    #: The ID of the person.
    PERSON = "person"
    #: The login of an account, with or without its domain. The person is its holder.
    LOGIN = "login"


def is_usable_address(url: str) -> bool:
    """Return whether a provider may be called at an address: over TLS, or on this machine.

    Args:

        url: The address, of the configuration or of the provider's metadata.
    """
    found = parts(url)
    if found is None or not found.hostname or found.username is not None or found.fragment or not url.isprintable():
        return False
    return found.scheme == "https" or (found.scheme == "http" and is_loopback(found.hostname))


def _issuer(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not is_usable_address(value) or "?" in value:
        raise ConfigurationError(
            "{key} is not the address of an OpenID provider",
            cure="write it as in the provider's metadata, for example https://sso.example.gov.tr/realms/staff",
            key=attribute.name,
        )


def _known_algorithms(_: object, __: object, value: Iterable[str]) -> None:
    for name in value:
        if name not in ALGORITHMS:
            raise ConfigurationError(
                "{name} is no algorithm for signatures of a provider; these are: {known}",
                name=visible(name),
                known=", ".join(ALGORITHMS),
            )


def _with_openid(_: object, __: object, value: Iterable[str]) -> None:
    if "openid" not in value:
        raise ConfigurationError("the scope openid is missing", cure="add it: without it, there is no ID token")


@attrs.frozen(kw_only=True)
class OidcSettings:
    """The OpenID provider with which people log in, for ``log_in = "oidc"``."""

    #: The address of the provider, exactly as in the key ``issuer`` of its metadata.
    issuer: str = attrs.field(validator=_issuer)
    #: The ID with which the console is registered at the provider.
    client_id: str = attrs.field(validator=matches_re(r"[\x21-\x7e]{1,255}"))
    #: The secret of the registration, as a secret reference.
    client_secret: str
    #: The claim of the ID token that names the person.
    person_claim: str = attrs.field(default="sub", validator=min_len(1))
    #: What the claim contains: ``person``, the ID of the person, or ``login``, the login of an account that the person
    #: holds.
    claim_meaning: ClaimMeaning = ClaimMeaning.PERSON
    #: What the console asks the provider for. Add what the provider needs to put the claim into the ID token.
    scopes: tuple[str, ...] = attrs.field(default=("openid",), validator=_with_openid)
    #: The algorithms with which the provider may sign tokens.
    algorithms: tuple[str, ...] = attrs.field(
        default=("RS256", "PS256", "ES256"), validator=[min_len(1), _known_algorithms]
    )
    #: The certificates that are trusted for the provider, in PEM form; by default, those of the system.
    ca_file: Path | None = None
