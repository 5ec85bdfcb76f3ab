"""The persons that lists have brought, read within a transaction."""

from __future__ import annotations

from provisioner.core.model import Person
from provisioner.store import Store
from provisioner.store.known_persons import persons_among


def test_who_is_not_known_is_left_out(store: Store) -> None:
    ali, ayse = Person(id="1", name="Ali Veli"), Person(id="2", name="Ayşe Öz", unit="46", title="Müdür")
    store.persons.save([ali, ayse])

    with store.database.write() as connection:
        known = persons_among(connection, ["2", "3", "1"])

    assert sorted(known, key=lambda person: person.id) == [ali, ayse]
