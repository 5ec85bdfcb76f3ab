"""Keeps what the product knows: SQLAlchemy Core on SQLite.

Where to find things: :mod:`~provisioner.store.tables` has the tables, :mod:`~provisioner.store.engine` opens the
database, :mod:`~provisioner.store.writer` commits events in groups, of which :mod:`~provisioner.store.apply` makes
statements, :mod:`~provisioner.store.leases` decides who may drive an operation, :mod:`~provisioner.store.chain` keeps
the trail, and :mod:`~provisioner.store.records` reads.
"""

from provisioner.store.chain import Entry
from provisioner.store.store import LEASE_TTL, Store

__all__ = ["LEASE_TTL", "Entry", "Store"]
