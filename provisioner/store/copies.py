"""Copies a store while others write to it, and checks the copy."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import attrs

from provisioner import files
from provisioner.core.api.errors import StoreError
from provisioner.store.audit.chain import Head
from provisioner.store.audit.reader import AuditLogReader
from provisioner.store.audit.verification import ChainFinding
from provisioner.store.db.database import Database


@attrs.frozen(kw_only=True)
class StoreCopy:
    """A copy of a store, whose files have the names that they need to be a store again."""

    #: The database, a file of SQLite, and the key of the marks of mobile numbers if there is one.
    files: tuple[Path, ...]
    #: Where the copy has to have the file that remembers how far the audit log went. It is not made.
    head_file: Path
    #: Where the copy's audit log ends.
    head: Head
    #: What is wrong with the audit log; ``None`` if nothing is.
    finding: ChainFinding | None


def copy_store(database: Database, folder: Path) -> StoreCopy:
    """Copy a store into an empty folder, and check the copy; see :meth:`Store.copy_to`.

    Raises:

        StoreError: The copy cannot be made, or it is damaged.
    """
    with closing(database.copy_into(folder)) as copied:
        copy = Path(copied.place)
        reader = AuditLogReader(copied)
        head, verifier = reader.head() or Head(), reader.verify()
    # The key is made before the first mark, so the key of every mark in the copy is there by now.
    key = _copied_key(database.key_file, copied.key_file)
    return StoreCopy(files=(copy, *key), head_file=copied.head_file, head=head, finding=verifier.finding)


def _copied_key(key_file: Path, copy: Path) -> tuple[Path, ...]:
    try:
        files.write_durably(copy, key_file.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(
            "the key file {file} cannot be copied: {reason}",
            cure="give this user read access to the file",
            file=key_file,
            reason=error.strerror,
        ) from None
    return (copy,)
