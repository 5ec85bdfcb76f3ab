"""When the store was used, and what becomes of times that were stored by a clock that was ahead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs
from sqlalchemy import Column, Table, and_, bindparam, case, delete, or_, select, update
from sqlalchemy.sql.dml import Update

from provisioner.core.api.events import ClockConfirmed, TimesCorrected
from provisioner.core.engine.clock import FURTHEST_BACK, KnownTimes
from provisioner.store.db.database import Database
from provisioner.store.db.ports import Transaction
from provisioner.store.db.rows import Change, put
from provisioner.store.db.tables import (
    accounts,
    clock,
    deliveries,
    marks,
    notices,
    operations,
    routines,
    rule_sets,
    schedule,
    slots,
    target_health,
)
from provisioner.store.db.transaction import DriverTransaction
from provisioner.store.db.types import UtcDateTime

#: How often the time is recorded at most, while all is as it should be.
INTERVAL = timedelta(minutes=1)


def read(transaction: Transaction) -> KnownTimes | None:
    """Return when the store was used; ``None`` if it never was."""
    for trusted_at, latest_at in transaction.find(_READ):
        return KnownTimes(trusted_at=trusted_at, latest_at=latest_at)
    return None


@attrs.define(eq=False)
class Times:
    """Writes down when the store is used. Used by one thread."""

    _noted_at: datetime | None = attrs.field(default=None, init=False)

    def note(self, transaction: Transaction, time: datetime) -> None:
        """Record that the store was used at *time*, unless that was done just before.

        Args:

            transaction: One that may write.

            time: When.
        """
        if self._noted_at and self._noted_at <= time < self._noted_at + INTERVAL:
            return
        known = read(transaction)
        after = known.after(time) if known else KnownTimes(trusted_at=time, latest_at=time)
        if after != known:
            transaction.run(_PUT, [{"id": 1, **attrs.asdict(after)}])
        self._noted_at = time


class StoredClock:
    """When one store was used.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known_times(self) -> KnownTimes | None:
        """Return when the store was used; ``None`` if it never was."""
        with self._database.read() as connection:
            return read(DriverTransaction(connection))

    def note(self, now: datetime, /) -> None:
        """Remember that the store was used now, whether anything was written or not.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            Times().note(DriverTransaction(connection), now)


def confirmed(event: ClockConfirmed) -> Iterable[Change]:
    """Trust the clock as it is."""
    yield _TRUST, {"now": event.at}


def corrected(event: TimesCorrected) -> Iterable[Change]:
    """Let what was done at a time that has not come be done now, and compute all deadlines again."""
    now = {"now": event.at}
    for statement in _CORRECTIONS:
        yield statement, now
    yield _BE_TRIED, now | {"far": event.at + FURTHEST_BACK}


_NOW = bindparam("now", type_=UtcDateTime())


def _at_most_now(table: Table, *columns: Column[datetime]) -> Update:
    """Return a statement that brings these times of a table back to now."""
    values = {column.name: case((column > _NOW, _NOW), else_=column) for column in columns}
    return update(table).where(or_(*(column > _NOW for column in columns))).values(values)


_READ = select(clock.c.trusted_at, clock.c.latest_at)
_PUT = put(clock)
_TRUST = update(clock).values(trusted_at=_NOW)

_CORRECTIONS = (
    _at_most_now(accounts, accounts.c.opened_at, accounts.c.closed_at, accounts.c.password_changed_at),
    # A deadline that has not come was not met; that a duty was done is not a matter of the day.
    delete(marks).where(and_(marks.c.at > _NOW, marks.c.confirmed_at.is_(None))),
    _at_most_now(marks, marks.c.at, marks.c.met_at, marks.c.confirmed_at),
    _at_most_now(rule_sets, rule_sets.c.since),
    _at_most_now(routines, routines.c.began_at, routines.c.ended_at),
    _at_most_now(slots, slots.c.slot_at),
    _at_most_now(operations, operations.c.finished_at),
    _at_most_now(
        deliveries,
        *(deliveries.c[name] for name in ("sent_at", "handed_over_at", "accepted_at", "ended_at", "next_ask_at")),
    ),
    _at_most_now(notices, notices.c.sent_at),
    _at_most_now(target_health, target_health.c.failing_since, target_health.c.quarantined_at),
    update(schedule).values(cursor=""),
    update(clock).values(latest_at=_NOW),
)
_BE_TRIED = (
    update(operations)
    .where(operations.c.finished_at.is_(None), operations.c.next_try_at > bindparam("far", type_=UtcDateTime()))
    .values(next_try_at=_NOW)
)
