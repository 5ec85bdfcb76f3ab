"""Staff, where no personnel system supplies them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.people import People
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Person
from provisioner.core.model.text import Text
from provisioner.store import Store


def require_importer(authority: Authority, actor: str) -> None:
    """Check that somebody may import staff.

    Raises:

        DeniedError: The actor is not an administrator; the cure says who is.
    """
    authority.require(actor, {Role.ADMINISTRATOR})


def changed_persons(store: Store, authority: Authority, persons: Iterable[Person], *, actor: str) -> list[Person]:
    """Return those of these persons who are new, or not known as they are here.

    Args:

        store: The stored data.

        authority: Decides who may change them.

        persons: The persons.

        actor: Who wants to change them.

    Raises:

        DeniedError: The actor is no administrator, or would change where their own passwords go or who decides on their
            own requests.
    """
    require_importer(authority, actor)
    given = {person.id: person for person in persons}
    known = store.persons.get_many(given)
    changed = [person for person_id, person in given.items() if known.get(person_id) != person]
    SeparationOfDuties(authority).require_for_persons(actor, known, changed)
    return changed


@attrs.frozen(kw_only=True)
class Persons:
    """Looks staff up, and writes them.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        people: Asks the personnel system, and then the store.

        write: Writes persons who are new or changed for an ``actor``, and tells the observers.
    """

    store: Store
    authority: Authority
    people: People
    write: Callable[..., None]

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
        changed = changed_persons(self.store, self.authority, persons, actor=actor)
        if changed and not dry_run:
            self.write(changed, actor=actor)
        return changed

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
            raise InputError([Problem(field="id", message=Text("person {person} not found", {"person": person_id}))])
        return person
