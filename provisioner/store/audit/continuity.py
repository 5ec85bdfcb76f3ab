"""Notices that the audit log is not the one that it was: another store took its place, or an older copy was restored.

Each process remembers where the audit log ended when it last wrote, and the file ``STORE.head`` beside the store
remembers it for all of them. The store itself cannot: an older copy has an older memory. The file is written after the
store and not synced, so it may lag behind and is never ahead. It tells nothing if it was restored together with the
store, or if the store was restored elsewhere.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import attrs
from sqlalchemy import bindparam, select

from provisioner import files
from provisioner.core.api.errors import StoreError
from provisioner.store.audit.chain import Head
from provisioner.store.db.ports import Transaction
from provisioner.store.db.rows import as_row
from provisioner.store.db.tables import chain_head, events

#: The bytes of the file. It is written in place, so it has one length.
_LENGTH = 128


@attrs.frozen
class HeadFile:
    """Where the audit log ended, as far as any process knows."""

    path: Path

    def read(self) -> Head | None:
        """Return what it says; ``None`` if it says nothing that can be read."""
        try:
            found = json.loads(self.path.read_text(encoding="ascii"))
            return Head(seq=int(found["seq"]), hash=str(found["hash"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, head: Head) -> None:
        """Remember *head*. If that fails, the file lags behind, which does no harm."""
        content = json.dumps(as_row(head)).ljust(_LENGTH - 1) + "\n"
        with suppress(OSError):
            descriptor = self._open()
            try:
                os.pwrite(descriptor, content.encode("ascii"), 0)
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(self.path, flags)
        except FileNotFoundError:
            files.reserve(self.path)
            return os.open(self.path, flags)


@attrs.define(eq=False)
class Continuity:
    """Holds what one process writes to the audit log that it knows. Used by the one thread that writes.

    Args:

        place: The store's name in messages.

        file: The memory that all processes share.
    """

    _place: str
    _file: HeadFile
    _last: Head | None = attrs.field(default=None, init=False)
    #: Whether the file knows of entries that the store doesn't have. It is kept until somebody has resolved that.
    _tail_is_lost: bool = attrs.field(default=False, init=False)

    def expect(self, transaction: Transaction, head: Head) -> None:
        """Check that the audit log is still the one that this process wrote to last.

        Args:

            transaction: Any transaction.

            head: Where the audit log ends.

        Raises:

            StoreError: It is another one.
        """
        if self._last is None:
            known = self._file.read()
            self._tail_is_lost = known is not None and not goes_back_to(known, transaction, head)
        elif not goes_back_to(self._last, transaction, head):
            raise StoreError(
                "the store {place} was replaced while it was in use: its audit log does not continue from the "
                "last entry",
                cure="put the right file in its place; then run 'provisioner check' and 'provisioner resume'",
                place=self._place,
            )

    def reached(self, head: Head) -> None:
        """Remember that the audit log ends at *head*, now that it is durable."""
        if head != self._last:
            self._last = head
            if not self._tail_is_lost:
                self._file.write(head)


def goes_back_to(known: Head, transaction: Transaction, head: Head | None = None) -> bool:
    """Whether the audit log once ended at *known*.

    Args:

        known: A place of the audit log, with the hash that was there.

        transaction: Any transaction.

        head: Where the audit log ends, if that was read already.
    """
    if head is None:
        [(seq, digest)] = transaction.find(_HEAD)
        head = Head(seq=seq, hash=digest)
    if known.seq == head.seq:
        return known.hash == head.hash
    return known.seq == 0 or transaction.find(_HASH, this=known.seq) == [(known.hash,)]


_HEAD = select(chain_head.c.seq, chain_head.c.hash)
_HASH = select(events.c.hash).where(events.c.seq == bindparam("this"))
