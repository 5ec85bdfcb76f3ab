"""Requests to the API that have a key, and their answers.

A request is here before it changes anything, and its answer is here afterwards. A request without an answer whose
process has ended may have taken effect or not, so it is never carried out again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Row, and_, bindparam, delete, insert, select, update

from provisioner.core.api.errors import StoreError
from provisioner.core.model.keyed_requests import KeyedAnswer, KeyedRequest
from provisioner.store.db.database import Database
from provisioner.store.db.tables import keyed_requests
from provisioner.store.journal.owners import owner_is_gone

_THIS = and_(keyed_requests.c.actor == bindparam("of"), keyed_requests.c.key == bindparam("this"))
_READ = select(keyed_requests).where(_THIS)
_ADD = insert(keyed_requests)
_ANSWER = (
    update(keyed_requests)
    .where(_THIS)
    .values({name: bindparam(name) for name in ("status", "media_type", "body", "location")})
)
_FORGET_OLD = delete(keyed_requests).where(
    keyed_requests.c.expires_at <= bindparam("now", type_=keyed_requests.c.expires_at.type)
)
_FORGET = delete(keyed_requests).where(_THIS)
_ANSWERED = tuple(field.name for field in attrs.fields(KeyedAnswer))


class StoredKeyedRequests:
    """The requests of one store.

    Args:

        database: An open store.

        owner: The name of this process.
    """

    def __init__(self, database: Database, *, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._lock = threading.Lock()
        self._under_way: set[tuple[str, str]] = set()
        #: The requests that changed nothing and could not be forgotten.
        self._unforgotten: set[tuple[str, str]] = set()

    def begin(self, actor: str, key: str, fingerprint: str, *, at: datetime, keep: timedelta) -> KeyedRequest | None:
        """Write down that a request begins, unless there is one with this key. Requests that are too old are removed.

        Args:

            actor: In whose name it is sent.

            key: Its key.

            fingerprint: The SHA-256 of what is asked for.

            at: The time, in UTC.

            keep: For how long it is kept.

        Returns:

            The earlier request with this key; ``None`` if the new one begins.

        Raises:

            StoreError: The store failed. Nothing was written.
        """
        row = {
            "actor": actor,
            "key": key,
            "fingerprint": fingerprint,
            "owner": self._owner,
            "begun_at": at,
            "expires_at": at + keep,
        }
        with self._lock:
            with self._database.write() as connection:
                connection.execute(_FORGET_OLD, {"now": at})
                for place in self._unforgotten:
                    connection.execute(_FORGET, _place(*place))
                found = connection.execute(_READ, _place(actor, key)).first()
                if found is None:
                    connection.execute(_ADD, row)
            self._unforgotten.clear()
            if found is None:
                self._under_way.add((actor, key))
        return _request(found) if found else None

    def is_under_way(self, request: KeyedRequest) -> bool:
        """Whether a process works on a request, as far as can be known."""
        if request.owner == self._owner:
            with self._lock:
                return (request.actor, request.key) in self._under_way
        return not owner_is_gone(request.owner)

    def answer(self, actor: str, key: str, answer: KeyedAnswer) -> None:
        """Keep the answer to a request.

        Raises:

            StoreError: The store failed. The request stays without an answer.
        """
        with self._database.write() as connection:
            connection.execute(_ANSWER, {**_place(actor, key), **attrs.asdict(answer)})

    def forget(self, actor: str, key: str) -> None:
        """Forget a request that changed nothing, so that it can be sent again.

        If the store fails, this process forgets it before it begins another request.
        """
        try:
            with self._database.write() as connection:
                connection.execute(_FORGET, _place(actor, key))
        except StoreError:
            with self._lock:
                self._unforgotten.add((actor, key))

    def forget_old(self, at: datetime) -> None:
        """Forget the requests that need not be kept any longer.

        Args:

            at: The time, in UTC.

        Raises:

            StoreError: The store failed. The requests stay.
        """
        with self._database.write() as connection:
            connection.execute(_FORGET_OLD, {"now": at})

    def end(self, actor: str, key: str) -> None:
        """Note that this process no longer works on a request."""
        with self._lock:
            self._under_way.discard((actor, key))


def _place(actor: str, key: str) -> Mapping[str, str]:
    return {"of": actor, "this": key}


def _request(row: Row[Any]) -> KeyedRequest:
    values = row._asdict()
    answer = {name: values.pop(name) for name in _ANSWERED}
    return KeyedRequest(**values, answer=KeyedAnswer(**answer) if answer["status"] is not None else None)
