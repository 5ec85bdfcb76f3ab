"""Looks ids up by their first characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto

from sqlalchemy import Column, select

from provisioner.store.db.database import Database
from provisioner.store.db.tables import deliveries, handovers, operations, requests, staged_runs, tokens, troubles


class Named(Enum):
    """What has an id."""

    OPERATION = auto()
    HANDOVER = auto()
    REQUEST = auto()
    RUN = auto()
    INCIDENT = auto()
    MESSAGE = auto()
    TOKEN = auto()


_COLUMNS: Mapping[Named, Column[str]] = {
    Named.OPERATION: operations.c.id,
    Named.HANDOVER: handovers.c.operation_id,
    Named.REQUEST: requests.c.id,
    Named.RUN: staged_runs.c.id,
    Named.INCIDENT: troubles.c.id,
    Named.MESSAGE: deliveries.c.id,
    Named.TOKEN: tokens.c.id,
}

#: Comes after every character of an id.
_LAST = "\U0010ffff"


class StoredIds:
    """Looks up the ids in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def starting_with(self, kind: Named, beginning: str, *, at_most: int) -> Sequence[str]:
        """Return the ids of a kind with this beginning, in their order; the index finds them without reading others."""
        column = _COLUMNS[kind]
        query = select(column).where(column >= beginning, column < beginning + _LAST).order_by(column).limit(at_most)
        with self._database.read() as connection:
            return connection.execute(query).scalars().all()
