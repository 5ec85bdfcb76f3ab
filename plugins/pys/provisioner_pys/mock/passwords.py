"""Passwords, hashed cheaply: this is a mock, and a harness sets thousands of them.

A real service would need thousands of times the rounds.
"""

from __future__ import annotations

from passlib.hash import pbkdf2_sha256

from provisioner.core.secret import Secret
from provisioner_pys.mock.problems import Problem

SHORTEST, LONGEST = 8, 128

_hasher = pbkdf2_sha256.using(rounds=100)


def hash_password(password: Secret) -> str:
    """Return what is kept of *password*.

    Raises:

        Problem: It is no good password.
    """
    value = password.reveal()
    if not SHORTEST <= len(value) <= LONGEST or not value.isprintable():
        raise Problem("password_refused", f"a password has {SHORTEST} to {LONGEST} printable characters")
    hashed: str = _hasher.hash(value)
    return hashed


def fits(password: Secret, hashed: str) -> bool:
    """Return whether *hashed* was made of *password*."""
    return bool(_hasher.verify(password.reveal(), hashed))
