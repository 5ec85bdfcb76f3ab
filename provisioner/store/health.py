"""What is remembered of targets and channels that fail."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from provisioner.core.gateways.health import Change, TargetHealth
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import target_health

_ONE = select(target_health).where(target_health.c.name == bindparam("this"))
_PUT = put(target_health)
_FORGET = delete(target_health).where(target_health.c.name == bindparam("this"))


class StoredHealth:
    """The :class:`~provisioner.core.gateways.health.Health` that the processes of one store share.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def get(self, name: str, /) -> TargetHealth | None:
        """Return what is known of one target or channel; ``None`` if it works."""
        found = self._reader.all(select(target_health).where(target_health.c.name == name))
        return TargetHealth(**found[0]._asdict()) if found else None

    def all(self) -> Sequence[TargetHealth]:
        """Return what is known of every target and channel that does not work, by name."""
        rows = self._reader.all(select(target_health).order_by(target_health.c.name))
        return [TargetHealth(**row._asdict()) for row in rows]

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        """Change what is known of one target or channel, with nobody else in between, and return it.

        Raises:

            StoreError: The store failed. Nothing was changed.
        """
        with self._database.write() as connection:
            row = connection.execute(_ONE, {"this": name}).one_or_none()
            after = change(TargetHealth(**row._asdict()) if row else None)
            if after:
                run(connection, _PUT, [as_row(after)])
            elif row:
                connection.execute(_FORGET, {"this": name})
        return after
