"""Which keys of a provider are used, and how often they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from provisioner.core.api.errors import MisconfiguredError
from provisioner.oidc.keys import LONGEST_USE, MOST_READS, ProviderKeys, signing_keys
from provisioner.testing.clock import FakeClock
from tests.oidc.issuer import new_key

ONE, TWO = new_key("one"), new_key("two")


class Source:
    """Counts how often it is read."""

    def __init__(self, *keys: ECKey) -> None:
        self.keys, self.reads = list(keys), 0

    def __call__(self) -> dict[str, Any]:
        self.reads += 1
        return {"keys": [key.as_dict(private=False) for key in self.keys]}


def test_a_new_key_is_found_at_once_and_a_withdrawn_one_is_forgotten(clock: FakeClock) -> None:
    source = Source(ONE)
    keys = ProviderKeys(source, now=clock)

    assert keys.find("one", "ES256")
    source.keys = [TWO]
    assert keys.find("two", "ES256")
    assert keys.find("one", "ES256") is None
    source.keys = [ONE]
    clock.advance(LONGEST_USE)
    assert keys.find("two", "ES256") is None


def test_a_withdrawn_key_is_forgotten_after_an_hour(clock: FakeClock) -> None:
    """Nobody would ask for a new one, so the stolen one would stay valid as long as the program runs."""
    source = Source(ONE, TWO)
    keys = ProviderKeys(source, now=clock)
    assert keys.find("one", "ES256")
    source.keys = [TWO]

    clock.advance(LONGEST_USE)

    assert keys.find("one", "ES256") is None


def test_unknown_keys_are_not_looked_for_without_end(clock: FakeClock) -> None:
    """Everyone who can send a token could make the console call the provider as often."""
    source = Source(ONE)
    keys = ProviderKeys(source, now=clock)

    assert [keys.find(f"k{number}", "ES256") for number in range(50)] == [None] * 50
    assert source.reads == 1 + MOST_READS
    assert keys.find("one", "ES256")
    clock.advance(timedelta(minutes=1))
    keys.find("unknown", "ES256")
    assert source.reads == 2 + MOST_READS


def test_a_token_without_a_key_id_needs_a_single_key(clock: FakeClock) -> None:
    assert ProviderKeys(Source(ONE), now=clock).find(None, "ES256")
    assert ProviderKeys(Source(ONE, TWO), now=clock).find(None, "ES256") is None


def test_keys_that_are_not_for_signatures_are_left_out() -> None:
    good = ONE.as_dict(private=False)
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False)
    others: list[object] = [
        {**good, "use": "enc"},
        {"kty": "unknown"},
        {"kty": "EC", "crv": "P-256"},
        OctKey.import_key("x" * 40).as_dict(private=True),
        short,
        "no key",
    ]

    assert [key.kid for key in signing_keys({"keys": [*others, good]})] == ["one"]
    documents: list[dict[str, Any]] = [{"keys": others}, {"keys": []}, {}, {"keys": "x"}]
    for document in documents:
        with pytest.raises(MisconfiguredError):
            signing_keys(document)


def test_a_key_fits_only_its_own_algorithm(clock: FakeClock) -> None:
    rsa = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256"})
    keys = ProviderKeys(lambda: {"keys": [rsa.as_dict(private=False), ONE.as_dict(private=False)]}, now=clock)

    found = {
        name: keys.find(kid, name) is not None for kid, name in (("rsa", "RS256"), ("rsa", "PS256"), ("one", "ES384"))
    }
    assert found == {"RS256": True, "PS256": False, "ES384": False}
