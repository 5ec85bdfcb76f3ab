"""Changes of units and persons leave a trace in the audit log, and no number is ever in it."""

from __future__ import annotations

import gc
import json
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.engine.master_data import PersonAdded
from provisioner.core.model import Person, Unit
from provisioner.store import Store
from provisioner.store.audit.canonical import canonical
from provisioner.store.db.chunks import CHUNK
from tests.store.conftest import Clock, Story

AYSE = Person(id="p1", name="Ayşe Iğdır", unit="46", title="müdür", mobile="+905321112233", supervisor="p2")
SCHOOL = Unit(code="746123", name="Cumhuriyet", kind="school", parent="46", login="746123", custodian="p1")
OTHER_NUMBER = "+905339998877"


def audit_log(store: Store, *kinds: str) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in store.audit_log.entries() if not kinds or event.kind in kinds]


def test_number_that_is_changed_and_changed_back_leaves_a_trace(store: Store) -> None:
    """Somebody diverts one password and puts the old number back."""
    store.persons.save([AYSE], actor="admin")
    store.persons.save([attrs.evolve(AYSE, mobile=OTHER_NUMBER)], actor="mallory")
    store.persons.save([AYSE], actor="mallory")

    added, diverted, restored = audit_log(store, "person_added", "person_changed")

    assert (added["actor"], added["person"]) == ("admin", "p1")
    assert [one["actor"] for one in (diverted, restored)] == ["mallory", "mallory"]
    first, second = added["after"]["mobile_mark"], diverted["after"]["mobile_mark"]
    assert first != second
    assert diverted["before"] == {"mobile_mark": first}
    assert (restored["before"], restored["after"]) == ({"mobile_mark": second}, {"mobile_mark": first})
    assert store.audit_log.verify_chain() is None


def test_the_events_of_a_list_are_not_kept_in_memory(store: Store) -> None:
    """They need more memory than the list, and would be kept for the observers until all of it is written."""
    ids = [f"p{number}" for number in range(CHUNK + 1)]

    events = store.persons.save([attrs.evolve(AYSE, id=id_) for id_ in ids], actor="importer")

    assert not [one for one in gc.get_objects() if type(one) is PersonAdded and one.actor == "importer"]
    assert [(event.kind, event.actor) for event in events] == [("person_added", "importer")] * len(ids)
    assert [json.loads(canonical(event)) for event in events] == audit_log(store, "person_added")


@attrs.frozen
class ReadPersons(Collection[Person]):
    """Persons who are made when they are read. Notes how many are in memory when the last one is made."""

    count: int
    in_memory: list[int] = attrs.field(factory=list)

    def __len__(self) -> int:
        return self.count

    def __contains__(self, person: object) -> bool:
        return person in list(self)

    def __iter__(self) -> Iterator[Person]:
        for number in range(self.count):
            yield Person(id=f"p{number}", name="Ayşe", title=READ)
        self.in_memory.append(sum(type(one) is Person and one.title == READ for one in gc.get_objects()))


#: Tells the persons of a list from others.
READ = "of a list"


def test_a_list_of_persons_is_written_page_by_page(store: Store) -> None:
    """A list may have a million persons, and memory must not depend on that."""
    listed = ReadPersons(10 * CHUNK)

    events = store.persons.save(listed, actor="importer")

    assert max(listed.in_memory) <= 4 * CHUNK
    assert len(audit_log(store, "person_added")) == len(listed)
    assert [json.loads(canonical(event)) for event in events] == audit_log(store, "person_added")


def test_a_later_page_fails_and_nothing_of_the_list_is_written(store: Store) -> None:
    def broken() -> Iterator[Person]:
        yield from ReadPersons(3 * CHUNK)
        raise StoreError("a temporary file cannot be written: full")

    class Broken(ReadPersons):
        """Persons of whom the last can't be read."""

        def __iter__(self) -> Iterator[Person]:
            return broken()

    with pytest.raises(StoreError):
        store.persons.save(Broken(3 * CHUNK), actor="importer")

    assert store.persons.get_many(["p0"]) == {}
    assert audit_log(store) == []
    assert store.audit_log.verify_chain() is None


