"""The trail of events, as a chain of hashes.

Each event is kept as canonical JSON: keys sorted, no spaces, UTF-8, times in ISO 8601 and UTC. Its hash is the SHA-256
of the hash before it followed by that text. So nothing can be changed, taken out or put in without changing every hash
after it, and the head of the chain, which is kept apart, tells a tail that was cut off.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import Connection, insert, select, update

from provisioner.core.events import Event
from provisioner.store.prepared import prepared
from provisioner.store.tables import chain_head, events

#: What stands for the hash before the first event.
GENESIS = "0" * 64


@attrs.frozen(kw_only=True)
class Head:
    """Where the chain ends."""

    seq: int = 0
    hash: str = GENESIS


@attrs.frozen(kw_only=True)
class Entry:
    """One event of the trail, as it is kept."""

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

    def follows(self, head: Head) -> bool:
        """Whether this entry is intact and comes right after *head*."""
        return (self.seq, self.hash) == (head.seq + 1, link(head.hash, self.body)) and self._says_what_its_body_says()

    def _says_what_its_body_says(self) -> bool:
        body = json.loads(self.body)
        shown = {"at": iso(self.at), "kind": self.kind, "login": self.login, "actor": self.actor}
        shown["operation_id"] = self.operation_id
        return {key: body.get(key) for key in shown} == shown


class Trail:
    """The end of the chain, locked until the transaction ends, and what is added to it.

    Args:

        connection: One on which a writing transaction has begun.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seq, self._hash = connection.execute(_LOCK_HEAD).one()
        self._rows: list[dict[str, object]] = []

    def add(self, event: Event, body: str) -> None:
        """Add *event*, whose canonical JSON is *body*."""
        self._seq += 1
        self._hash = link(self._hash, body)
        self._rows.append(
            {
                "seq": self._seq,
                "at": event.at,
                "kind": event.kind,
                "operation_id": event.operation_id,
                "login": event.login,
                "actor": event.actor,
                "body": body,
                "hash": self._hash,
            }
        )

    def store(self) -> None:
        """Write down what was added."""
        if self._rows:
            prepared(_APPEND, self._connection.dialect).run(self._connection, self._rows)
            self._connection.execute(_MOVE_HEAD, {"seq": self._seq, "hash": self._hash})


def link(previous: str, body: str) -> str:
    """Return the hash of an event.

    Args:

        previous: The hash before it.

        body: The event as canonical JSON.
    """
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()


def canonical(event: Event) -> str:
    """Return *event* as canonical JSON.

    Raises:

        TypeError: It contains something that is not for the trail; above all a secret.
    """
    text = _encode(_fields(event) | {"kind": event.kind})
    return text.encode(errors="replace").decode()


def iso(time: datetime) -> str:
    """Return an aware time in UTC as the trail writes it."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def verify_chain(connection: Connection) -> int | None:
    """Return the place of the first event that is missing, was changed or was put in; ``None`` if there is none.

    Args:

        connection: One on which a transaction has begun, so that all is read as it was at one moment.
    """
    end = connection.execute(_HEAD).one()
    head = Head()
    rows = connection.execute(select(events).order_by(events.c.seq).execution_options(yield_per=1000))
    for row in rows:
        entry = Entry(**row._asdict())
        if not entry.follows(head) or entry.seq > end.seq:
            return head.seq + 1
        head = Head(seq=entry.seq, hash=entry.hash)
    if head.seq < end.seq:
        return head.seq + 1
    return None if head.hash == end.hash else head.seq


def _fields(value: Any) -> dict[str, object]:
    if not attrs.has(type(value)):
        msg = f"{type(value).__name__} is not for the trail"
        raise TypeError(msg)
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}


def _default(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else _fields(value)


_HEAD = select(chain_head.c.seq, chain_head.c.hash)
_LOCK_HEAD = _HEAD.with_for_update()
_APPEND = insert(events)
_MOVE_HEAD = update(chain_head)
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_default).encode
