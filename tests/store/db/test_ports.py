"""The database of the store is what the journal asks for."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from provisioner.store.db.opening import database_at
from provisioner.store.db.ports import JournalDatabase
from provisioner.store.db.schema import create
from provisioner.store.db.tables import chain_head


def test_the_database_satisfies_the_types_of_the_ports(tmp_path: Path) -> None:
    """The types are checked by mypy; here, that each method is there and answers."""
    database = database_at(f"sqlite:///{tmp_path}/store.db")
    create(database)
    port: JournalDatabase = database

    with port.transaction() as transaction:
        assert transaction.find(select(chain_head.c.id)) == [(1,)]
    assert "disk I/O" in str(port.failure(OperationalError("", None, OSError("disk I/O error"))))
    database.close()
