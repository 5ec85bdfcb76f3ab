"""The store has every method that the engine and its sweeps ask a store for."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from provisioner.core.engine.ports import Agenda, Census, Held, Journal, Records, Schedule
from provisioner.store import Store


def methods(port: type) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(port, inspect.isfunction)
    return {name: inspect.signature(method) for name, method in found if not name.startswith("_")}


@pytest.mark.parametrize("port", [Journal, Records, Agenda, Census, Held])
def test_a_method_of_the_port_that_the_store_lacks_is_found(port: type) -> None:
    asked, had = methods(port), methods(Store)

    assert set(asked) <= set(had)
    for name, signature in asked.items():
        assert len(had[name].parameters) == len(signature.parameters), name


def test_the_store_satisfies_the_types_of_the_ports(tmp_path: Path) -> None:
    store = Store.create(f"sqlite:///{tmp_path}/store.db")
    store.close()
    journal: Journal = store
    records: Records = store
    agenda: Agenda = store
    census: Census = store
    held: Held = store

    assert (journal, records, agenda, census, held) == (store, store, store, store, store)


def test_a_store_without_rule_sets_has_nothing_to_compute() -> None:
    assert Schedule() == Schedule(fingerprint="", cursor=None)
