"""Looks up persons in the personnel system when their data is needed (001 ¶4: the data must be current)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import attrs

from provisioner.core.api.errors import (
    InMaintenanceError,
    MisconfiguredError,
    TargetError,
    UnavailableError,
)
from provisioner.core.api.messages import FindPerson
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import Person

#: The number of simultaneous look-ups.
PARALLEL = 8


@attrs.frozen(kw_only=True)
class LookUp:
    """The result of a look-up."""

    #: The known persons, by ID.
    persons: Mapping[str, Person]
    #: The errors for other persons, by ID.
    errors: Mapping[str, TargetError] = attrs.field(factory=dict)
    #: Whether the personnel system answered for at least one person, even if the person is unknown.
    answered: bool = True

    def raise_for_all(self) -> None:
        """Raise the error if it concerns the personnel system as a whole, and not a single person.

        Raises:

            TargetError: It answered for nobody, and can't be reached or refuses the credentials. If it is in
                maintenance, the operations wait instead.
        """
        for error in self.errors.values():
            if not self.answered and _is_of_all(error):
                raise error


def _is_of_all(error: TargetError) -> bool:
    if isinstance(error, InMaintenanceError):
        return False
    return isinstance(error, MisconfiguredError) or (isinstance(error, UnavailableError) and not error.reached)


@attrs.define(eq=False)
class People:
    """Looks up persons with the hook ``person_find``, and last in the store.

    A person of the personnel system has the other mobile number that the store has, unless that system has one.

    Args:

        find: Calls the plug-ins.

        stored: Returns the imported persons among these, by ID.

        retry: The retry policy.

        has_system: Returns whether any plug-in has the hook.
    """

    find: Callable[[FindPerson], Person | None]
    stored: Callable[[Iterable[str]], Mapping[str, Person]]
    retry: Retry
    has_system: Callable[[], bool] = lambda: True

    def look_up(self, ids: Iterable[str]) -> LookUp:
        """Look up these persons. An error for one doesn't affect the others.

        Raises:

            StoreError: The store can't be read.
        """
        wanted = set(ids)
        if not self.has_system():
            return LookUp(persons=self.stored(wanted))
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="people") as pool:
            answers = dict(zip(wanted, pool.map(self._find, wanted), strict=True))
        found = {person_id: one for person_id, one in answers.items() if isinstance(one, Person)}
        errors = {person_id: one for person_id, one in answers.items() if isinstance(one, TargetError)}
        stored = self.stored(wanted - errors.keys())
        persons = {**stored, **{person_id: one.reachable_as(stored.get(person_id)) for person_id, one in found.items()}}
        return LookUp(persons=persons, errors=errors, answered=len(errors) < len(wanted))

    def find_all(self, ids: Iterable[str]) -> Mapping[str, Person]:
        """Return the persons with these IDs, without those who are unknown.

        Raises:

            StoreError: The store can't be read.

            TargetError: The look-up of one of them failed.
        """
        found = self.look_up(ids)
        for error in found.errors.values():
            raise error
        return found.persons

    def _find(self, person_id: str) -> Person | TargetError | None:
        try:
            return self.retry.call(lambda _: self.find(FindPerson(person_id=person_id)))
        except TargetError as error:
            return error
