"""The audit log as JSON Lines, which can be verified without the store that they came from.

Each line has the place of an entry, the hash before it, its own hash, and the event exactly as it is kept: the hash is
the SHA-256 of the hash before it, in hexadecimal, followed by the event's text in that line. So an export is verified
byte by byte, and a reformatted copy can't be verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from provisioner.audit.anchors import unreadable
from provisioner.core.api.errors import InputError, Problem
from provisioner.store.audit.chain import Head, entry_hash
from provisioner.store.audit.verification import Anchors, ChainEntry, ChainVerifier, ProgressWatch

_LINE = re.compile(
    rb'\{"seq":([1-9][0-9]{0,18}),"previous":"([0-9a-f]{64})","hash":"([0-9a-f]{64})","event":(\{.*\})\}\n?'
)

#: Every entry is shorter. A longer line is not from an export, and is not read into memory.
_LONGEST = 1 << 24


@attrs.frozen(kw_only=True)
class ExportedLink(ChainEntry):
    """One entry as it was found in an export."""

    #: The hash before it, as the line says.
    previous: str

    @property
    def flaw(self) -> str:
        """``previous`` if that is not the hash before it."""
        return "" if entry_hash(self.previous, self.body) == self.hash else "previous"


def jsonl(entry: ChainEntry, previous: str) -> bytes:
    """Return one line of an export.

    Args:

        entry: The entry.

        previous: The hash before it.
    """
    return b'{"seq":%d,"previous":"%s","hash":"%s","event":%s}\n' % (
        entry.seq,
        previous.encode(),
        entry.hash.encode(),
        entry.body,
    )


@attrs.frozen
class Exported:
    """Exports that follow one another, as one chain."""

    _files: Sequence[Path]

    def verify(self, anchors: Anchors, watch: ProgressWatch = iter) -> tuple[Head, ChainVerifier]:
        """Verify the chain; return the entry before its beginning, and the last valid entry.

        Args:

            anchors: Heads that the audit log once had.

            watch: Passes on what is read, for example past a progress bar.

        Raises:

            InputError: A file cannot be read.
        """
        start = self._start()
        return start, ChainVerifier(links=self._links, head=start, anchors=anchors, watch=watch).to_the_end()

    def _start(self) -> Head:
        first = next(self._links(), None)
        if isinstance(first, ExportedLink) and first.seq > 1:
            return Head(seq=first.seq - 1, hash=first.previous)
        return Head()

    def _links(self) -> Iterator[ChainEntry]:
        place = 0
        for line in self._lines():
            one = _parsed(line) or ChainEntry(seq=place + 1, hash="", body=line)
            yield one
            place = one.seq

    def _lines(self) -> Iterator[bytes]:
        for file in self._files:
            try:
                with file.open("rb") as stream:
                    yield from iter(lambda: stream.readline(_LONGEST), b"")
            except OSError as error:
                raise InputError([Problem(file=str(file), field="export", message=unreadable(error))]) from None


def _parsed(line: bytes) -> ExportedLink | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    seq, previous, digest, body = found.groups()
    return ExportedLink(seq=int(seq), previous=previous.decode(), hash=digest.decode(), body=body)
