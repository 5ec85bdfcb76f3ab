"""Units."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model import Unit
from provisioner.core.model.text import Text
from provisioner.store import Store


def known_units(store: Store, codes: Iterable[str], *, field: str = "code") -> list[Unit]:
    """Return the units with these codes.

    Args:

        store: What is known.

        codes: The codes.

        field: Where the codes come from, for the error.

    Raises:

        InputError: Some are unknown; all of them are named.
    """
    wanted = list(dict.fromkeys(codes))
    found = store.units(wanted)
    unknown = [
        Problem(field=field, message=Text("there is no unit {code}", {"code": code}))
        for code in wanted
        if code not in found
    ]
    if unknown:
        raise InputError(unknown)
    return [found[code] for code in wanted]


def require_unit(store: Store, code: str | None) -> None:
    """Make sure that a unit exists, if one is given.

    Raises:

        InputError: It does not.
    """
    if code is not None:
        known_units(store, [code], field="unit")
