"""The store is what the engine asks for."""

from __future__ import annotations

from pathlib import Path

from provisioner.core.engine.ports import Census, Journal, Records
from provisioner.store import Store


def test_the_store_satisfies_the_types_of_the_ports(tmp_path: Path) -> None:
    """The types are checked by mypy; here, that each noun of the port is there and answers."""
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        journal: Journal = store
        records: Records = store
        census: Census = store.census

        journal.write()
        assert records.units.get_many(["46"]) == {}
        assert records.persons.get_many(["1"]) == {}
        assert records.accounts.all_target_states(["a"]) == {}
        assert records.operations.unended(["a"]) == {}
        assert records.held_runs.operations("r") == []
        assert records.marks.get_many(["a"]) == {}
        assert census.count_open("", 1) == 0
