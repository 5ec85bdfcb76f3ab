"""Where secrets are kept that the product can replace: files, and the system's key ring.

For a while, a store has two secrets: the current one, and the pending one that is to replace it. Whatever ends the
program, one of the two is what the system has that they are for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import attrs

from provisioner import files
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text

#: What the name of a file, or of a user in the key ring, ends with where the pending secret is.
PENDING = ".pending"


class SecretStore(Protocol):
    """Keeps one secret, and the one that is to replace it."""

    def current(self) -> Secret | None:
        """Return the secret; ``None`` if there is none.

        Raises:

            ConfigurationError: It cannot be read.
        """

    def pending(self) -> Secret | None:
        """Return the secret that is to replace it, unless it has replaced it already.

        Raises:

            ConfigurationError: It cannot be read.
        """

    def expect_replaceable(self) -> None:
        """Check, as far as can be seen, that the secret can be replaced.

        Raises:

            ConfigurationError: It cannot.
        """

    def propose(self, secret: Secret) -> None:
        """Keep a secret as the pending one, durably. A former pending one is lost.

        Raises:

            ConfigurationError: It cannot be stored. Nothing was changed.
        """

    def adopt(self) -> None:
        """Make the pending secret the current one. If there is none, this was done already.

        Raises:

            ConfigurationError: It cannot be stored. Both are still there.
        """


def store_of(reference: str, folder: Path) -> SecretStore | None:
    """Return the store to which a reference of the configuration leads; ``None`` if the product can't change it.

    Args:

        reference: The reference.

        folder: Where a relative path starts.
    """
    scheme, _, place = reference.partition(":")
    if scheme == "file":
        return SecretFile((folder / place).resolve())
    return KeyRingEntry(*place.partition("/")[::2]) if scheme == "keyring" else None


def valid_now(reference: str, folder: Path) -> Iterator[Secret]:
    """Yield the pending and the current secret to which a reference leads, as far as they can be read.

    The current one is read last: it is the one that was pending if another process has just replaced it.
    """
    if store := store_of(reference, folder):
        for read in (store.pending, store.current):
            with suppress(ConfigurationError):
                yield from filter(None, [read()])


@attrs.frozen
class SecretFile:
    """The first line of a file. The pending secret is in a file beside it."""

    _path: Path

    def current(self) -> Secret | None:
        """Return the first line."""
        return _first_line(self._path)

    def pending(self) -> Secret | None:
        """Return the first line of the file beside it, if there is one."""
        return _first_line(self._beside) if self._beside.exists() else None

    def expect_replaceable(self) -> None:
        """Check who owns the file, who may read it, and that files can be made beside it."""
        status = self._path.stat()
        if stat.S_IMODE(status.st_mode) & stat.S_IRWXO:
            raise ConfigurationError(
                "everybody can read the file {path} with a secret", cure="run: chmod 600 {path}", path=self._path
            )
        if os.geteuid() not in {status.st_uid, 0} or not os.access(self._path.parent, os.W_OK):
            raise ConfigurationError(
                "the file {path} with a secret cannot be replaced by this user",
                cure="run the command as the owner of the file, and give that user write access to its folder",
                path=self._path,
            )

    def propose(self, secret: Secret) -> None:
        """Write it into the file beside it, with what else is in the current one."""
        try:
            _, *rest = self._path.read_text(encoding="utf-8").lstrip().splitlines(keepends=True) or [""]
            files.replace_durably(self._beside, "".join([secret.reveal(), "\n", *rest]), like=self._path)
        except OSError as error:
            raise self._unwritten(error) from None

    def adopt(self) -> None:
        """Move the file beside it into its place."""
        if not self._beside.exists():
            return
        try:
            files.move_durably(self._beside, self._path)
        except OSError as error:
            raise self._unwritten(error) from None

    @property
    def _beside(self) -> Path:
        return self._path.with_name(self._path.name + PENDING)

    def _unwritten(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            "the file {path} with a secret cannot be written: {error}",
            cure="give this user write access to the folder of the file",
            path=self._path,
            error=error.strerror,
        )


@attrs.frozen
class KeyRingEntry:
    """An entry of the system's key ring. The pending secret is another entry of the same service."""

    _service: str
    _user: str

    def current(self) -> Secret | None:
        """Return what the entry has."""
        return self._read(self._user)

    def pending(self) -> Secret | None:
        """Return what the other entry has, unless both have the same."""
        current, pending = self.current(), self._read(self._user + PENDING)
        return None if pending is None or (current and current.matches(pending)) else pending

    def expect_replaceable(self) -> None:
        """Check nothing: a key ring that can be read can be written."""

    def propose(self, secret: Secret) -> None:
        """Write it into the other entry."""
        self._call("set_password", self._user + PENDING, secret.reveal())

    def adopt(self) -> None:
        """Copy the other entry, and remove it."""
        if pending := self._read(self._user + PENDING):
            self._call("set_password", self._user, pending.reveal())
            self._call("delete_password", self._user + PENDING)

    def _read(self, user: str) -> Secret | None:
        found = self._call("get_password", user)
        return Secret(found) if found else None

    def _call(self, function: str, *arguments: str) -> Any:
        try:
            import keyring
        except ImportError:
            raise ConfigurationError(
                "the key ring needs the keyring library", cure="pip install 'unit-provisioner[keyring]'"
            ) from None
        try:
            return getattr(keyring, function)(self._service, *arguments)
        except Exception as error:
            raise ConfigurationError(
                "the key ring cannot be used: {error}",
                cure="check that the key ring of this user is unlocked",
                error=type(error).__name__,
            ) from None


def _first_line(path: Path) -> Secret | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "the file {path} with a secret cannot be read: {error}",
            cure="write the secret into its first line, and give this user read access",
            path=path,
            error=error.strerror if isinstance(error, OSError) else Text("it is not UTF-8 text"),
        ) from None
    return Secret(text.splitlines()[0].strip()) if text else None
