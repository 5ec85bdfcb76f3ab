"""The audit log as auditors use it: finding, verifying, anchoring and exporting entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from provisioner.audit.anchors import anchor_line, append_anchor, parse_anchor, read_anchors
from provisioner.audit.framing import Framing
from provisioner.audit.jsonl import Exported, jsonl
from provisioner.audit.syslog import DOCUMENTATION_NUMBER, Syslog
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model.naming import Naming
from provisioner.services.ids import Named, find_id
from provisioner.services.parts import Clock
from provisioner.store import Store
from provisioner.store.audit.chain import Head
from provisioner.store.audit.reader import AuditLogReader, StoredEntry
from provisioner.store.audit.verification import Anchors, ChainEntry, ChainFinding, ChainVerifier

__all__ = [
    "DOCUMENTATION_NUMBER",
    "Anchored",
    "AuditLog",
    "ChainEntry",
    "ChainFinding",
    "Export",
    "Framing",
    "Head",
    "Line",
    "StoredEntry",
    "Syslog",
    "Verification",
    "jsonl",
    "parse_anchor",
    "read_anchors",
    "verify_exports",
]

#: Makes one line of an entry and the hash before it.
Line = Callable[[ChainEntry, str], bytes]

#: Passes on the entries that it is given, and may look at them; the number is how many there are, if that is known.
Watch = Callable[[Iterable[ChainEntry], int | None], Iterable[ChainEntry]]


def _unwatched(entries: Iterable[ChainEntry], _: int | None) -> Iterable[ChainEntry]:
    return entries


@attrs.frozen(kw_only=True)
class Verification:
    """What a verification found out."""

    #: The place after which it began.
    start: Head
    #: The last entry up to which everything is valid.
    head: Head
    #: What is wrong after that; ``None`` if nothing is.
    finding: ChainFinding | None
    #: How many anchors were compared.
    compared: int
    #: How many anchors lie before the start, and could not be compared.
    before: int

    @classmethod
    def of(cls, start: Head, verifier: ChainVerifier, anchors: Sequence[Head]) -> Verification:
        """Return what a verifier has found out at its end."""
        before = sum(anchor.seq < start.seq for anchor in anchors)
        return cls(
            start=start,
            head=_place(verifier.head),
            finding=verifier.finding,
            compared=len(anchors) - before,
            before=before,
        )

    @property
    def count(self) -> int:
        """How many entries are valid."""
        return self.head.seq - self.start.seq


@attrs.frozen(kw_only=True)
class Anchored:
    """Where the audit log ends, to keep elsewhere."""

    head: Head
    #: When, in UTC.
    at: datetime
    #: What is wrong with the last entry; then there is nothing to keep.
    finding: ChainFinding | None

    @property
    def line(self) -> str:
        """The anchor as one line."""
        return anchor_line(self.head, self.at)


@attrs.define(eq=False)
class Export:
    """The lines of an export, up to the first entry that is not valid.

    Args:

        verifier: Reads and verifies the entries.

        line: Makes one line of each.
    """

    _verifier: ChainVerifier
    _line: Line

    def __iter__(self) -> Iterator[bytes]:
        """Yield one line for each entry."""
        previous = self._verifier.head.hash
        for entry in self._verifier:
            yield self._line(entry, previous)
            previous = entry.hash

    @property
    def finding(self) -> ChainFinding | None:
        """What ended the export before its time; known once the lines have been read."""
        return self._verifier.finding


@attrs.frozen(kw_only=True)
class AuditLog:
    """The audit log of a store, for auditors. No plug-in is needed.

    Args:

        store: Has it.

        authority: Knows who is an auditor.

        naming: Knows the domain of logins.

        now: The clock.
    """

    store: Store
    authority: Authority
    naming: Naming
    now: Clock

    def find(
        self,
        *,
        viewer: str,
        login: str | None = None,
        operation_id: str | None = None,
        actor: str | None = None,
        person: str | None = None,
        unit: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[StoredEntry]:
        """Return entries in their order. Nothing is verified.

        Args:

            viewer: Who reads.

            login: Only what happened to this account, given with or without its domain.

            operation_id: Only what happened in this operation, whose id may be given by its beginning.

            actor: Only what this person or policy did.

            person: Only what names this person, other than as the actor.

            unit: Only what names this unit.

            kind: Only events of this kind.

            since: Only what happened at this time or later.

            until: Only what happened before this time.

        Raises:

            DeniedError: The viewer is not an auditor.

            InputError: Several operations have ids that begin so.
        """
        return list(
            self._reader(viewer).find(
                login=self._login(login) if login else None,
                operation_id=find_id(self.store, Named.OPERATION, operation_id) if operation_id else None,
                actor=actor,
                kind=kind,
                person=person,
                unit=unit,
                since=since,
                until=until,
            )
        )

    def verify(self, *, viewer: str, anchors: Sequence[Head] = (), watch: Watch = _unwatched) -> Verification:
        """Go along the whole audit log, and find the first entry that is not valid.

        Args:

            viewer: Who verifies.

            anchors: Where it once ended, known from elsewhere.

            watch: Passes on what is read, for example past a progress bar.

        Raises:

            DeniedError: The viewer is not an auditor.
        """
        reader = self._reader(viewer)
        end = reader.head() or Head()
        verifier = reader.verify(anchors, lambda entries: watch(entries, end.seq))
        return Verification.of(Head(), verifier, anchors)

    def anchor(self, *, viewer: str, file: Path | None = None) -> Anchored:
        """Return where the audit log ends.

        Args:

            viewer: Who wants to know.

            file: Append it to this file, if nothing is wrong.

        Raises:

            DeniedError: The viewer is not an auditor.

            InputError: The file cannot be written.
        """
        reader = self._reader(viewer)
        end = reader.head() or Head()
        verifier = reader.after(max(end.seq - 1, 0)).to_the_end()
        anchored = Anchored(head=_place(verifier.head), at=self.now(), finding=verifier.finding)
        if file and not anchored.finding:
            append_anchor(file, anchored.line)
        return anchored

    def export(self, *, viewer: str, after: Head | None = None, line: Line = jsonl) -> Export:
        """Return the lines of an export; the entries are verified on the way.

        Args:

            viewer: Who exports.

            after: Only what comes after this entry. If it has a hash, the entry is verified too.

            line: Makes one line of each entry; by default, JSON Lines.

        Raises:

            DeniedError: The viewer is not an auditor.
        """
        start = after or Head(seq=0, hash="")
        return Export(self._reader(viewer).after(start.seq, start.hash or None), line)

    def _reader(self, viewer: str) -> AuditLogReader:
        self.authority.require(viewer, {Role.AUDITOR})
        return self.store.audit_log

    def _login(self, given: str) -> str:
        """Return a login without its domain. It need not be known any more, nor be one that would be given today."""
        try:
            return self.naming.login(given)
        except ValueError:
            return given


def _place(head: Head) -> Head:
    """Return the place and hash of an entry, without the entry."""
    return Head(seq=head.seq, hash=head.hash)


def verify_exports(files: Sequence[Path], *, anchors: Sequence[Head] = (), watch: Watch = _unwatched) -> Verification:
    """Verify exports that follow one another, as one chain. No store is needed.

    Args:

        files: The exports, in their order.

        anchors: Where the audit log once ended, known from elsewhere.

        watch: Passes on what is read, for example past a progress bar.

    Raises:

        InputError: A file cannot be read.
    """
    start, verifier = Exported(files).verify(Anchors.of(anchors), lambda entries: watch(entries, None))
    return Verification.of(start, verifier, anchors)
