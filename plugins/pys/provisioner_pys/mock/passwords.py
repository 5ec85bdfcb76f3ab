"""Passwords, hashed cheaply: this is a mock, and a harness sets thousands of them.

A real service would need thousands of times the rounds.
"""

from __future__ import annotations

from passlib.hash import pbkdf2_sha256

from provisioner.core.model.secret import Secret
from provisioner_pys.mock.problems import MockProblem

SHORTEST, LONGEST = 8, 128

_hasher = pbkdf2_sha256.using(rounds=100)


def hash_password(password: Secret) -> str:
    """Return what is kept of *password*.

    Raises:

        MockProblem: It is no good password.
    """
    value = password.reveal()
    if not _is_good(value):
        raise MockProblem("password_refused", f"a password has {SHORTEST} to {LONGEST} printable characters")
    hashed: str = _hasher.hash(value)
    return hashed


def fits(password: Secret, hashed: str) -> bool:
    """Return whether *hashed* was made of *password*."""
    value = password.reveal()
    return _is_good(value) and bool(_hasher.verify(value, hashed))


def _is_good(value: str) -> bool:
    """Return whether this can be a password. The hash would take one with NULs behind it for the one without."""
    return SHORTEST <= len(value) <= LONGEST and value.isprintable()
