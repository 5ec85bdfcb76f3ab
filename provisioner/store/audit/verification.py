"""Verifies a hash chain and reports the first inconsistency.

It knows no databases or files: the caller supplies the entries, and none of their contents is trusted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Self

import attrs

from provisioner.core.model.text import Text
from provisioner.store.audit.chain import Head, entry_hash


class ChainFault(StrEnum):
    """What is wrong at one place of the audit log."""

    #: The entry there is not the one that was written there.
    CHANGED = "changed"
    #: There is no entry, and the audit log continues after it.
    MISSING = "missing"
    #: The entry there was never part of the audit log.
    INSERTED = "inserted"
    #: The entry that belongs there is somewhere else.
    REORDERED = "reordered"
    #: The audit log ends there, and was longer once.
    CUT = "cut"
    #: The record of where the audit log ends was changed.
    HEAD = "head"
    #: The audit log is consistent, but an anchor shows that it was different once.
    REWRITTEN = "rewritten"


@attrs.frozen(kw_only=True)
class ChainFinding:
    """The first place where the audit log is not as it was written."""

    seq: int
    fault: ChainFault
    #: The same as a sentence.
    text: Text


@attrs.frozen(kw_only=True)
class ChainEntry(Head):
    """One entry of a chain as it was found."""

    #: The event as canonical JSON, in UTF-8.
    body: bytes

    def continues(self, head: Head) -> bool:
        """Whether this was written right after *head*, wherever it stands now."""
        return entry_hash(head.hash, self.body) == self.hash

    @property
    def flaw(self) -> str:
        """What is beside the body and does not say the same; nothing if all does."""
        return ""


#: Passes on what it is given, and may look at it.
ProgressWatch = Callable[[Iterable[ChainEntry]], Iterable[ChainEntry]]


@attrs.define(eq=False)
class Anchors:
    """Heads that the audit log once had, known from elsewhere."""

    _hashes: dict[int, set[str]]
    #: The last place that an anchor vouches for.
    _agreed: int = 0

    @classmethod
    def of(cls, heads: Iterable[Head]) -> Self:
        """Return anchors at these heads."""
        hashes: dict[int, set[str]] = defaultdict(set)
        for head in heads:
            hashes[head.seq].add(head.hash)
        return cls(dict(hashes))

    def compare(self, head: Head) -> ChainFinding | None:
        """Return what is wrong if the audit log was another one when it was anchored here."""
        known = self._hashes.get(head.seq)
        if known is None:
            return None
        if known != {head.hash}:
            text = Text(
                "the audit log was rewritten: entry {seq} differs from the anchor; the entries up to {agreed} match",
                {"seq": head.seq, "agreed": self._agreed},
            )
            return ChainFinding(seq=head.seq, fault=ChainFault.REWRITTEN, text=text)
        self._agreed = head.seq
        return None

    def beyond(self, head: Head) -> ChainFinding | None:
        """Return what is wrong if the audit log ends at *head* and was longer once."""
        last = max(self._hashes, default=0)
        return _cut(head, last) if last > head.seq else None


@attrs.define(eq=False, kw_only=True)
class ChainVerifier:
    """Iterates over the valid prefix of a chain; ``finding`` holds the first error.

    Args:

        links: Reads them in their order, from the start at each call.

        head: What the first of them follows.

        end: Where the chain is said to end, if that is known.

        anchors: Heads that it once had.

        watch: Wraps what is read, for example into a progress bar.

        finding: What is known to be wrong already; then there is nowhere to go.
    """

    _links: Callable[[], Iterable[ChainEntry]]
    #: The last entry up to which everything is valid.
    head: Head = attrs.field(factory=Head)
    _end: Head | None = None
    _anchors: Anchors = attrs.field(factory=lambda: Anchors.of(()))
    _watch: ProgressWatch = iter
    #: What is wrong after that; ``None`` if nothing is.
    finding: ChainFinding | None = None

    def __iter__(self) -> Iterator[ChainEntry]:
        self.finding = self.finding or self._anchors.compare(self.head)
        if self.finding:
            return
        for entry in self._watch(self._links()):
            self.finding = self._wrong(entry) or self._anchors.compare(entry)
            if self.finding:
                return
            self.head = entry
            yield entry
        self.finding = self._wrong_end() or self._anchors.beyond(self.head)

    def to_the_end(self) -> Self:
        """Yield the valid entries."""
        for _ in self:
            pass
        return self

    def _wrong(self, one: ChainEntry) -> ChainFinding | None:
        if one.seq != self.head.seq + 1 or not one.continues(self.head):
            return self._explain(one)
        if flaw := one.flaw:
            text = Text("entry {seq} was changed: its {flaw} differs from the original", {"seq": one.seq, "flaw": flaw})
            return ChainFinding(seq=one.seq, fault=ChainFault.CHANGED, text=text)
        if self._end is not None and one.seq > self._end.seq:
            text = Text("the record of the audit log's end was changed: entry {seq} comes after it", {"seq": one.seq})
            return ChainFinding(seq=one.seq, fault=ChainFault.HEAD, text=text)
        return None

    def _wrong_end(self) -> ChainFinding | None:
        if self._end is None or self._end == Head(seq=self.head.seq, hash=self.head.hash):
            return None
        if self._end.seq == self.head.seq:
            return changed_end(self.head)
        return _cut(min(self.head, self._end, key=_place), max(self.head.seq, self._end.seq))

    def _explain(self, one: ChainEntry) -> ChainFinding:
        """Say why *one* does not come next. The whole chain is looked through, but only once."""
        place = self.head.seq + 1
        if one.seq < place or (self._end is not None and place > self._end.seq):
            return _inserted(one.seq)
        there, is_ours = self._search(one)
        if there is not None and (is_ours or one.seq > place):
            text = Text("entry {seq} is at position {there}", {"seq": place, "there": there})
            return ChainFinding(seq=place, fault=ChainFault.REORDERED, text=text)
        if there is not None:
            return _inserted(place)
        if is_ours or one.seq > place:
            return missing(place)
        return ChainFinding(seq=place, fault=ChainFault.CHANGED, text=Text("entry {seq} was changed", {"seq": place}))

    def _search(self, stranger: ChainEntry) -> tuple[int | None, bool]:
        """Return where what comes next stands, and whether *stranger* belongs anywhere in the chain."""
        there, is_ours = None, False
        for link in self._links():
            if there is None and link.continues(self.head):
                there = link.seq
            is_ours = is_ours or stranger.continues(link)
        return there, is_ours


def missing(seq: int) -> ChainFinding:
    """Return that there is no entry at one place."""
    return ChainFinding(seq=seq, fault=ChainFault.MISSING, text=Text("entry {seq} is missing", {"seq": seq}))


def changed_end(head: Head) -> ChainFinding:
    """Return that the audit log's own record of its end is not true; *head* is where it really ends."""
    text = Text("the record of the audit log's end was changed; its last entry is {seq}", {"seq": head.seq})
    return ChainFinding(seq=head.seq, fault=ChainFault.HEAD, text=text)


def _cut(head: Head, end: int) -> ChainFinding:
    text = Text(
        "the audit log was truncated: it ends with entry {seq}, but had reached {end}", {"seq": head.seq, "end": end}
    )
    return ChainFinding(seq=head.seq + 1, fault=ChainFault.CUT, text=text)


def _place(head: Head) -> int:
    return head.seq


def _inserted(seq: int) -> ChainFinding:
    return ChainFinding(seq=seq, fault=ChainFault.INSERTED, text=Text("entry {seq} was inserted", {"seq": seq}))
