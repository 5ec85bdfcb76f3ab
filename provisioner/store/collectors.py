"""Up to which entry each collector has the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs
from sqlalchemy import delete, select

from provisioner.store.audit.chain import Head
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import collector_places

_PUT = put(collector_places)


@attrs.frozen(kw_only=True)
class CollectorPlace:
    """The last entry that a collector is known to have read."""

    #: The address of the collector.
    collector: str
    seq: int
    hash: str
    #: When it was known, in UTC.
    at: datetime

    @property
    def head(self) -> Head:
        """The same as a place of the audit log."""
        return Head(seq=self.seq, hash=self.hash)


class StoredCollectors:
    """The collectors of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def all(self) -> Sequence[CollectorPlace]:
        """Return the places of all collectors, by their addresses."""
        rows = self._reader.all(select(collector_places).order_by(collector_places.c.collector))
        return [CollectorPlace(**row._asdict()) for row in rows]

    def find(self, collector: str, /) -> CollectorPlace | None:
        """Return the place of one collector; ``None`` if nothing was ever sent to it."""
        rows = self._reader.all(select(collector_places).where(collector_places.c.collector == collector))
        return CollectorPlace(**rows[0]._asdict()) if rows else None

    def save(self, place: CollectorPlace, /) -> None:
        """Store the place of one collector.

        Raises:

            StoreError: The store failed. Nothing was stored.
        """
        with self._database.write() as connection:
            run(connection, _PUT, [as_row(place)])

    def forget(self, collector: str, /) -> bool:
        """Remove the place of one collector; return whether there was one.

        Raises:

            StoreError: The store failed. Nothing was removed.
        """
        with self._database.write() as connection:
            removed = connection.execute(delete(collector_places).where(collector_places.c.collector == collector))
            return removed.rowcount > 0
