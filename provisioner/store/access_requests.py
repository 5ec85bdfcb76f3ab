"""Request forms: what the events change, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, insert, select

from provisioner.core.api.events import Event
from provisioner.core.governance.access_requests import (
    AccessRequest,
    FormEvent,
    FormState,
    MobileConfirmed,
    RequestApproved,
    RequestArchived,
    RequestBegun,
    RequestRejected,
    RequestSubmitted,
)
from provisioner.core.model import OperationState
from provisioner.store.db.rows import Change, as_row, revise
from provisioner.store.db.tables import operations, requests
from provisioner.store.records import StoredRecords

_OPEN = [state for state in FormState if state.is_open]

_SUBMIT = insert(requests)
_REVISE = revise(requests)


def _submitted(event: RequestSubmitted) -> Iterable[Change]:
    yield _SUBMIT, as_row(event.form)


def _revised(event: FormEvent) -> Iterable[Change]:
    yield _REVISE, as_row(event.form) | {"this": event.form.id}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    RequestSubmitted: _submitted,
    RequestApproved: _revised,
    RequestRejected: _revised,
    MobileConfirmed: _revised,
    RequestBegun: _revised,
    RequestArchived: _revised,
}


class StoredForms(StoredRecords):
    """What is read of request forms."""

    def form(self, form_id: str, /) -> AccessRequest | None:
        """Return a request form."""
        found = self._forms(select(requests).where(requests.c.id == form_id))
        return found[0] if found else None

    def open_forms(self, login: str, /) -> Sequence[AccessRequest]:
        """Return the forms about this account to which something is still to happen, the oldest first."""
        query = select(requests).where(requests.c.login == login, requests.c.state.in_(_OPEN))
        return self._forms(query.order_by(requests.c.submitted_at, requests.c.id))

    def operations_of_forms(self) -> Collection[str]:
        """Return the ids of the operations that carry out forms which are not archived."""
        query = select(requests.c.operation).where(requests.c.state == FormState.EXECUTING)
        return {row.operation for row in self._all(query) if row.operation}

    def forms_carried_out(self) -> Sequence[AccessRequest]:
        """Return the forms whose operation is done and that are not archived."""
        query = (
            select(requests)
            .join(operations, operations.c.id == requests.c.operation)
            .where(requests.c.state == FormState.EXECUTING, operations.c.state == OperationState.DONE)
        )
        return self._forms(query)

    def find_forms(self, *, state: FormState | None = None, login: str | None = None) -> Iterator[AccessRequest]:
        """Yield forms, the latest first.

        Args:

            state: Only those in this state.

            login: Only those about this account.
        """
        query = select(requests)
        if state is not None:
            query = query.where(requests.c.state == state)
        if login is not None:
            query = query.where(requests.c.login == login)
        for page in self._pages(query, requests.c.submitted_at, requests.c.id, latest_first=True):
            yield from (AccessRequest(**row._asdict()) for row in page)

    def _forms(self, query: Select[Any]) -> list[AccessRequest]:
        return [AccessRequest(**row._asdict()) for row in self._all(query)]
