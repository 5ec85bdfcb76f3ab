"""Chooses what a store's URL names."""

from __future__ import annotations

from provisioner.store.db.database import Database
from provisioner.store.db.sqlite import SqliteDatabase


def database_at(url: str, *, rebuilds_tables: bool = False) -> Database:
    """Return the database at *url*, which need not exist.

    Args:

        url: Where it is, for example ``sqlite:////var/lib/provisioner/store.db``.

        rebuilds_tables: Whether it is opened for migrations, which may rebuild tables that others refer to.

    Raises:

        StoreError: The URL names nothing that can be a store.
    """
    return SqliteDatabase(url, rebuilds_tables=rebuilds_tables)
