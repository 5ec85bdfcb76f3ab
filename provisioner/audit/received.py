"""Compares what a collector has stored with the audit log, and names what is missing there.

A collector's file has one message in each line, in the form of RFC 5424; anything else in the file is ignored. The
entries may be in any order and there more than once. Only their hashes are kept in memory, 32 bytes for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Self

import attrs

from provisioner.audit.anchors import unreadable
from provisioner.core.api.errors import InputError, Problem
from provisioner.store.audit.chain import Head, entry_hash
from provisioner.store.audit.verification import ChainFinding, ChainVerifier

_VALUE = rb'"((?:[^"\\\]]|\\.)*)"'
_DATA = re.compile(rb"\[provisioner@\d{1,10}((?: [!#-<>-\\^-~]{1,32}=" + _VALUE.replace(b"(", b"(?:", 1) + rb")+)\]")
_PARAM = re.compile(rb" ([!#-<>-\\^-~]{1,32})=" + _VALUE)
_SEQ = re.compile(rb"[1-9][0-9]{0,18}")
_HASH = re.compile(rb"[0-9a-f]{64}")
_BOM = b"\xef\xbb\xbf"

#: Every line with a message is shorter; a longer one is not read into memory.
_LONGEST = 1 << 24

_DIGEST = 32
_NOTHING = bytes(_DIGEST)


@attrs.frozen(kw_only=True)
class ReceivedEntry(Head):
    """One entry as a collector has stored it."""

    #: Whether the event is there and is the one of the hash, or was left out when it was sent.
    is_whole: bool

    @classmethod
    def all_in(cls, line: bytes) -> Iterator[Self]:
        """Yield the entries in a line: after a crash, a message may follow a part of another one in the same line."""
        for data in _DATA.finditer(line):
            params = dict(_PARAM.findall(data[1]))
            seq, previous, digest = (params.get(name, b"") for name in (b"seq", b"previous", b"hash"))
            if _SEQ.fullmatch(seq) and _HASH.fullmatch(previous) and _HASH.fullmatch(digest):
                event = line[data.end() :].strip(b" \r\n").removeprefix(_BOM)
                is_whole = b"omitted" in params or entry_hash(previous.decode(), event) == digest.decode()
                yield cls(seq=int(seq), hash=digest.decode(), is_whole=is_whole)


@attrs.frozen(kw_only=True)
class Gap:
    """Entries that follow one another and are missing at a collector."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


@attrs.frozen(kw_only=True)
class ReceivedComparison:
    """What a collector has of the audit log."""

    #: The place after which the comparison began.
    start: Head
    #: The last entry that was compared.
    end: Head
    #: How many entries arrived.
    arrived: int
    #: How many copies arrived of entries that had arrived before.
    repeated: int
    missing: Sequence[Gap]
    #: The places at which the collector has another hash than the store.
    different: Sequence[int]
    #: The places at which the collector has the right hash, and not the event that belongs to it.
    damaged: Sequence[int]
    #: How many entries the collector has from after the end.
    later: int
    #: What is wrong with the audit log of the store; nothing after that was compared.
    finding: ChainFinding | None

    @property
    def is_complete(self) -> bool:
        """Whether the collector has every entry, as it was written."""
        return not (self.missing or self.different or self.damaged or self.finding)


def compare(files: Iterable[Path], verifier: ChainVerifier, end: int) -> ReceivedComparison:
    """Compare what a collector has stored with the audit log.

    Args:

        files: The files of the collector, in any order.

        verifier: Reads and verifies the entries that the collector should have.

        end: The last of them.

    Raises:

        InputError: A file cannot be read.
    """
    start = last = Head(seq=verifier.head.seq, hash=verifier.head.hash)
    received = _Received(start.seq, end)
    for file in files:
        received.read(file)
    missing: list[Gap] = []
    for entry in takewhile(lambda chained: chained.seq <= end, verifier):
        if not received.has(entry):
            _add(missing, entry.seq)
        last = Head(seq=entry.seq, hash=entry.hash)
    return ReceivedComparison(
        start=start,
        end=last,
        arrived=last.seq - start.seq - sum(gap.count for gap in missing),
        repeated=received.repeated,
        missing=missing,
        different=sorted(received.different),
        damaged=sorted(received.damaged - received.different),
        later=received.later,
        finding=verifier.finding,
    )


class _Received:
    """What a collector has of some part of the audit log.

    Args:

        start: The place before the part.

        end: The last place of the part.
    """

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._end = end
        self._digests = bytearray(_DIGEST * max(end - start, 0))
        self.repeated = 0
        self.later = 0
        self.different: set[int] = set()
        #: The places of which no copy is whole.
        self.damaged: set[int] = set()

    def read(self, file: Path) -> None:
        """Take in all entries of a file."""
        try:
            with file.open("rb") as stream:
                for line in iter(lambda: stream.readline(_LONGEST), b""):
                    for entry in ReceivedEntry.all_in(line):
                        self._take(entry)
        except OSError as error:
            raise InputError([Problem(file=str(file), field="received", message=unreadable(error))]) from None

    def has(self, entry: Head) -> bool:
        """Whether a copy of an entry arrived; one with another hash is remembered."""
        digest = bytes(self._digests[self._place(entry.seq)])
        if digest not in {_NOTHING, bytes.fromhex(entry.hash)}:
            self.different.add(entry.seq)
        return digest != _NOTHING

    def _take(self, entry: ReceivedEntry) -> None:
        if entry.seq > self._end:
            self.later += 1
        elif entry.seq > self._start:
            self._compare(entry, bytes.fromhex(entry.hash))

    def _compare(self, entry: ReceivedEntry, digest: bytes) -> None:
        place = self._place(entry.seq)
        known = bytes(self._digests[place])
        if known == _NOTHING:
            self._digests[place] = digest
            if not entry.is_whole:
                self.damaged.add(entry.seq)
            return
        self.repeated += 1
        if known != digest:
            self.different.add(entry.seq)
        elif entry.is_whole:
            self.damaged.discard(entry.seq)

    def _place(self, seq: int) -> slice:
        at = (seq - self._start - 1) * _DIGEST
        return slice(at, at + _DIGEST)


def _add(gaps: list[Gap], seq: int) -> None:
    """Add a place after all those that are in the gaps."""
    if gaps and gaps[-1].last == seq - 1:
        gaps[-1] = attrs.evolve(gaps[-1], last=seq)
    else:
        gaps.append(Gap(first=seq, last=seq))
