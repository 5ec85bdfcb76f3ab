"""Keeps what the product knows: SQLAlchemy Core on SQLite.

:mod:`~provisioner.store.db`
    The tables, the connections and the migrations.
:mod:`~provisioner.store.journal`
    Commits events in groups, with the changes of state that follow from them, and grants leases.
:mod:`~provisioner.store.audit`
    The audit log: a chain of hashes over all events.
:mod:`~provisioner.store.glance`
    What is known of single accounts, read without SQLAlchemy.

The other modules read, one noun each; :class:`Store` is all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.store.audit.chain import AuditEntry
    from provisioner.store.store import LEASE_TTL, Store
else:
    # The names are imported when they are first used: a short command needs no SQLAlchemy.

    _HOMES = {"AuditEntry": "audit.chain", "LEASE_TTL": "store", "Store": "store"}

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _HOMES:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value


__all__ = ["LEASE_TTL", "AuditEntry", "Store"]