def test_events_of_a_changed_list_are_the_same_for_observers(store: Store) -> None:
    """When they are made again, the store has only the new records, and the events say what was before."""
    store.persons.save([attrs.evolve(AYSE, id=f"p{number}") for number in range(CHUNK + 2)])
    kept = [attrs.evolve(AYSE, id="p0"), attrs.evolve(AYSE, id=f"p{CHUNK}")]
    changed = [attrs.evolve(AYSE, id="p1", name="Ayşe Yılmaz"), attrs.evolve(AYSE, id=f"p{CHUNK + 1}", mobile=None)]

    events = list(store.persons.save([*kept, *changed], actor="importer"))

    assert [getattr(event, "person", "") for event in events] == ["p1", f"p{CHUNK + 1}"]
    assert [json.loads(canonical(event)) for event in events] == audit_log(store, "person_changed")


@pytest.mark.parametrize("field", ["name", "unit", "title", "supervisor"])
def test_each_change_of_a_person_says_what_was_and_what_is(store: Store, field: str) -> None:
    store.persons.save([AYSE])
    change: dict[str, Any] = {field: "new"}
    store.persons.save([attrs.evolve(AYSE, **change)], actor="admin")

    [event] = audit_log(store, "person_changed")

    assert (event["before"], event["after"]) == ({field: getattr(AYSE, field)}, {field: "new"})


@pytest.mark.parametrize("field", ["name", "kind", "parent", "login", "custodian"])
def test_each_change_of_a_unit_says_what_was_and_what_is(store: Store, field: str) -> None:
    store.units.save([SCHOOL, attrs.evolve(SCHOOL, code="new")], actor="admin")
    change: dict[str, Any] = {field: "new"}
    store.units.save([attrs.evolve(SCHOOL, **change)], actor="officer")

    assert [one["unit"] for one in audit_log(store, "unit_added")][-2:] == ["746123", "new"]
    [event] = audit_log(store, "unit_changed")
    assert (event["actor"], event["unit"]) == ("officer", "746123")
    assert (event["before"], event["after"]) == ({field: getattr(SCHOOL, field)}, {field: "new"})


def test_change_of_a_unit_is_found_by_its_account(store: Store, story: type[Story]) -> None:
    """A person who looks at an account sees that its custodian was changed."""
    store.write(story("ilmem46").planned())
    store.units.save([Unit(code="46", name="Kahramanmaraş", kind="province", custodian="p9")], actor="officer")

    [event] = [event for event in store.audit_log.entries(login="ilmem46") if event.kind == "unit_changed"]

    assert event.actor == "officer"


def test_rows_that_stay_as_they_are_write_nothing(store: Store) -> None:
    store.persons.save([AYSE])
    store.units.save([SCHOOL])
    before = len(audit_log(store))

    store.persons.save([AYSE])
    store.units.save([SCHOOL])

    assert len(audit_log(store)) == before


def test_import_that_fails_leaves_no_trace(store: Store) -> None:
    before = audit_log(store)
    with pytest.raises(StoreError, match="does not exist"):
        store.units.save([SCHOOL, Unit(code="a", name="a", kind="office", parent="none")])

    assert audit_log(store) == before


def test_list_longer_than_a_statement_takes_is_written_once_and_as_a_whole(store: Store) -> None:
    """The rows and the events of a long list are written in pieces, which must not be repeated or kept alone."""
    count = 2 * CHUNK + 3
    people = [attrs.evolve(AYSE, id=f"p{number:05}") for number in range(count)]
    parentless = Unit(code="z", name="z", kind="office", parent="none")

    store.persons.save(people)
    known, log = list(store.units.all()), audit_log(store)
    with pytest.raises(StoreError, match="does not exist"):
        store.units.save([*(Unit(code=f"{number:05}", name="a", kind="office") for number in range(count)), parentless])

    assert store.persons.get_many([person.id for person in people]) == {person.id: person for person in people}
    assert [event["person"] for event in audit_log(store, "person_added")] == [person.id for person in people]
    assert (list(store.units.all()), audit_log(store)) == (known, log)
    assert store.audit_log.verify_chain() is None


@pytest.mark.postgresql
def test_changes_have_the_time_of_the_database_although_the_clock_of_the_process_is_wrong(
    url: str, clock: Clock
) -> None:
    with Store.create(url, now=lambda: clock() + timedelta(hours=3)) as store:
        store.units.save([Unit(code="46", name="46", kind="office")])
        store.persons.save([AYSE])
        store.persons.confirm_number(store.persons.get_many(["p1"])["p1"], actor="admin")
        store.units.remove(["46"], actor="admin")
        times = {entry.at for entry in store.audit_log.entries()}

    assert times == {clock()}
