"""Keeps what the product knows: SQLAlchemy Core on SQLite.

:mod:`~provisioner.store.db`
    The tables, the connections and the migrations.
:mod:`~provisioner.store.journal`
    Commits events in groups, with the changes of state that follow from them, and grants leases.
:mod:`~provisioner.store.audit`
    The audit log: a chain of hashes over all events.

The other modules read, one noun each; :class:`Store` is all of it.
"""

from provisioner.store.audit.chain import AuditEntry
from provisioner.store.store import LEASE_TTL, Store

__all__ = ["LEASE_TTL", "AuditEntry", "Store"]
