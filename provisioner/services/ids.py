"""Ids, which may be given by their first characters, as in other tools."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text
from provisioner.store import Store
from provisioner.store.ids import Named

__all__ = ["Named", "find_id"]

#: How many characters are enough if no other id begins with them.
SHORTEST = 4

#: How many ids an error names.
MOST_NAMED = 5


def find_id(store: Store, kind: Named, given: str) -> str:
    """Return the id that begins with what was given, or what was given if there is none.

    Raises:

        InputError: Several ids begin with it, or it is too short to tell.
    """
    found = store.ids.starting_with(kind, given, at_most=MOST_NAMED + 1)
    if given in found or not found:
        return given
    if len(given) < SHORTEST:
        raise _wrong(Text("{id} is too short; give at least {count} characters", {"id": given, "count": SHORTEST}))
    if len(found) > 1:
        raise _wrong(Text("{id} is the beginning of several ids: {ids}", {"id": given, "ids": _listed(found)}))
    return found[0]


def _listed(ids: Sequence[str]) -> str:
    return ", ".join([*ids[:MOST_NAMED], *(["…"] if len(ids) > MOST_NAMED else [])])


def _wrong(message: Text) -> InputError:
    return InputError([Problem(field="id", message=message)])
