"""Persons as the personnel system knew them a short while ago, for pages that show many and decide nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from provisioner.core.engine.people import LookUp, People
from provisioner.core.model import Person

#: How long an answer of the personnel system is used again.
_LONGEST = timedelta(minutes=5)


class _Answer(NamedTuple):
    at: datetime
    person: Person | None

    def is_recent(self, now: datetime) -> bool:
        return timedelta() <= now - self.at < _LONGEST


class RecentPeople:
    """Looks up persons, and asks the personnel system about the same person only every five minutes.

    Several threads can use it at the same time. Errors are not kept.

    Args:

        people: Looks up persons.

        now: The clock.
    """

    def __init__(self, people: People, now: Callable[[], datetime]) -> None:
        self._people = people
        self._now = now
        self._answers: dict[str, _Answer] = {}
        self._lock = threading.Lock()

    def look_up(self, ids: Iterable[str]) -> LookUp:
        """Look up these persons; see :meth:`provisioner.core.engine.people.People.look_up`."""
        wanted, now = set(ids), self._now()
        if not self._people.has_system():
            return self._people.look_up(wanted)
        with self._lock:
            known = {person_id: answer for person_id, answer in self._answers.items() if answer.is_recent(now)}
            self._answers = known
        asked = wanted - known.keys()
        found = self._people.look_up(asked)
        with self._lock:
            for person_id in asked - found.errors.keys():
                self._answers[person_id] = _Answer(now, found.persons.get(person_id))
        recent = {person_id: known[person_id].person for person_id in wanted & known.keys()}
        persons = {person_id: person for person_id, person in recent.items() if person}
        return LookUp(persons={**persons, **found.persons}, errors=found.errors, answered=found.answered)
