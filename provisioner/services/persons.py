"""Staff, where no personnel system supplies them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.people import People
from provisioner.core.engine.plan import POLICY_ACTOR, SERVICE_ACTOR
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Person
from provisioner.core.model.text import Text
from provisioner.services.parts import Clock
from provisioner.services.recent_people import RecentPeople
from provisioner.store import Store

#: How many persons are compared at once.
_PAGE = 500


def require_administrator(authority: Authority, actor: str) -> None:
    """Check that somebody may change the data of persons.

    Raises:

        DeniedError: The actor is not an administrator; the cure says who is.
    """
    authority.require(actor, {Role.ADMINISTRATOR})


def changed_persons(
    store: Store, authority: Authority, persons: Iterable[Person], *, actor: str
) -> Iterator[tuple[Person | None, Person]]:
    """Yield those of these persons who are new, or not known as they are here, each after the record that is known.

    A page of them is compared at a time, so the list can have any length.

    Args:

        store: The stored data.

        authority: Decides who may change them.

        persons: The persons.

        actor: Who wants to change them.

    Raises:

        DeniedError: The actor is no administrator, or would change where their own passwords go or who decides on their
            own requests.
    """
    require_administrator(authority, actor)
    rest = iter(persons)
    while page := list(islice(rest, _PAGE)):
        known = store.persons.get_many([person.id for person in page])
        given = {person.id: person.confirmed_as(known.get(person.id)) for person in page}
        changed = [person for person_id, person in given.items() if known.get(person_id) != person]
        SeparationOfDuties(authority).require_for_persons(actor, known, changed)
        for person in changed:
            yield known.get(person.id), person


@attrs.frozen(kw_only=True)
class Persons:
    """Looks staff up, and writes them.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        people: Asks the personnel system, and then the store.

        recent_people: The same for what is only shown; it can be five minutes old.

        write: Writes persons who are new or changed for an ``actor``, and tells the observers.

        confirm: Writes for an ``actor`` that the other mobile number of a person is confirmed, and tells the observers.

        now: The clock.
    """

    store: Store
    authority: Authority
    people: People
    recent_people: RecentPeople
    write: Callable[..., None]
    confirm: Callable[..., None]
    now: Clock

    def names(self, ids: Iterable[str | None]) -> Mapping[str, str]:
        """Return the names of persons beside their IDs, which the reader sees anyway.

        Args:

            ids: The IDs.

        Returns:

            The names, by ID: those of the personnel system, and for whom it gives none now, those of the store.
        """
        found = self.recent_people.look_up(person_id for person_id in ids if person_id and _can_be_person(person_id))
        known = {**self.store.persons.get_many(found.errors), **found.persons}
        return {person_id: person.name for person_id, person in known.items()}

    def save(self, persons: Iterable[Person], *, actor: str, dry_run: bool = False) -> list[Person]:
        """Add persons, or write them over those with the same id.

        Args:

            persons: The persons.

            actor: Who writes them.

            dry_run: Only check whether it can be done.

        Returns:

            The persons who are new or changed.

        Raises:

            DeniedError: The actor may not; the cure says who may.

            StoreError: Nothing was written.
        """
        given = {person.id: person for person in persons}
        changed = [person for _, person in changed_persons(self.store, self.authority, given.values(), actor=actor)]
        if changed and not dry_run:
            self.write(changed, actor=actor)
        return changed

    def confirm_number(self, person_id: str, *, actor: str, dry_run: bool = False) -> Person:
        """Confirm the other mobile number of a person, so that channels for other numbers may send to it.

        It ends when the person gets another number. A number that is confirmed already stays as it is.

        Args:

            person_id: The id.

            actor: Who has verified the number.

            dry_run: Only check whether it can be done.

        Returns:

            The person with the confirmed number.

        Raises:

            DeniedError: The actor is no administrator, or would confirm a number of their own.

            InputError: The store doesn't have the person, or no other number.

            StoreError: Nothing was written.
        """
        require_administrator(self.authority, actor)
        person = self.store.persons.get_many([person_id]).get(person_id)
        if person is None or not person.other_mobile:
            raise InputError([Problem(field="id", message=_no_other_number(person_id))])
        if person.confirmed_mobile:
            return person
        confirmed = attrs.evolve(person, other_mobile_confirmed_by=actor, other_mobile_confirmed_at=self.now())
        SeparationOfDuties(self.authority).require_for_persons(actor, {person_id: person}, [confirmed])
        if dry_run:
            return confirmed
        self.confirm(person, actor=actor)
        return self.store.persons.get_many([person_id])[person_id]

    def find(self, person_id: str, *, viewer: str) -> Person:
        """Return a person, as the personnel system or the store knows the person now.

        Args:

            person_id: The id.

            viewer: Who reads the answer.

        Raises:

            DeniedError: The viewer may not read it, or nobody knows the id, which is not for the viewer to know.

            InputError: Nobody knows the id.

            TargetError: The personnel system cannot be used.
        """
        find = self.people.find_all
        person = Privacy(self.authority, viewer).person(person_id, lambda wanted: find([wanted]).get(wanted))
        if person is None:
            problem = Problem(field="id", message=Text("person {person} not found", {"person": person_id}))
            raise InputError([problem], cure="check the ID, or import the person")
        return person


def _no_other_number(person_id: str) -> Text:
    return Text(
        "{person} has no other mobile number; import one with 'provisioner person import'", {"person": person_id}
    )


def _can_be_person(person_id: str) -> bool:
    """Whether it can be the ID of a person: records also name policies and services, and have masks in place of IDs."""
    return person_id != MASK and not person_id.startswith((POLICY_ACTOR, SERVICE_ACTOR))
