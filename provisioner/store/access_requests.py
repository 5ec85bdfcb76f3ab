"""Access requests: what the events change, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, insert, or_, select

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
from provisioner.store.db.rows import Change, as_row, models, revise
from provisioner.store.db.tables import operations, persons, requests
from provisioner.store.tree import codes_under

_OPEN = [state for state in RequestState if state.is_open]
_COLUMNS = requests.c.keys()

#: Without an order: SQLite would read all requests in the order of their times, and not only those in these states.
_SUBMITTED = select(requests).where(requests.c.state == RequestState.SUBMITTED)
_UNDER_WAY = select(requests).where(requests.c.state.in_([RequestState.APPROVED, RequestState.EXECUTING]))

#: The units of a person, the person, and those for whom the person decides.
_UNITS = codes_under(bindparam("tops", expanding=True))
_PERSON = bindparam("person", type_=requests.c.requester.type)
_DECIDERS = persons.c.supervisor.in_(bindparam("deciders", expanding=True))
_UNSUPERVISED = persons.c.supervisor.is_(None)

_UNDER_WAY_IN = _UNDER_WAY.where(requests.c.unit.in_(_UNITS))
_OF_STAFF = _SUBMITTED.join(persons, persons.c.id == requests.c.requester)
_SUBMITTED_TO = _OF_STAFF.where(_DECIDERS)
_SUBMITTED_IN = _OF_STAFF.where(or_(_DECIDERS, and_(_UNSUPERVISED, persons.c.unit.in_(_UNITS))))
_SUBMITTED_ANYWHERE = _OF_STAFF.where(or_(_DECIDERS, _UNSUPERVISED))
_LATEST_OF = (
    select(requests)
    .where(requests.c.requester == _PERSON)
    .order_by(requests.c.submitted_at.desc(), requests.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_REQUESTERS = select(requests.c.requester).where(requests.c.state == RequestState.SUBMITTED).distinct()
_CARRIED_OUT = (
    select(requests)
    .join(operations, operations.c.id == requests.c.operation)
    .where(requests.c.state == RequestState.EXECUTING, operations.c.state == OperationState.DONE)
)

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
        return models(AccessRequest, _COLUMNS, self._reader.find(_CARRIED_OUT))

    def requesters(self) -> Collection[str]:
        """Return who has submitted a request that nobody has decided on."""
        return {person for (person,) in self._reader.find(_REQUESTERS)}

    def submitted_by(self, requesters: Iterable[str], /) -> Sequence[AccessRequest]:
        """Return the requests of these persons that nobody has decided on, the oldest first."""
        found = self._reader.among(_SUBMITTED, requests.c.requester, requesters)
        return _oldest_first(models(AccessRequest, _COLUMNS, found))

    def submitted_to(self, deciders: Iterable[str], tops: Collection[str] | None = ()) -> Sequence[AccessRequest]:
        """Return the requests that nobody has decided on, of persons whom the store has, the oldest first.

        Args:

            deciders: Those whose requesters have one of these persons as a supervisor.

            tops: And those whose requesters have no supervisor, in the units with these codes and all units below
                them; ``None`` for all units.
        """
        values = {"deciders": list(deciders)}
        if tops is None:
            return _oldest_first(self._requests(_SUBMITTED_ANYWHERE, values))
        if tops:
            return _oldest_first(self._requests(_SUBMITTED_IN, {**values, "tops": list(tops)}))
        return _oldest_first(self._requests(_SUBMITTED_TO, values))

    def under_way(self, tops: Collection[str] | None = None) -> Sequence[AccessRequest]:
        """Return the requests that were approved or begun and have not ended, the oldest first.

        Args:

            tops: Only those for the units with these codes and all units below them; ``None`` for all units.
        """
        if tops is None:
            return _oldest_first(self._requests(_UNDER_WAY))
        return _oldest_first(self._requests(_UNDER_WAY_IN, {"tops": list(tops)}))

    def latest_of(self, requester: str, /, *, limit: int) -> Sequence[AccessRequest]:
        """Return the latest requests that a person submitted, the latest first.

        Args:

            requester: The ID of the person.

            limit: How many are returned at most.
        """
        return self._requests(_LATEST_OF, {"person": requester, "limit": limit})

    def find(self, *, state: RequestState | None = None, login: str | None = None) -> Iterator[AccessRequest]:
        """Yield requests, the latest first.

        Args:

            state: Only those in this state.

            login: Only those about this account.
        """
        query = select(requests)
        if state is not None:
            query = query.where(requests.c.state == state)
        if login is not None:
            query = query.where(requests.c.login == login)
        for page in self._reader.pages(query, requests.c.submitted_at, requests.c.id, latest_first=True):
            yield from models(AccessRequest, _COLUMNS, page)

    def _requests(self, query: Select[Any], values: Mapping[str, object] | None = None) -> list[AccessRequest]:
        return models(AccessRequest, _COLUMNS, self._reader.all(query, values))


def _oldest_first(found: Iterable[AccessRequest]) -> list[AccessRequest]:
    return sorted(found, key=lambda request: (request.submitted_at, request.id))
