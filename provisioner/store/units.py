"""Units: what is read of them, and how lists change them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from provisioner.core.api.events import Event
from provisioner.core.model import Unit
from provisioner.store import tree
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import models
from provisioner.store.db.tables import events, units

_COLUMNS = units.c.keys()
_AMONG = select(units).where(units.c.code.in_(bindparam("codes", expanding=True))).order_by(units.c.code)

#: How many units narrow a query.
_FEW = 500
_SOME_UNDER = tree.codes_under(bindparam("tops", expanding=True)).limit(_FEW + 1)

_IN_USE = select(units).where(units.c.removed_at.is_(None))


class StoredUnits:
    """The units of one store. Removed ones are found by their codes only.

    Args:

        database: An open store.

        now: The clock of this process. PostgreSQL uses its own.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._reader = Reader(database)
        self._now = now

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        """Return the units with these codes, by code, removed ones too. What does not exist is left out."""
        found = self._reader.find_among(_AMONG, "codes", codes)
        return {unit.code: unit for unit in models(Unit, _COLUMNS, found)}

    def of_custodian(self, person_id: str, /) -> Sequence[Unit]:
        """Return the units whose custodian this person is, by code."""
        return self._units(_IN_USE.where(units.c.custodian == person_id).order_by(units.c.code))

    def exist(self) -> bool:
        """Whether there is any unit."""
        return bool(self._reader.all(_IN_USE.limit(1)))

    def all(self) -> Iterator[Unit]:
        """Yield every unit, by code."""
        for page in self._reader.pages(_IN_USE, units.c.code):
            yield from models(Unit, _COLUMNS, page)

    def children(self, code: str, /) -> Sequence[Unit]:
        """Return the units right below the one with this code, by code."""
        return self._units(_IN_USE.where(units.c.parent == code).order_by(units.c.code))

    def subtree(self, code: str, /) -> Sequence[Unit]:
        """Return the unit with this code and all below it; each unit stands after its parent."""
        return self._units(tree.subtree(code))

    def narrow(self, tops: Collection[str] | None) -> Collection[str] | None:
        """Return the same codes if they narrow a query: if there are few units at or below them; otherwise ``None``.

        A database that looks for any of thousands of units takes longer than one that reads what fits without them.

        Args:

            tops: The codes of units, for these units and all units below them; ``None`` for all units.
        """
        if not tops:
            return tops
        found = self._reader.all(_SOME_UNDER, {"tops": list(tops)})
        return tops if len(found) <= _FEW else None

    def path(self, code: str, /) -> Sequence[Unit]:
        """Return the units from the top down to the one with this code."""
        return models(Unit, _COLUMNS, self._reader.find(tree.PATH, code=code))

    def custodian_named_by(self, login: str, /) -> str | None:
        """Return who last named another custodian for the unit of this account in a list, since it has the account."""
        from provisioner.core.engine.master_data import UnitChanged

        query = select(events.c.actor, events.c.body).where(events.c.login == login, events.c.kind == UnitChanged.kind)
        for row in self._reader.all(query.order_by(events.c.seq.desc())):
            if "custodian" in json.loads(row.body)["after"]:
                return str(row.actor)
        return None

    def save(self, saved: Iterable[Unit], *, actor: str = "") -> Iterable[Event]:
        """Add these units, or write them over those with the same code, each change with its event; all or none.

        Args:

            saved: The units. Those that are known as they are change nothing.

            actor: Who changes them.

        Returns:

            The events, for the observers.

        Raises:

            StoreError: A parent does not exist, a unit would be above itself, or the store failed.
        """
        from provisioner.store import master_data

        given = {unit.code: unit for unit in saved}
        if not given:
            return ()
        with self._database.write() as connection:
            return master_data.save_units(
                connection, given, at=self._database.time_on(connection, self._now), actor=actor
            )

    def remove(self, codes: Iterable[str], *, actor: str) -> Iterable[Event]:
        """Remove units, each with its event; all or none. Their rows stay, because accounts refer to them.

        Args:

            codes: The codes of the units. Those that are removed already change nothing.

            actor: Who removes them.

        Returns:

            The events, for the observers.

        Raises:

            BusyError: A unit has an account in use, or a unit below it.

            StoreError: The store failed.
        """
        from provisioner.store import master_data

        with self._database.write() as connection:
            return master_data.remove_units(
                connection, list(codes), at=self._database.time_on(connection, self._now), actor=actor
            )

    def _units(self, query: Select[Any]) -> Sequence[Unit]:
        return models(Unit, _COLUMNS, self._reader.all(query))
