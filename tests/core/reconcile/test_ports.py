"""The store is what a comparison asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from provisioner.core.reconcile.ports import Inventory
from provisioner.store import Store


def test_the_store_satisfies_the_types_of_the_ports(tmp_path: Path) -> None:
    """The types are checked by mypy; here, that the noun is there and answers."""
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        inventory: Inventory = store

        assert inventory.last_seen.note("posta", []) == {}
        assert list(inventory.last_seen.unseen("posta", datetime(2026, 11, 28, tzinfo=UTC))) == []
