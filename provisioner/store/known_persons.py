"""The persons that lists have brought, read within a transaction."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from provisioner.core.model import Person
from provisioner.store.db.rows import models
from provisioner.store.db.tables import persons
from provisioner.store.db.transaction import DriverTransaction

_PERSONS = select(persons).where(persons.c.id.in_(bindparam("ids", expanding=True)))


def persons_among(connection: Connection, ids: Iterable[str]) -> list[Person]:
    """Return the persons with these ids who are known."""
    rows = DriverTransaction(connection).find_among(_PERSONS, "ids", ids)
    return models(Person, persons.c.keys(), rows)
