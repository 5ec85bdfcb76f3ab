"""The folder in which encrypted letters wait for the person or the printer that can open them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from urllib.parse import quote

import attrs

from provisioner import files, require_lease
from provisioner.core.api.errors import UnavailableError, UnknownOutcomeError
from provisioner.core.model.text import Text

#: What is left of a letter whose writing was interrupted.
_DRAFT = re.compile(r"\..+\.pdf\.(age|p7m)\.[0-9a-f]{16}")

#: After how many seconds no process writes a draft any more.
_ABANDONED = 3600


@attrs.frozen
class Outbox:
    """The encrypted letters of one channel, named by the IDs of their messages."""

    folder: Path

    def expect_usable(self) -> None:
        """Check that letters can be written.

        The folder is not made: it may be one of another machine that is not mounted now.

        Raises:

            UnavailableError: They can't.
        """
        if not (self.folder.is_dir() and os.access(self.folder, os.R_OK | os.W_OK | os.X_OK)):
            raise UnavailableError(
                "letters can't be written into {folder}",
                cure="make the folder, or mount it, and let the user of the program write to it",
                folder=self.folder,
            )

    def put(self, delivery_id: str, suffix: str, content: bytes) -> None:
        """Write a letter, and return when it is on the disk. One with this ID is replaced: it is an earlier attempt.

        Raises:

            UnavailableError: Nothing was written.

            UnknownOutcomeError: It is there, and may be lost in a power failure.

            LeaseLostError: Another process may hold the account.
        """
        self.expect_usable()
        self._remove_drafts()
        file = self.folder / f"{_stem(delivery_id)}.{suffix}"
        require_lease()
        try:
            files.write_durably(file, content)
        except OSError as error:
            kind = UnknownOutcomeError if file.exists() else UnavailableError
            values = {"folder": self.folder, "reason": error.strerror}
            raise kind(Text("the letter can't be written into {folder}: {reason}", values)) from None

    def holds(self, delivery_id: str) -> bool:
        """Whether a letter is there."""
        return bool(self._found(delivery_id))

    def remove(self, delivery_id: str) -> None:
        """Remove a letter, if it is there.

        Raises:

            UnavailableError: It can't be removed.
        """
        for file in self._found(delivery_id):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise UnavailableError(
                    "the letter {file} can't be removed: {reason}",
                    cure="run the command again, or remove the file",
                    file=file,
                    reason=error.strerror,
                ) from None

    def _found(self, delivery_id: str) -> list[Path]:
        candidates = (self.folder / f"{_stem(delivery_id)}.{suffix}" for suffix in ("age", "p7m"))
        return [file for file in candidates if file.exists()]

    def _remove_drafts(self) -> None:
        """Remove what killed processes have left. It is encrypted, and nobody will use it."""
        for file in self.folder.iterdir():
            if _DRAFT.fullmatch(file.name) and file.stat().st_mtime < time.time() - _ABANDONED:
                file.unlink(missing_ok=True)


def _stem(delivery_id: str) -> str:
    return f"{quote(delivery_id, safe='')}.pdf"
