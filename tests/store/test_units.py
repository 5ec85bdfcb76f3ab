"""Units come back as they were saved, and with what is above and below them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from provisioner.core.model import Unit
from provisioner.store import Store


def unit(code: str, parent: str | None = None, **more: Any) -> Unit:
    return Unit(code=code, name=f"unit {code}", kind="office", parent=parent, **more)


@pytest.fixture
def tree(store: Store) -> Store:
    store.units.save([unit("e", "c"), unit("d", "b"), unit("c", "b"), unit("b", "46"), unit("a", "46")])
    return store


def codes(units: Iterable[Unit]) -> list[str]:
    return [found.code for found in units]


def test_every_field_comes_back(store: Store) -> None:
    whole = Unit(
        code="746123", name="Şehit Öğretmen İlkokulu", kind="school", parent="46", login="746123", custodian="p1"
    )

    store.units.save([whole])

    assert store.units.get_many(["746123"]) == {"746123": whole}


def test_child_may_stand_before_its_parent(store: Store) -> None:
    store.units.save([unit("b", "a"), unit("a", "46")])

    assert codes(list(store.units.all())) == ["46", "a", "b"]


def test_children(tree: Store) -> None:
    assert codes(list(tree.units.children("b"))) == ["c", "d"]
    assert list(tree.units.children("e")) == []


def test_subtree_has_each_unit_after_its_parent(tree: Store) -> None:
    assert codes(list(tree.units.subtree("46"))) == ["46", "a", "b", "c", "d", "e"]
    assert codes(list(tree.units.subtree("c"))) == ["c", "e"]
    assert list(tree.units.subtree("none")) == []


def test_path_leads_from_the_top(tree: Store) -> None:
    assert codes(list(tree.units.path("e"))) == ["46", "b", "c", "e"]
    assert codes(list(tree.units.path("46"))) == ["46"]
    assert list(tree.units.path("none")) == []


def test_units_of_a_custodian(store: Store) -> None:
    store.units.save(Unit(code=code, name=code, kind="office", custodian="p1") for code in ("46.2", "46.1"))

    assert [unit.code for unit in store.units.of_custodian("p1")] == ["46.1", "46.2"]
    assert store.units.of_custodian("p2") == []


def test_thousands_of_units_narrow_no_query(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An officer of a province would wait until the database has looked for each of its 10,000 units."""
    store.units.save([Unit(code=f"46.{n}", name="School", kind="school", parent="46") for n in range(3)])

    assert store.units.narrow(["46"]) == ["46"]
    assert store.units.narrow([]) == []
    assert store.units.narrow(None) is None
    monkeypatch.setattr("provisioner.store.units._FEW", 3)
    assert store.units.narrow(["46"]) is None
    assert store.units.narrow(["46.1"]) == ["46.1"]
