"""Which targets and channels are in maintenance, and what waits for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from provisioner.core.api.events import Event
from provisioner.core.gateways.maintenance import Maintenance, MaintenanceBegan, MaintenanceEnded, OperationPutOff
from provisioner.core.model import OperationState
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, put
from provisioner.store.db.tables import maintenance, operations

_BEGIN = put(maintenance)
_END = delete(maintenance).where(maintenance.c.name == bindparam("this"))
#: What waits for the end of a maintenance has that as its next try.
_WAITED_FOR = select(maintenance.c.until).where(maintenance.c.name == bindparam("this")).scalar_subquery()
_MOVE = (
    update(operations)
    .where(operations.c.finished_at.is_(None), operations.c.next_try_at == _WAITED_FOR)
    .values(next_try_at=bindparam("at"))
)
_PUT_OFF = (
    update(operations)
    .where(
        operations.c.id == bindparam("this"),
        operations.c.finished_at.is_(None),
        operations.c.state != OperationState.RUNNING,
    )
    .values(next_try_at=bindparam("until"), error=bindparam("why"))
)


def _began(event: MaintenanceBegan) -> Iterable[Change]:
    yield _MOVE, {"this": event.target, "at": event.until}
    row = {"name": event.target, "since": event.at, "until": event.until}
    yield _BEGIN, row | {"actor": event.actor, "reason": event.reason}


def _ended(event: MaintenanceEnded) -> Iterable[Change]:
    yield _MOVE, {"this": event.target, "at": event.at}
    yield _END, {"this": event.target}


def _put_off(event: OperationPutOff) -> Iterable[Change]:
    yield _PUT_OFF, {"this": event.operation_id, "until": event.next_try_at, "why": event.error}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    MaintenanceBegan: _began,
    MaintenanceEnded: _ended,
    OperationPutOff: _put_off,
}


class StoredMaintenance:
    """The maintenance of targets and channels in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def all(self) -> Sequence[Maintenance]:
        """Return what was last said of each target and channel, by name; also if its time is over."""
        rows = self._reader.all(select(maintenance).order_by(maintenance.c.name))
        return [Maintenance(**row._asdict()) for row in rows]
