"""The records of handovers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import or_, select

from provisioner.core.model import Handover
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.tables import handovers


class StoredHandovers:
    """The records of handovers in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get_many(self, operation_ids: Iterable[str], /) -> Mapping[str, Handover]:
        """Return the records of the handovers that these operations were, by the operation's id."""
        found = self._reader.among(select(handovers), handovers.c.operation_id, operation_ids)
        return {row.operation_id: Handover(**row._asdict()) for row in found}

    def find(self, *, login: str | None = None, person: str | None = None) -> Iterator[Handover]:
        """Yield the records of handovers, the latest first.

        Args:

            login: Only those of this account.

            person: Only those from or to the person with this id.
        """
        query = select(handovers)
        if login is not None:
            query = query.where(handovers.c.login == login)
        if person is not None:
            query = query.where(or_(handovers.c.outgoing == person, handovers.c.incoming == person))
        for page in self._reader.pages(query, handovers.c.finished_at, handovers.c.operation_id, latest_first=True):
            yield from (Handover(**row._asdict()) for row in page)
