"""Goes along a chain of hashes, and says where it is no longer as it was written, and what is wrong there.

It knows nothing of databases or files: whoever reads a chain gives its links, and nothing in them is believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Self

import attrs

from provisioner.core.model.text import Text
from provisioner.store.audit.chain import Head, link


class Fault(StrEnum):
    """What is wrong at one place of the trail."""

    #: What stands there is not what was written there.
    CHANGED = "changed"
    #: Nothing stands there, and the trail goes on behind it.
    MISSING = "missing"
    #: What stands there was never part of the trail.
    INSERTED = "inserted"
    #: What belongs there stands somewhere else.
    REORDERED = "reordered"
    #: The trail ends there, and once went on.
    CUT = "cut"
    #: The record of where the trail ends was changed.
    HEAD = "head"
    #: All fits together, but an anchor shows that it once was something else.
    REWRITTEN = "rewritten"


@attrs.frozen(kw_only=True)
class Finding:
    """The first place where the trail is not as it was written."""

    seq: int
    fault: Fault
    #: The same as a sentence.
    text: Text


@attrs.frozen(kw_only=True)
class Link(Head):
    """One entry of a chain as it was found."""

    #: The event as canonical JSON, in UTF-8.
    body: bytes

    def continues(self, head: Head) -> bool:
        """Whether this was written right after *head*, wherever it stands now."""
        return link(head.hash, self.body) == self.hash

    @property
    def flaw(self) -> str:
        """What is beside the body and does not say the same; nothing if all does."""
        return ""


#: Passes on what it is given, and may look at it.
Watch = Callable[[Iterable[Link]], Iterable[Link]]


@attrs.define(eq=False)
class Anchors:
    """Heads that the trail once had, known from elsewhere."""

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

    def compare(self, head: Head) -> Finding | None:
        """Return what is wrong if the trail was another one when it was anchored here."""
        known = self._hashes.get(head.seq)
        if known is None:
            return None
        if known != {head.hash}:
            text = Text(
                "the trail was rewritten: entry {seq} is not the one that was anchored; all up to {agreed} is",
                {"seq": head.seq, "agreed": self._agreed},
            )
            return Finding(seq=head.seq, fault=Fault.REWRITTEN, text=text)
        self._agreed = head.seq
        return None

    def beyond(self, head: Head) -> Finding | None:
        """Return what is wrong if the trail ends at *head* and once went on."""
        last = max(self._hashes, default=0)
        return _cut(head, last) if last > head.seq else None


@attrs.define(eq=False, kw_only=True)
class Walk:
    """Yields the links of a chain as far as they are as they were written, and then knows why it stopped.

    Args:

        links: Reads them in their order, anew at each call.

        head: What the first of them follows.

        end: Where the chain is said to end, if that is known.

        anchors: Heads that it once had.

        watch: Wraps what is read, for example into a progress bar.

        finding: What is known to be wrong already; then there is nowhere to go.
    """

    _links: Callable[[], Iterable[Link]]
    #: The last entry up to which everything is as it was written.
    head: Head = attrs.field(factory=Head)
    _end: Head | None = None
    _anchors: Anchors = attrs.field(factory=lambda: Anchors.of(()))
    _watch: Watch = iter
    #: What is wrong after that; ``None`` if nothing is.
    finding: Finding | None = None

    def __iter__(self) -> Iterator[Link]:
        self.finding = self.finding or self._anchors.compare(self.head)
        if self.finding:
            return
        for one in self._watch(self._links()):
            self.finding = self._wrong(one) or self._anchors.compare(one)
            if self.finding:
                return
            self.head = one
            yield one
        self.finding = self._wrong_end() or self._anchors.beyond(self.head)

    def to_the_end(self) -> Self:
        """Go as far as it goes."""
        for _ in self:
            pass
        return self

    def _wrong(self, one: Link) -> Finding | None:
        if one.seq != self.head.seq + 1 or not one.continues(self.head):
            return self._explain(one)
        if flaw := one.flaw:
            text = Text("entry {seq} was changed: its {flaw} is not what was written", {"seq": one.seq, "flaw": flaw})
            return Finding(seq=one.seq, fault=Fault.CHANGED, text=text)
        if self._end is not None and one.seq > self._end.seq:
            text = Text("the record of the trail's end was changed: entry {seq} comes after it", {"seq": one.seq})
            return Finding(seq=one.seq, fault=Fault.HEAD, text=text)
        return None

    def _wrong_end(self) -> Finding | None:
        if self._end is None or self._end == Head(seq=self.head.seq, hash=self.head.hash):
            return None
        if self._end.seq == self.head.seq:
            return changed_end(self.head)
        return _cut(min(self.head, self._end, key=_place), max(self.head.seq, self._end.seq))

    def _explain(self, one: Link) -> Finding:
        """Say why *one* does not come next. The whole chain is looked through, but only once."""
        place = self.head.seq + 1
        if one.seq < place or (self._end is not None and place > self._end.seq):
            return _inserted(one.seq)
        there, is_ours = self._search(one)
        if there is not None and (is_ours or one.seq > place):
            text = Text("entry {seq} stands at place {there}", {"seq": place, "there": there})
            return Finding(seq=place, fault=Fault.REORDERED, text=text)
        if there is not None:
            return _inserted(place)
        if is_ours or one.seq > place:
            return missing(place)
        return Finding(seq=place, fault=Fault.CHANGED, text=Text("entry {seq} was changed", {"seq": place}))

    def _search(self, stranger: Link) -> tuple[int | None, bool]:
        """Return where what comes next stands, and whether *stranger* belongs anywhere in the chain."""
        there, is_ours = None, False
        for one in self._links():
            if there is None and one.continues(self.head):
                there = one.seq
            is_ours = is_ours or stranger.continues(one)
        return there, is_ours


def missing(seq: int) -> Finding:
    """Return that there is no entry at one place."""
    return Finding(seq=seq, fault=Fault.MISSING, text=Text("entry {seq} is missing", {"seq": seq}))


def changed_end(head: Head) -> Finding:
    """Return that the trail's own record of its end is not true; *head* is where it really ends."""
    text = Text("the record of the trail's end was changed; its last entry is {seq}", {"seq": head.seq})
    return Finding(seq=head.seq, fault=Fault.HEAD, text=text)


def _cut(head: Head, end: int) -> Finding:
    text = Text("the trail was cut: it ends with entry {seq}, and had reached {end}", {"seq": head.seq, "end": end})
    return Finding(seq=head.seq + 1, fault=Fault.CUT, text=text)


def _place(head: Head) -> int:
    return head.seq


def _inserted(seq: int) -> Finding:
    return Finding(seq=seq, fault=Fault.INSERTED, text=Text("what stands at place {seq} was put in", {"seq": seq}))
