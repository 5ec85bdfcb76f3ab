"""Persons, as lists brought them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from provisioner.core.api.events import Event
from provisioner.core.model import Person
from provisioner.core.model.mobile import MobileMark
from provisioner.store.db.database import Database
from provisioner.store.known_persons import persons_among


class StoredPersons:
    """The persons of one store.

    Args:

        database: An open store.

        now: The clock of this process. PostgreSQL uses its own.

        mobile_mark: Returns the mark of a mobile number, which the audit log holds in its place.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], mobile_mark: MobileMark) -> None:
        self._database = database
        self._now = now
        self._mobile_mark = mobile_mark

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        """Return the persons with these ids, by id, as imported. What does not exist is left out."""
        with self._database.read() as connection:
            return {person.id: person for person in persons_among(connection, dict.fromkeys(ids))}

    def save(self, saved: Collection[Person], *, actor: str = "") -> Iterable[Event]:
        """Add these persons, or write them over those with the same id, each change with its event; all or none.

        Args:

            saved: The persons, each once. Those who are known as they are change nothing.

            actor: Who changes them.

        Returns:

            The events, for the observers.

        Raises:

            StoreError: The store, or the key for marks of numbers, failed.
        """
        from provisioner.store import master_data

        if not saved:
            return ()
        with self._database.write() as connection:
            return master_data.save_persons(
                connection, saved, at=self._database.time_on(connection, self._now), actor=actor, mark=self._mobile_mark
            )

    def confirm_number(self, person: Person, *, actor: str) -> Iterable[Event]:
        """Write that the other mobile number of a person is confirmed.

        Args:

            person: The person as the actor knows the person.

            actor: Who confirms it.

        Returns:

            The events, for the observers.

        Raises:

            BusyError: The person is no longer as the actor knows the person.

            StoreError: The store, or the key for marks of numbers, failed.
        """
        from provisioner.store import master_data

        with self._database.write() as connection:
            return master_data.confirm_number(
                connection,
                person,
                at=self._database.time_on(connection, self._now),
                actor=actor,
                mark=self._mobile_mark,
            )
