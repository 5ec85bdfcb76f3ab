"""Units and persons that were there before the audit log of a store begins."""

from __future__ import annotations

from provisioner.core.model import Person, Unit
from provisioner.store.db.opening import database_at
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import persons, units

PROVINCE = Unit(code="46", name="Kahramanmaraş", kind="province")


def plant(url: str, *models: Unit | Person) -> None:
    """Put units and persons, by default one unit, into the tables of a store, and nothing into its audit log."""
    database = database_at(url)
    with database.write() as connection:
        for model in models or (PROVINCE,):
            connection.execute(put(units if isinstance(model, Unit) else persons), as_row(model))
    database.close()
