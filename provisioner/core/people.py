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
    """Looks people up through the hook ``person_find``.

    Args:

        find: Asks the plug-ins, and last the store.

        retry: The retry policy.
    """

    find: Callable[[FindPerson], Person | None]
    retry: Retry

    def find_all(self, ids: Iterable[str]) -> Mapping[str, Person]:
        """Return the persons with these ids, without those whom nobody knows.

        Raises:

            TargetError: The personnel system cannot tell.
        """
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="people") as pool:
            found = pool.map(self._find, set(ids))
            return {person.id: person for person in found if person}

    def _find(self, person_id: str) -> Person | None:
        return self.retry.call(lambda _: self.find(FindPerson(person_id=person_id)))
