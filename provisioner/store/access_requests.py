"""Access requests: what the events change, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, insert, select

from provisioner.core.api.events import Event
from provisioner.core.governance.access_requests import (
    AccessRequest,
    MobileConfirmed,
    RequestApproved,
    RequestArchived,
    RequestBegun,
    RequestEvent,
    RequestRejected,
    RequestState,
    RequestSubmitted,
)
from provisioner.core.model import OperationState
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, as_row, revise
from provisioner.store.db.tables import operations, requests

_OPEN = [state for state in RequestState if state.is_open]

_SUBMIT = insert(requests)
_REVISE = revise(requests)


def _submitted(event: RequestSubmitted) -> Iterable[Change]:
    yield _SUBMIT, as_row(event.form)


def _revised(event: RequestEvent) -> Iterable[Change]:
    yield _REVISE, as_row(event.form) | {"this": event.form.id}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    RequestSubmitted: _submitted,
    RequestApproved: _revised,
    RequestRejected: _revised,
    MobileConfirmed: _revised,
    RequestBegun: _revised,
    RequestArchived: _revised,
}


class StoredAccessRequests:
    """The access requests of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get(self, request_id: str, /) -> AccessRequest | None:
        """Return the request with this id; ``None`` if there is none."""
        found = self._requests(select(requests).where(requests.c.id == request_id))
        return found[0] if found else None

    def open_for(self, login: str, /) -> Sequence[AccessRequest]:
        """Return the requests about this account that are neither archived nor rejected, the oldest first."""
        query = select(requests).where(requests.c.login == login, requests.c.state.in_(_OPEN))
        return self._requests(query.order_by(requests.c.submitted_at, requests.c.id))

    def executing_operations(self) -> Collection[str]:
        """Return the ids of the operations that carry out requests which are not archived."""
        query = select(requests.c.operation).where(requests.c.state == RequestState.EXECUTING)
        return {row.operation for row in self._reader.all(query) if row.operation}

    def carried_out(self) -> Sequence[AccessRequest]:
        """Return the requests whose operation is done and that are not archived."""
        query = (
            select(requests)
            .join(operations, operations.c.id == requests.c.operation)
            .where(requests.c.state == RequestState.EXECUTING, operations.c.state == OperationState.DONE)
        )
        return self._requests(query)

    def find(
        self, *, state: RequestState | None = None, login: str | None = None, requester: str | None = None
    ) -> Iterator[AccessRequest]:
        """Yield requests, the latest first.

        Args:

            state: Only those in this state.

            login: Only those about this account.

            requester: Only those that this person submitted.
        """
        query = select(requests)
        if state is not None:
            query = query.where(requests.c.state == state)
        if login is not None:
            query = query.where(requests.c.login == login)
        if requester is not None:
            query = query.where(requests.c.requester == requester)
        for page in self._reader.pages(query, requests.c.submitted_at, requests.c.id, latest_first=True):
            yield from (AccessRequest(**row._asdict()) for row in page)

    def _requests(self, query: Select[Any]) -> list[AccessRequest]:
        return [AccessRequest(**row._asdict()) for row in self._reader.all(query)]
