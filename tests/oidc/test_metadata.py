"""What a provider publishes is checked before it is used."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.api.errors import MisconfiguredError
from provisioner.oidc.metadata import ProviderMetadata, metadata_address

ISSUER = "https://sso.example/realms/staff"

GOOD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/certs",
}


def test_the_metadata_are_below_the_issuer() -> None:
    expected = f"{ISSUER}/.well-known/openid-configuration"

    assert metadata_address(ISSUER) == metadata_address(f"{ISSUER}/") == expected


def test_what_is_left_out_is_not_taken_for_granted() -> None:
    found = ProviderMetadata.of(GOOD, ISSUER)

    assert (found.end_session_endpoint, found.names_itself, found.tells_log_outs) == ("", False, False)
    assert not found.wants_secret_in_form


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://sso.example/realms/other"},
        {"issuer": f"{ISSUER}/"},
        {"issuer": None},
        {"token_endpoint": "http://sso.example/token"},
        {"token_endpoint": "/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": f"{ISSUER}/auth#x"},
        {"authorization_endpoint": "https://a:b@sso.example/auth"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": f"{ISSUER}/auth\r\nset-cookie: a=b"},
        {"end_session_endpoint": "http://sso.example/end"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_metadata_that_are_not_safe_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MisconfiguredError):
        ProviderMetadata.of({**GOOD, **change}, ISSUER)
