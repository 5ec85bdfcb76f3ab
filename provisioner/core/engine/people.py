"""Who is who, asked of the personnel system at the time it matters (001 ¶4: the data must be current)."""

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

#: How many look-ups run at once.
PARALLEL = 8


@attrs.frozen(kw_only=True)
class LookUp:
    """What was found out about some persons."""

    #: Those who are known, by id.
    persons: Mapping[str, Person]
    #: Why nothing can be said of others, by id.
    errors: Mapping[str, TargetError] = attrs.field(factory=dict)
    #: Whether the personnel system answered about anybody, were it only that it does not know them.
    answered: bool = True

    def raise_for_all(self) -> None:
        """Raise what concerns the personnel system as a whole, and no single person.

        Raises:

            TargetError: It answered about nobody, and cannot be reached or does not accept our credentials. One that is
                in maintenance is waited for instead.
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
    """Looks people up through the hook ``person_find``, and last in the store.

    Args:

        find: Asks the plug-ins.

        stored: Returns those of these persons who were imported, by id.

        retry: The retry policy.
    """

    find: Callable[[FindPerson], Person | None]
    stored: Callable[[Iterable[str]], Mapping[str, Person]]
    retry: Retry

    def look_up(self, ids: Iterable[str]) -> LookUp:
        """Look these persons up. One who cannot be asked about keeps no other from being found.

        Raises:

            StoreError: The store cannot be read.
        """
        wanted = set(ids)
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="people") as pool:
            answers = dict(zip(wanted, pool.map(self._find, wanted), strict=True))
        found = {person_id: one for person_id, one in answers.items() if isinstance(one, Person)}
        errors = {person_id: one for person_id, one in answers.items() if isinstance(one, TargetError)}
        persons = {**self.stored(wanted - found.keys() - errors.keys()), **found}
        return LookUp(persons=persons, errors=errors, answered=len(errors) < len(wanted))

    def find_all(self, ids: Iterable[str]) -> Mapping[str, Person]:
        """Return the persons with these ids, without those who are not known.

        Raises:

            StoreError: The store cannot be read.

            TargetError: One of them cannot be asked about.
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
