"""Persons come back as lists brought them."""

from __future__ import annotations

from provisioner.core.model import Person, Unit
from provisioner.store import Store


def test_every_field_comes_back(store: Store) -> None:
    person = Person(id="p1", name="Ayşe Iğdır", unit="746123", title="müdür", mobile="+905321112233", supervisor="p2")
    store.persons.save([person, Person(id="p2", name="Ali")])

    assert store.persons.get_many(["p1", "p2", "p3"]) == {"p1": person, "p2": Person(id="p2", name="Ali")}


def test_later_import_writes_over_the_earlier(store: Store) -> None:
    store.units.save([Unit(code="a", name="a", kind="office", login="a46")])
    store.persons.save([Person(id="p1", name="Ayşe", mobile="+905321112233")])

    store.units.save([Unit(code="a", name="a", kind="office")])
    store.persons.save([Person(id="p1", name="Ayşe Yılmaz")])

    assert store.units.get_many(["a"])["a"] == Unit(code="a", name="a", kind="office")
    assert store.persons.get_many(["p1"])["p1"] == Person(id="p1", name="Ayşe Yılmaz")


def test_empty_import_is_no_trouble(store: Store) -> None:
    store.units.save([])
    store.persons.save([])

    assert list(store.audit_log.entries()) == []
