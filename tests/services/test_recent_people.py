"""Lists don't ask the personnel system about the same persons again and again, and never believe an old answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta

import attrs
import pytest

from provisioner.core.api.errors import RefusedError, TargetError, UnavailableError
from provisioner.core.api.messages import FindPerson
from provisioner.core.engine.people import People
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.model import Person
from provisioner.services.recent_people import RecentPeople
from provisioner.testing.clock import FakeClock

KNOWN = {"1": Person(id="1", name="Ayşe Işık", supervisor="9"), "2": Person(id="2", name="İsmail Çağlar")}


@attrs.define
class PersonnelSystem:
    """Counts whom it is asked about."""

    persons: dict[str, Person] = attrs.field(factory=lambda: dict(KNOWN))
    errors: dict[str, TargetError] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)

    def find(self, request: FindPerson) -> Person | None:
        self.asked.append(request.person_id)
        if error := self.errors.get(request.person_id):
            raise error
        return self.persons.get(request.person_id)

    def took(self) -> list[str]:
        taken, self.asked = sorted(self.asked), []
        return taken


@pytest.fixture(name="system")
def _system() -> PersonnelSystem:
    return PersonnelSystem()


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="recent")
def _recent(system: PersonnelSystem, clock: FakeClock) -> RecentPeople:
    quick = RetryPolicy(attempts=1)
    return RecentPeople(People(system.find, lambda _: {}, Retry(quick, threading.Event())), clock)


def persons(recent: RecentPeople, *ids: str) -> Mapping[str, Person]:
    return recent.look_up(ids).persons


def test_a_person_is_asked_about_once_in_five_minutes(
    recent: RecentPeople, system: PersonnelSystem, clock: FakeClock
) -> None:
    assert persons(recent, "1", "3") == {"1": KNOWN["1"]}
    assert system.took() == ["1", "3"]

    clock.advance(timedelta(minutes=4, seconds=59))
    assert persons(recent, "1", "2", "3") == KNOWN
    assert system.took() == ["2"]

    system.persons["1"] = attrs.evolve(KNOWN["1"], supervisor="8")
    clock.advance(timedelta(seconds=1))
    assert persons(recent, "1")["1"].supervisor == "8"


def test_an_answer_of_the_future_is_not_believed(
    recent: RecentPeople, system: PersonnelSystem, clock: FakeClock
) -> None:
    """The clock was set back."""
    persons(recent, "1")
    clock.advance(timedelta(hours=-1))
    system.took()

    persons(recent, "1")
    assert system.took() == ["1"]


def test_an_error_is_not_kept(recent: RecentPeople, system: PersonnelSystem) -> None:
    system.errors["1"] = RefusedError("no")
    assert set(recent.look_up(["1", "2"]).errors) == {"1"}

    system.errors.clear()
    assert persons(recent, "1", "2") == KNOWN
    assert system.took() == ["1", "1", "2"]


def test_pages_do_not_wait_one_after_the_other_for_a_system_that_is_down(
    recent: RecentPeople, system: PersonnelSystem, clock: FakeClock
) -> None:
    system.errors = dict.fromkeys(["1", "2"], UnavailableError("down"))
    assert set(recent.look_up(["1"]).errors) == {"1"}
    clock.advance(timedelta(seconds=29))

    found = recent.look_up(["1", "2"])
    assert (set(found.errors), found.answered) == ({"1", "2"}, False)
    assert system.took() == ["1"]

    system.errors.clear()
    clock.advance(timedelta(seconds=1))
    assert persons(recent, "1", "2") == KNOWN


def test_persons_who_were_imported_are_read_each_time(clock: FakeClock) -> None:
    """The store is at hand, and says what was imported a moment ago."""
    imported: dict[str, Person] = {}
    people = People(lambda _: None, lambda _: imported, Retry(RetryPolicy(), threading.Event()), lambda: False)
    recent = RecentPeople(people, clock)
    assert persons(recent, "1") == {}

    imported["1"] = KNOWN["1"]
    assert persons(recent, "1") == {"1": KNOWN["1"]}
