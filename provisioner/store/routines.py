"""When each routine last ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from provisioner.core.api.events import BackupMade, Event
from provisioner.core.model.routines import Routine, RoutineRun
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, put
from provisioner.store.db.tables import routines

_PUT = put(routines)
#: A new run keeps the end of the one before.
_BEGIN = put(routines, routines.c.began_at)
_END = update(routines).where(routines.c.name == bindparam("this")).values(ended_at=bindparam("at"))


def _backed_up(event: BackupMade) -> Iterable[Change]:
    yield _PUT, {"name": Routine.BACKUP, "began_at": event.began_at, "ended_at": event.at}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {BackupMade: _backed_up}


class StoredRoutines:
    """The last runs of routines, in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def last(self) -> Mapping[Routine, RoutineRun]:
        """Return the last run of each routine that ever ran."""
        return {row.name: RoutineRun(**row._asdict()) for row in self._reader.all(select(routines))}

    def begin(self, name: Routine, at: datetime, /) -> None:
        """Note that a run begins. When the last one ended stays known.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            run(connection, _BEGIN, [{"name": name, "began_at": at, "ended_at": None}])

    def end(self, name: Routine, at: datetime, /) -> None:
        """Note that the run has come to its end.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            run(connection, _END, [{"this": name, "at": at}])
