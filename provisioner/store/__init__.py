"""Keeps what the product knows: SQLAlchemy Core on SQLite.

Where to find things: :mod:`~provisioner.store.db.tables` has the tables, :mod:`~provisioner.store.db.database` opens the
database, :mod:`~provisioner.store.journal.writer` commits events in groups, of which :mod:`~provisioner.store.journal.apply` makes
statements, :mod:`~provisioner.store.journal.leases` decides who may drive an operation, :mod:`~provisioner.store.audit.chain` keeps
the trail, and :mod:`~provisioner.store.records` reads.
"""

from provisioner.store.audit.chain import Entry
from provisioner.store.store import LEASE_TTL, Store

__all__ = ["LEASE_TTL", "Entry", "Store"]
