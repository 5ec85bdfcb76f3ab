"""Persons as the personnel system knew them a short while ago, for pages that show many and decide nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from provisioner.core.api.errors import MisconfiguredError, TargetError, UnavailableError
from provisioner.core.engine.people import LookUp, People
from provisioner.core.model import Person

#: How long an answer of the personnel system is used again.
_LONGEST = timedelta(minutes=5)

#: How long a personnel system that didn't answer is not asked again: each page would wait for it.
_PAUSE = timedelta(seconds=30)


class _Answer(NamedTuple):
    at: datetime
    person: Person | None

    def is_recent(self, now: datetime) -> bool:
        return timedelta() <= now - self.at < _LONGEST


class _Failure(NamedTuple):
    at: datetime
    error: TargetError

    def is_recent(self, now: datetime) -> bool:
        return timedelta() <= now - self.at < _PAUSE


class RecentPeople:
    """Looks up persons, and asks the personnel system about the same person only every five minutes.

    Several threads can use it at the same time. An error for one person is not kept. If the personnel system answers
    for nobody, its error counts for half a minute.

    Args:

        people: Looks up persons.

        now: The clock.
    """

    def __init__(self, people: People, now: Callable[[], datetime]) -> None:
        self._people = people
        self._now = now
        self._answers: dict[str, _Answer] = {}
        self._swept_at: datetime | None = None
        self._failure: _Failure | None = None
        self._lock = threading.Lock()

    def has_system(self) -> bool:
        """Return whether there is a personnel system; otherwise the store knows all persons."""
        return self._people.has_system()

    def look_up(self, ids: Iterable[str]) -> LookUp:
        """Look up these persons; see :meth:`provisioner.core.engine.people.People.look_up`."""
        wanted, now = set(ids), self._now()
        if not self.has_system():
            return self._people.look_up(wanted)
        with self._lock:
            self._forget(now)
            known = {person_id: self._answers[person_id] for person_id in wanted & self._answers.keys()}
        recent = {person_id: answer.person for person_id, answer in known.items() if answer.is_recent(now)}
        asked = wanted - recent.keys()
        found = self._ask(asked, now)
        with self._lock:
            for person_id in asked - found.errors.keys():
                self._answers[person_id] = _Answer(now, found.persons.get(person_id))
        persons = {person_id: person for person_id, person in recent.items() if person}
        return LookUp(persons={**persons, **found.persons}, errors=found.errors, answered=found.answered)

    def _forget(self, now: datetime) -> None:
        """Forget the answers that are too old, once in a while: there can be thousands, and pages ask for few."""
        if self._swept_at is None or now - self._swept_at >= _LONGEST or now < self._swept_at:
            self._answers = {key: answer for key, answer in self._answers.items() if answer.is_recent(now)}
            self._swept_at = now

    def _ask(self, ids: Collection[str], now: datetime) -> LookUp:
        """Ask the personnel system, unless it didn't answer a moment ago."""
        failure = self._failure
        if failure and failure.is_recent(now):
            return LookUp(persons={}, errors=dict.fromkeys(ids, failure.error), answered=False)
        found = self._people.look_up(ids)
        errors = [error for error in found.errors.values() if isinstance(error, UnavailableError | MisconfiguredError)]
        self._failure = _Failure(self._now(), errors[0]) if errors and not found.answered else None
        return found
