"""The tree that units make."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.model import Person, Unit
from provisioner.store import Store


def unit(code: str, parent: str | None = None, **more: str) -> Unit:
    return Unit(code=code, name=f"unit {code}", kind="office", parent=parent, **more)


@pytest.fixture
def tree(store: Store) -> Store:
    store.save_units([unit("e", "c"), unit("d", "b"), unit("c", "b"), unit("b", "46"), unit("a", "46")])
    return store


def codes(units: list[Unit]) -> list[str]:
    return [one.code for one in units]


def test_every_field_comes_back(store: Store) -> None:
    whole = Unit(
        code="746123", name="Şehit Öğretmen İlkokulu", kind="school", parent="46", login="746123", custodian="p1"
    )
    person = Person(id="p1", name="Ayşe Iğdır", unit="746123", title="müdür", mobile="+905321112233", supervisor="p2")

    store.save_units([whole])
    store.save_persons([person, Person(id="p2", name="Ali")])

    assert store.units(["746123"]) == {"746123": whole}
    assert store.persons(["p1", "p2", "p3"]) == {"p1": person, "p2": Person(id="p2", name="Ali")}


def test_later_import_writes_over_the_earlier(store: Store) -> None:
    store.save_units([unit("a", "46", login="a46")])
    store.save_persons([Person(id="p1", name="Ayşe", mobile="+905321112233")])

    store.save_units([unit("a")])
    store.save_persons([Person(id="p1", name="Ayşe Yılmaz")])

    assert store.units(["a"])["a"] == unit("a")
    assert store.persons(["p1"])["p1"] == Person(id="p1", name="Ayşe Yılmaz")


def test_child_may_stand_before_its_parent(store: Store) -> None:
    store.save_units([unit("b", "a"), unit("a", "46")])

    assert codes(list(store.all_units())) == ["46", "a", "b"]


def test_nothing_is_saved_if_a_parent_does_not_exist(store: Store) -> None:
    with pytest.raises(StoreError, match="unit c has the parent none, which does not exist"):
        store.save_units([unit("a"), unit("b", "c"), unit("c", "none")])

    assert codes(list(store.all_units())) == ["46"]


@pytest.mark.parametrize("parents", [{"a": "a"}, {"a": "b", "b": "a"}, {"46": "a", "a": "46"}])
def test_no_unit_is_above_itself(store: Store, parents: dict[str, str]) -> None:
    """A tree with a loop would be walked for ever."""
    with pytest.raises(StoreError, match="is above itself"):
        store.save_units(unit(code, parent) for code, parent in parents.items())

    assert codes(list(store.all_units())) == ["46"]


def test_empty_import_is_no_trouble(store: Store) -> None:
    store.save_units([])
    store.save_persons([])


def test_children(tree: Store) -> None:
    assert codes(list(tree.children("b"))) == ["c", "d"]
    assert list(tree.children("e")) == []


def test_subtree_has_each_unit_after_its_parent(tree: Store) -> None:
    assert codes(list(tree.subtree("46"))) == ["46", "a", "b", "c", "d", "e"]
    assert codes(list(tree.subtree("c"))) == ["c", "e"]
    assert list(tree.subtree("none")) == []


def test_path_leads_from_the_top(tree: Store) -> None:
    assert codes(list(tree.unit_path("e"))) == ["46", "b", "c", "e"]
    assert codes(list(tree.unit_path("46"))) == ["46"]
    assert list(tree.unit_path("none")) == []
