"""Hashes that Dovecot verifies."""

from __future__ import annotations

import secrets

from provisioner.core.api.errors import SecretRefusedError
from provisioner.core.model.secret import Secret
from provisioner_dovecot.settings import Scheme

#: As many as Dovecot itself takes. What the product makes cannot be guessed, so more would slow the server down only.
ROUNDS = 5000

#: The longest password that fits into Dovecot's log-in, and some room.
LONGEST = 500


def is_usable(secret: Secret) -> bool:
    """Return whether a log-in can carry this password: NUL and line ends cut it, and there is a longest one."""
    return secret.reveal().isprintable() and len(secret.reveal().encode()) <= LONGEST


def hashed(secret: Secret, scheme: Scheme) -> str:
    """Return a salted hash, with the scheme before it.

    Raises:

        SecretRefusedError: No log-in could carry the password.
    """
    # Not through passlib.hash: threads that first ask it at the same time get an ImportError.
    from passlib.handlers.ldap_digests import ldap_salted_sha512
    from passlib.handlers.sha2_crypt import sha512_crypt

    if not is_usable(secret):
        raise SecretRefusedError("no log-in can send this password")
    if scheme is Scheme.SSHA512:
        return str(ldap_salted_sha512.hash(secret.reveal()))
    return f"{{SHA512-CRYPT}}{sha512_crypt.using(rounds=ROUNDS).hash(secret.reveal())}"


def nobodys(scheme: Scheme) -> str:
    """Return the hash of a password that nobody knows."""
    return hashed(Secret(secrets.token_urlsafe()), scheme)
