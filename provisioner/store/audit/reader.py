"""Reads the audit log as auditors do: it takes the tables as they are, and trusts none of their values.

A database shell can put anything into any column of SQLite. So every column is read as bytes, together with the kind
of value that the database says it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import attrs
from sqlalchemy import Column, ColumnElement, Connection, Select, literal_column, select

from provisioner.store.audit.chain import AuditEntry, Head
from provisioner.store.audit.verification import Anchors, ChainEntry, ChainVerifier, ProgressWatch, changed_end, missing
from provisioner.store.db.chunks import CHUNK
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.tables import chain_head, events

#: The columns beside the body that say the same as the body.
SHOWN = ("at", "kind", "operation_id", "login", "actor")

#: Under which keys an event names a person who is not its actor, and a unit.
_OF_PERSONS = frozenset(
    {
        "approver",
        "approver_for",
        "custodian",
        "delegator",
        "granted_by",
        "holder",
        "incoming",
        "mobile_confirmed_by",
        "officer",
        "officer_for",
        "outgoing",
        "person",
        "recipient",
        "reporter",
        "requester",
        "supervisor",
    }
)
_OF_UNITS = frozenset({"parent", "unit"})


@attrs.frozen(kw_only=True)
class StoredEntry(ChainEntry):
    """One entry as it was found in the tables."""

    #: What the database says the columns are: those of ``SHOWN``, the body, the hash.
    types: str
    #: The values of the columns in ``SHOWN``.
    shown: tuple[object, ...]

    @property
    def flaw(self) -> str:
        """The first column that is not text, or does not say what the body says."""
        if self.types != _ALL_TEXT:
            kinds = zip(_COLUMNS, self.types.split(","), strict=True)
            return next(name for name, kind in kinds if kind != "text")
        event = self.event
        if event is None:
            return "body"
        for name, found in zip(SHOWN, self.shown, strict=True):
            said = event.get(name)
            if not isinstance(said, str) or found != _stored(name, said):
                return name
        return ""

    @property
    def event(self) -> dict[str, Any] | None:
        """The event in the body; ``None`` if there is none."""
        try:
            event = json.loads(self.body.decode())
        except (ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) else None


class AuditLogReader:
    """The audit log of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = _entries(database)
        self._head_row = _head_row(database)

    def entries(
        self, *, after: int = 0, login: str | None = None, operation_id: str | None = None
    ) -> Iterator[AuditEntry]:
        """Yield the entries in their order, as they were written.

        Args:

            after: Only what comes after this place.

            login: Only what happened to this account.

            operation_id: Only what happened in this operation.
        """
        query = select(events).where(events.c.seq > after)
        if login is not None:
            query = query.where(events.c.login == login)
        if operation_id is not None:
            query = query.where(events.c.operation_id == operation_id)
        for page in Reader(self._database).pages(query, events.c.seq):
            yield from (AuditEntry(**row._asdict()) for row in page)

    def verify_chain(self) -> int | None:
        """Return the place of the first event that is missing or was tampered with; ``None`` if all is as written."""
        finding = self.verify().finding
        return finding.seq if finding else None

    def head(self) -> Head | None:
        """Return where the audit log says it ends; ``None`` if it says nothing that can be true.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            return _head(connection, self._head_row)

    def verify(self, anchors: Iterable[Head] = (), watch: ProgressWatch = iter) -> ChainVerifier:
        """Verify the whole audit log, as it is at one moment.

        Args:

            anchors: Heads that it once had, known from elsewhere.

            watch: Passes on what is read, for example past a progress bar.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            return self.verify_on(connection, anchors, watch)

    def verify_on(
        self, connection: Connection, anchors: Iterable[Head] = (), watch: ProgressWatch = iter
    ) -> ChainVerifier:
        """Verify the whole audit log as a transaction sees it; see :meth:`verify`."""
        end = _head(connection, self._head_row)
        verifier = ChainVerifier(
            links=partial(_links, connection, self._entries), end=end, anchors=Anchors.of(anchors), watch=watch
        ).to_the_end()
        if end is None and verifier.finding is None:
            verifier.finding = changed_end(verifier.head)
        return verifier

    def after(self, seq: int, known: str | None = None) -> ChainVerifier:
        """Return a verifier over what comes after one place, up to where the audit log ends now.

        It is read page by page, each in its own transaction, so a slow reader blocks nobody.

        Args:

            seq: The place; 0 is before the first entry.

            known: The hash that the entry there had, if that is known from elsewhere.

        Raises:

            StoreError: The store failed, also while the verifier goes on.
        """
        with self._database.read() as connection:
            end = _head(connection, self._head_row)
            found = next(_links(connection, self._entries.where(events.c.seq == seq)), None)
        start = Head(seq=seq, hash=found.hash) if found else Head(seq=seq)
        if end is None:
            return ChainVerifier(links=list, head=start, finding=changed_end(start))
        if found is None and 0 < seq <= end.seq:
            return ChainVerifier(links=list, head=start, finding=missing(seq))
        return ChainVerifier(
            links=partial(self._pages, self._entries.where(events.c.seq <= end.seq), seq),
            head=start,
            end=end,
            anchors=Anchors.of([Head(seq=seq, hash=known)] if known and found else ()),
        )

    def find(
        self,
        *,
        login: str | None = None,
        operation_id: str | None = None,
        actor: str | None = None,
        kind: str | None = None,
        person: str | None = None,
        unit: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[StoredEntry]:
        """Yield entries in their order.

        Args:

            login: Only what happened to this account.

            operation_id: Only what happened in this operation.

            actor: Only what this person or policy did.

            kind: Only what is of this kind.

            person: Only what names this person, other than as the actor.

            unit: Only what names this unit, or the unit as a parent.

            since: Only what happened at this time or later.

            until: Only what happened before this time.

        Raises:

            StoreError: The store failed.
        """
        wanted = {"login": login, "operation_id": operation_id, "actor": actor, "kind": kind}
        query = self._entries
        for name, value in wanted.items():
            query = query if value is None else query.where(events.c[name] == value)
        if since is not None:
            query = query.where(events.c.at >= since)
        if until is not None:
            query = query.where(events.c.at < until)
        named = [(keys, value) for keys, value in ((_OF_PERSONS, person), (_OF_UNITS, unit)) if value is not None]
        for _, value in named:
            query = query.where(events.c.body.contains(json.dumps(value, ensure_ascii=False), autoescape=True))
        for found in self._pages(query):
            if all(_names(found.event, keys, value) for keys, value in named):
                yield found

    def _pages(self, query: Select[Any], seq: int = 0) -> Iterator[StoredEntry]:
        """Yield what is found behind one place, each page in a transaction of its own."""
        page = self._page(query, seq)
        while page:
            yield from page
            goes_on = len(page) == CHUNK and page[-1].seq > seq
            seq = page[-1].seq
            page = self._page(query, seq) if goes_on else []

    def _page(self, query: Select[Any], seq: int) -> list[StoredEntry]:
        with self._database.read() as connection:
            return list(_links(connection, query.where(events.c.seq > seq).limit(CHUNK)))


def _names(fact: object, keys: Collection[str], value: str) -> bool:
    """Whether *value* stands under one of these keys, at any depth."""
    if isinstance(fact, dict):
        return any((key in keys and one == value) or _names(one, keys, value) for key, one in fact.items())
    return isinstance(fact, list) and any(_names(item, keys, value) for item in fact)


def _head(connection: Connection, query: Select[Any]) -> Head | None:
    """Return what the one row that there must be says, if it says it as it must."""
    rows = connection.execute(query).all()
    if len(rows) != 1:
        return None
    key, seq, kind, digest = rows[0]
    return Head(seq=seq, hash=_ascii(digest)) if (key, type(seq), kind) == (1, int, "text") and seq >= 0 else None


def _links(connection: Connection, query: Select[Any]) -> Iterator[StoredEntry]:
    with connection.execute(query.execution_options(yield_per=CHUNK)) as rows:
        for row in rows:
            yield _link(*row)


def _link(seq: object, types: str, body: object, digest: object, *shown: object) -> StoredEntry:
    return StoredEntry(
        seq=seq if isinstance(seq, int) else 0,
        body=body if isinstance(body, bytes) else b"",
        hash=_ascii(digest),
        types=types,
        shown=shown,
    )


def _ascii(digest: object) -> str:
    return str(digest, "ascii", "replace") if isinstance(digest, bytes) else ""


def _stored(name: str, said: str) -> bytes:
    """Return what a column holds when the body says *said*."""
    text = f"{said[:10]} {said[11:].removesuffix('Z')}" if name == "at" else said
    return text.encode(errors="replace")


_COLUMNS = (*SHOWN, "body", "hash")
_ALL_TEXT = ",".join("text" for _ in _COLUMNS)


def _entries(database: Database) -> Select[Any]:
    """Select all entries as they are found, and what kinds of values they have."""
    kinds = "||','||".join(database.kind_of(events.c[name]) for name in _COLUMNS)
    found = (_found(database, events.c[name]) for name in ("body", "hash", *SHOWN))
    return select(events.c.seq, literal_column(kinds).label("types"), *found).order_by(events.c.seq)


def _head_row(database: Database) -> Select[Any]:
    """Select the head as it is found, and another one if there are two."""
    digest = chain_head.c.hash
    kind: ColumnElement[str] = literal_column(database.kind_of(digest)).label("kind")
    return select(chain_head.c.id, chain_head.c.seq, kind, _found(database, digest)).limit(2)


def _found(database: Database, column: Column[Any]) -> ColumnElement[bytes]:
    return literal_column(database.bytes_of(column)).label(column.name)
