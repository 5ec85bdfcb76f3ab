"""Checks the OpenID provider with which people log in to the console."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from provisioner.config.load import LoadedConfiguration
from provisioner.config.oidc import OidcSettings
from provisioner.core.api.errors import ConfigurationError, ProvisionerError
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, problem, warning

_NAME = "console.oidc"


def check_provider(config: LoadedConfiguration) -> Iterator[CheckResult]:
    """Check that people can log in at the provider, as far as that can be known without a person."""
    console = config.content.console
    if console.log_in is not LogInWay.OIDC or console.oidc is None:
        return
    try:
        config.client_secret(console.oidc)
        _require_library()
        yield from _published(console.oidc)
    except ProvisionerError as error:
        yield problem(_NAME, error)
    if not console.url:
        message = Text("console.url is missing, so the provider can't send people back over TLS")
        yield warning(_NAME, message, Text("write the address that people use into console.url"))


def _published(settings: OidcSettings) -> Iterator[CheckResult]:
    """Check what the provider publishes.

    Raises:

        TargetError: It can't be read, or can't be used.
    """
    from provisioner.net.http import HttpClient
    from provisioner.oidc.documents import LONGEST_ANSWER, TIMEOUT, ProviderHttp
    from provisioner.oidc.keys import signing_keys
    from provisioner.oidc.metadata import ProviderMetadata, metadata_address

    client = HttpClient.open(timeout=TIMEOUT, ca_file=settings.ca_file, longest_body=LONGEST_ANSWER)
    http = ProviderHttp(issuer=settings.issuer, client=client)
    try:
        document = http.document(metadata_address(settings.issuer))
        metadata = ProviderMetadata.of(document, settings.issuer)
        keys = signing_keys(http.document(metadata.jwks_uri))
    finally:
        client.close()
    if metadata.algorithms and not set(metadata.algorithms) & set(settings.algorithms):
        raise ConfigurationError(
            "the provider {issuer} signs with {known}, and none of them is in console.oidc.algorithms",
            cure="add one of them, unless the provider can sign with {accepted}",
            issuer=settings.issuer,
            known=", ".join(metadata.algorithms),
            accepted=", ".join(settings.algorithms),
        )
    count = Text.counted("{count} key", "{count} keys", count=len(keys))
    yield CheckResult(name=_NAME, message=Text("{issuer}, {keys}", {"issuer": settings.issuer, "keys": count}))
    if not metadata.end_session_endpoint or not metadata.tells_log_outs:
        message = Text("the provider doesn't end the other sessions of a person who logs out")
        cure = Text("turn on RP-initiated and back-channel log-out there, if it has them")
        yield warning(_NAME, message, cure)


def _require_library() -> None:
    if find_spec("joserfc") is None:
        raise ConfigurationError(
            "the console needs {libraries}", cure="run 'pip install unit-provisioner[console]'", libraries="joserfc"
        )
