"""The audit log, as a chain of hashes.

Each event is kept as canonical JSON: keys sorted, no spaces, UTF-8, times in ISO 8601 and UTC, and invisible
characters, such as U+202E, as escapes. Its hash is the SHA-256 of the hash before it followed by that text. So nothing
can be changed, removed or inserted without changing every hash after it. The chain head is stored separately so that
truncation is detected.

This module appends to the chain; :mod:`provisioner.store.audit.verification` verifies it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import attrs
from sqlalchemy import bindparam, insert, select, update

from provisioner.core.api.events import Event
from provisioner.store.db.ports import Transaction
from provisioner.store.db.tables import chain_head, events

#: What stands for the hash before the first event.
GENESIS = "0" * 64


@attrs.frozen(kw_only=True)
class Head:
    """Where the chain ends."""

    seq: int = 0
    hash: str = GENESIS


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One event of the audit log, as it is kept."""

    #: Its place in the chain, from 1, without gaps.
    seq: int
    at: datetime
    #: What happened, for example ``step_ended``.
    kind: str
    operation_id: str
    login: str
    actor: str
    #: The whole event as canonical JSON.
    body: str
    hash: str


class AuditLogWriter:
    """The end of the chain, locked until the transaction ends, and what is added to it.

    Args:

        transaction: One that may write.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        [(self._seq, self._hash)] = transaction.find(_LOCK_HEAD)
        self._rows: list[tuple[object, ...]] = []

    @property
    def head(self) -> Head:
        """Where the chain ends, with what was added."""
        return Head(seq=self._seq, hash=self._hash)

    def add(self, event: Event, body: str) -> None:
        """Add *event*, whose canonical JSON is *body*."""
        self._seq += 1
        self._hash = entry_hash(self._hash, body.encode())
        self._rows.append(
            (self._seq, event.at, event.kind, event.operation_id, event.login, event.actor, body, self._hash)
        )

    def store(self) -> None:
        """Record what was added since the last time."""
        if self._rows:
            self._transaction.queue(_APPEND, self._rows)
            self._transaction.queue(_MOVE_HEAD, [{"seq": self._seq, "hash": self._hash}])
            self._rows.clear()


def entry_hash(previous: str, body: bytes) -> str:
    """Return the hash of an event.

    Args:

        previous: The hash before it.

        body: The event as canonical JSON, in UTF-8.
    """
    return hashlib.sha256(previous.encode() + body).hexdigest()


_LOCK_HEAD = select(chain_head.c.seq, chain_head.c.hash).with_for_update()
_APPEND = insert(events)
_MOVE_HEAD = update(chain_head).values(seq=bindparam("seq"), hash=bindparam("hash"))
