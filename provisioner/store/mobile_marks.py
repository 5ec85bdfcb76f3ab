"""Marks of mobile numbers: the same number has the same mark, and the number cannot be found by its mark.

There are so few numbers that a hash that everybody can compute can be tried on all of them in minutes, and an import
has too many numbers for a hash that is slow on purpose. So a mark is an HMAC. Its key is kept in a file beside the
store and not in the store: exports of the audit log and copies of the database do not have it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from provisioner import files
from provisioner.core.api.errors import StoreError

#: How many bytes a key has.
_KEY_BYTES = 32

#: How many hexadecimal digits name the key in a mark, and how many follow for the number.
_KEY_DIGITS, _MARK_DIGITS = 8, 32


class MobileMarks:
    """Makes marks with the key in one file. The file is made when the first mark is asked for.

    Args:

        file: Where the key is.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        # The key is read once, so that all marks of a process are of one key.
        self._key = lru_cache(maxsize=1)(self._read_or_make)

    def __call__(self, mobile: str | None) -> str | None:
        """Return the mark of a number; ``None`` for none.

        A mark begins with the name of its key: marks of different keys cannot be compared.

        Raises:

            StoreError: The key cannot be read or made.
        """
        if not mobile:
            return None
        key, name = self._key()
        return f"{name}:{hmac.digest(key, mobile.encode(), 'sha256').hex()[:_MARK_DIGITS]}"

    def _read_or_make(self) -> tuple[bytes, str]:
        """Return the key and its name."""
        try:
            files.expect_own_link(self._file)
            if not self._file.exists():
                files.write_once(self._file, f"{secrets.token_hex(_KEY_BYTES)}\n")
            text = self._file.read_bytes()
        except OSError as error:
            raise StoreError(
                "the key file {file} cannot be read or created: {reason}",
                cure="give this user read access to the file and write access to its folder",
                file=self._file,
                reason=error.strerror,
            ) from None
        with suppress(ValueError):
            key = bytes.fromhex(text.strip().decode())
            if len(key) == _KEY_BYTES:
                return key, hashlib.sha256(key).hexdigest()[:_KEY_DIGITS]
        raise StoreError(
            "the key file {file} is damaged",
            cure="restore it from a copy, or move it; new marks can then not be compared with earlier ones",
            file=self._file,
        )
