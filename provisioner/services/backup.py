"""Backs up the store while it is in use."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import attrs

from provisioner import files
from provisioner.archive import file_sha256, is_whole, write_archive
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.events import BackupBegan, BackupMade
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model.text import Text
from provisioner.services.parts import Clock
from provisioner.store import Store
from provisioner.store.audit.chain import Head
from provisioner.store.audit.continuity import HeadFile
from provisioner.store.audit.verification import ChainFinding

__all__ = ["Backup", "Backups", "ChainFinding"]


@attrs.frozen(kw_only=True)
class Backup:
    """A backup that was written and checked."""

    file: Path
    #: When it was begun, in UTC. The copy has all that was stored before.
    at: datetime
    #: Where the audit log ends in the copy.
    head: Head
    #: The SHA-256 of the file, and its size in bytes.
    sha256: str
    size: int
    #: What is wrong with the audit log, in the store and in the copy; ``None`` if nothing is.
    finding: ChainFinding | None


@attrs.frozen(kw_only=True)
class Backups:
    """Backs up a store. No plug-in is needed.

    Args:

        store: The store.

        authority: Knows who is an administrator.

        now: The clock.
    """

    store: Store
    authority: Authority
    now: Clock

    def make(self, file: Path, *, actor: str) -> Backup:
        """Write a copy of the store, as an archive that only this user can read, while others go on writing.

        The archive has the database, the key of the marks of mobile numbers, and the file that remembers how far the
        audit log went. That file is ahead of the copy by at least one entry: a store that is restored with it shows
        that it is older than its audit log was.

        The file is there only when it is whole: the integrity of the copy and its audit log were verified, and the
        archive was read back. If the audit log is not as it was written, the file is kept all the same, but the backup
        is not recorded as made.

        Args:

            file: The file, which must not be there yet.

            actor: Who wants it.

        Raises:

            DeniedError: The actor is not an administrator.

            InputError: The file is there already, or cannot be written.

            StoreError: The store cannot be read or written, or is damaged.
        """
        self.authority.require(actor, {Role.ADMINISTRATOR})
        began_at = self.now()
        if os.path.lexists(file):
            raise _exists(file)
        try:
            with files.draft_folder(file) as folder:
                backup = self._made(file, folder, began_at, actor)
        except FileExistsError:
            raise _exists(file) from None
        except OSError as error:
            raise _problem(file, Text("it cannot be written: {reason}", {"reason": error.strerror})) from None
        if backup.finding is None:
            self.store.write(
                BackupMade(
                    at=self.now(),
                    actor=actor,
                    file=str(file),
                    began_at=began_at,
                    seq=backup.head.seq,
                    hash=backup.head.hash,
                    sha256=backup.sha256,
                    size=backup.size,
                )
            )
        return backup

    def _made(self, file: Path, folder: Path, began_at: datetime, actor: str) -> Backup:
        copy, archive = self.store.copy_to(folder), folder / "archive"
        self.store.write(
            BackupBegan(at=self.now(), actor=actor, file=str(file), seq=copy.head.seq, hash=copy.head.hash)
        )
        members = [*copy.files, self._copied_head_file(copy.head_file)]
        with files.created(archive) as stream:
            write_archive(stream, members)
        if not is_whole(archive, [member.name for member in members]):
            raise _problem(file, Text("it cannot be read back as it was written"))
        backup = Backup(
            file=file,
            at=began_at,
            head=copy.head,
            sha256=file_sha256(archive),
            size=archive.stat().st_size,
            finding=copy.finding,
        )
        files.name_once(archive, file)
        return backup

    def _copied_head_file(self, copy: Path) -> Path:
        """Write down how far the audit log went, by the file that all processes share or else by the store."""
        known = HeadFile(self.store.head_file).read() or self.store.audit_log.head() or Head()
        HeadFile(copy).write(known)
        return copy


def _exists(file: Path) -> InputError:
    return _problem(file, Text("there is such a file already, and a backup replaces none"))


def _problem(file: Path, message: Text) -> InputError:
    return InputError([Problem(file=str(file), field="file", message=message)])
