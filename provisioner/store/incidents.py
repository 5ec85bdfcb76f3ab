"""Incidents: what the events change, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import insert, select

from provisioner.core.api.events import Event
from provisioner.core.governance.incidents import (
    Incident,
    IncidentEscalated,
    IncidentEvent,
    IncidentReported,
    IncidentResolved,
    IncidentState,
)
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, as_row, revise
from provisioner.store.db.tables import troubles
from provisioner.store.tree import codes_under

_REPORT = insert(troubles)
_REVISE = revise(troubles)


def _reported(event: IncidentReported) -> Iterable[Change]:
    yield _REPORT, as_row(event.trouble)


def _revised(event: IncidentEvent) -> Iterable[Change]:
    yield _REVISE, as_row(event.trouble) | {"this": event.trouble.id}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    IncidentReported: _reported,
    IncidentEscalated: _revised,
    IncidentResolved: _revised,
}


class StoredIncidents:
    """The incidents of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get(self, incident_id: str, /) -> Incident | None:
        """Return the incident with this id; ``None`` if there is none."""
        found = self._reader.all(select(troubles).where(troubles.c.id == incident_id))
        return Incident(**found[0]._asdict()) if found else None

    def find(
        self, *, state: IncidentState | None = None, login: str | None = None, under: str | None = None
    ) -> Iterator[Incident]:
        """Yield incidents, the latest first.

        Args:

            state: Only those in this state.

            login: Only those about this account.

            under: Only those that the unit with this code, or one below it, handles.
        """
        query = select(troubles)
        if state is not None:
            query = query.where(troubles.c.state == state)
        if login is not None:
            query = query.where(troubles.c.login == login)
        if under is not None:
            query = query.where(troubles.c.unit.in_(codes_under([under])))
        for page in self._reader.pages(query, troubles.c.reported_at, troubles.c.id, latest_first=True):
            yield from (Incident(**row._asdict()) for row in page)
