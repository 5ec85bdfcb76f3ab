"""Staff, where no personnel system supplies them."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.people import People
from provisioner.core.governance.authority import Authority, Role
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Person
from provisioner.core.model.text import Text
from provisioner.manifest import Manifest
from provisioner.store import Store


def require_importer(authority: Authority, actor: str) -> None:
    """Make sure that somebody may import staff.

    Raises:

        DeniedError: The actor is no administrator; the cure says who is.
    """
    authority.require(actor, {Role.ADMINISTRATOR})


def changed_persons(store: Store, authority: Authority, listed: Manifest[Person], *, actor: str) -> list[Person]:
    """Return the persons of a list who are new, or not known as they stand there.

    Args:

        store: What is known.

        authority: Says who may change them.

        listed: The list.

        actor: Who wants to change them.

    Raises:

        DeniedError: The actor is no administrator, or would change where their own passwords go or who decides on their
            own requests.
    """
    require_importer(authority, actor)
    known = store.persons(listed.lines)
    changed = [person for person in listed.items if known.get(person.id) != person]
    SeparationOfDuties(authority).require_for_persons(actor, known, changed)
    return changed


@attrs.frozen(kw_only=True)
class Persons:
    """Looks staff up, and imports them.

    Args:

        store: What is known.

        authority: Says who may do it.

        people: Asks the personnel system, and then the store.

        save: Writes persons who are new or changed for an ``actor``, and tells the observers.
    """

    store: Store
    authority: Authority
    people: People
    save: Callable[..., None]

    def import_list(self, listed: Manifest[Person], *, actor: str, dry_run: bool = False) -> list[Person]:
        """Add the persons of a list, and write them over those who are known.

        Args:

            listed: The list.

            actor: Who imports it.

            dry_run: Only see whether it can be done.

        Returns:

            The persons who are new or changed.

        Raises:

            DeniedError: The actor may not; the cure says who may.

            StoreError: Nothing was written.
        """
        changed = changed_persons(self.store, self.authority, listed, actor=actor)
        if changed and not dry_run:
            self.save(changed, actor=actor)
        return changed

    def find(self, person_id: str, *, viewer: str) -> Person:
        """Return a person, as the personnel system or the store knows the person now.

        Args:

            person_id: The id.

            viewer: Who reads the answer.

        Raises:

            DeniedError: The viewer may not read it, or nobody knows the id, which is not for the viewer to know.

            InputError: Nobody knows the id.

            TargetError: The personnel system cannot be asked.
        """
        find = self.people.find_all
        person = Privacy(self.authority, viewer).person(person_id, lambda wanted: find([wanted]).get(wanted))
        if person is None:
            raise InputError([Problem(field="id", message=Text("nobody knows {person}", {"person": person_id}))])
        return person
