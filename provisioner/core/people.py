"""Who is who, asked of the personnel system at the time it matters (001 ¶4: the data must be current)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import attrs

from provisioner.core.model import Person
from provisioner.core.requests import FindPerson
from provisioner.core.retrying import Retry

#: How many look-ups run at once.
PARALLEL = 8


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

    def find_all(self, ids: Iterable[str]) -> Mapping[str, Person]:
        """Return the persons with these ids, without those whom nobody knows.

        Raises:

            StoreError: The store cannot be read.

            TargetError: The personnel system cannot tell.
        """
        wanted = set(ids)
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="people") as pool:
            found = {person.id: person for person in pool.map(self._find, wanted) if person}
        return {**self.stored(wanted - found.keys()), **found}

    def _find(self, person_id: str) -> Person | None:
        return self.retry.call(lambda _: self.find(FindPerson(person_id=person_id)))
