"""The keys with which a provider signs. They are read again when they are old, and when a new one is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.governance.throttle import Throttle

#: After this time the keys are read again, so that one that the provider has withdrawn is no longer accepted.
LONGEST_USE = timedelta(hours=1)

#: How often the keys are read within a minute because of unknown ones, which anybody can name.
MOST_READS = 5

#: The bits that a key for RSA has at least, and the length of its modulus in Base64.
_SHORTEST_RSA, _SHORTEST_MODULUS = 2048, 342

SigningKey = RSAKey | ECKey


class ProviderKeys:
    """Finds the keys of a provider. Threads may share it.

    Args:

        read: Returns the document with the keys, as the provider publishes it now.

        now: The clock.
    """

    def __init__(self, read: Callable[[], Mapping[str, Any]], *, now: Callable[[], datetime]) -> None:
        self._read = read
        self._now = now
        self._lock = threading.Lock()
        self._keys: Sequence[SigningKey] = ()
        self._read_at: datetime | None = None
        self._reads = Throttle(MOST_READS, timedelta(minutes=1))

    def find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """Return the key with which a token was signed; ``None`` if the provider has no such key.

        Args:

            kid: The ID of the key in the token. Without it, the provider must have a single key for the algorithm.

            algorithm: The algorithm in the token.

        Raises:

            TargetError: The keys can't be read.
        """
        with self._lock:
            at, is_fresh = self._now(), False
            if self._read_at is None or at - self._read_at >= LONGEST_USE:
                self._refresh(at)
                is_fresh = True
            found = self._match(kid, algorithm)
            if found is None and not is_fresh and self._reads.try_at("", at):
                self._refresh(at)
                found = self._match(kid, algorithm)
            return found

    def _refresh(self, at: datetime) -> None:
        self._keys = signing_keys(self._read())
        self._read_at = at

    def _match(self, kid: str | None, algorithm: str) -> SigningKey | None:
        fitting = [key for key in self._keys if _fits(key, algorithm) and (kid is None or key.kid == kid)]
        return fitting[0] if len(fitting) == 1 else None


def signing_keys(document: Mapping[str, Any]) -> Sequence[SigningKey]:
    """Return the keys in a document that can be used for signatures. Others are left out, as RFC 7517 §5 asks.

    Raises:

        MisconfiguredError: There is none.
    """
    listed = document.get("keys")
    found = [key for entry in (listed if isinstance(listed, list) else ()) if (key := _key(entry))]
    if not found:
        raise MisconfiguredError(
            "the provider publishes no key with which it could sign",
            cure="correct it in the provider's own settings: RSA with at least 2048 bits, or an elliptic curve",
        )
    return found


def _key(given: object) -> SigningKey | None:
    if not isinstance(given, dict) or given.get("use", "sig") != "sig" or given.get("kty") not in {"RSA", "EC"}:
        return None
    if given["kty"] == "RSA" and len(str(given.get("n", ""))) < _SHORTEST_MODULUS:
        return None  # the library would warn of it on stderr
    try:
        key = JWKRegistry.import_key({name: value for name, value in given.items() if name != "key_ops"})
        if isinstance(key, RSAKey) and key.public_key.key_size >= _SHORTEST_RSA:
            return key
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, ECKey) else None


def _fits(key: SigningKey, algorithm: str) -> bool:
    """Whether a key can be used with an algorithm, which the header of a token names."""
    if key.get("alg") not in {None, algorithm}:
        return False
    if isinstance(key, RSAKey):
        return algorithm[:2] in {"RS", "PS"}
    return algorithm == _OF_CURVE.get(str(key.get("crv")))


_OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
