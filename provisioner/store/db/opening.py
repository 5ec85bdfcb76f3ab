"""Chooses the kind of database that a store's URL names."""

from __future__ import annotations

from provisioner.store.address import StoreAddress, address_of
from provisioner.store.db.database import Database

#: The schemes of URLs that name a PostgreSQL server.
_POSTGRESQL = ("postgresql:", "postgresql+psycopg:")


def database_at(
    address: StoreAddress | str, *, rebuilds_tables: bool = False, beside: Database | None = None
) -> Database:
    """Return the database at an address, which need not exist.

    Args:

        address: Where it is; or only its URL, for example ``sqlite:////var/lib/provisioner/store.db``.

        rebuilds_tables: Whether it is opened for migrations, which may rebuild tables that others refer to.

        beside: An open database that stays open for longer. If it is the same one on a server, with the same password,
            its connections are shared.

    Raises:

        StoreError: The URL names nothing that can be a store.
    """
    address = address_of(address)
    if address.url.startswith(_POSTGRESQL):
        from provisioner.store.db.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(address, beside if isinstance(beside, PostgresqlDatabase) else None)
    from provisioner.store.db.sqlite import SqliteDatabase

    return SqliteDatabase(address, rebuilds_tables=rebuilds_tables)
