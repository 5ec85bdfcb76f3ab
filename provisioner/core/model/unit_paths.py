"""Finds the units above others. The cost depends on the given units and those above them, not on all units."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from typing import Protocol

import attrs

from provisioner.core.model import Unit

_NOTHING: frozenset[str] = frozenset()


class UnitLookup(Protocol):
    """Reads units."""

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        """Return the units with these codes, by code. What does not exist is left out."""


@attrs.frozen
class ListedUnits:
    """Units as they will be when a list is stored."""

    #: The units of the list, by code.
    listed: Mapping[str, Unit]
    stored: UnitLookup

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        """Return the units with these codes, by code. What does not exist is left out."""
        wanted = set(codes)
        given = {code: self.listed[code] for code in wanted & self.listed.keys()}
        return {**self.stored.get_many(wanted - given.keys()), **given}


def with_all_above(codes: Collection[str], units: UnitLookup, *, apart_from: Collection[str] = ()) -> dict[str, Unit]:
    """Return the known units among *codes*, and all known units above them, by code.

    Args:

        codes: Where to start.

        units: The known units.

        apart_from: Codes that are not looked up, and neither are the units above them.
    """
    found: dict[str, Unit] = {}
    wanted = set(codes) - set(apart_from)
    while wanted:
        level = units.get_many(wanted)
        found |= level
        wanted = {unit.parent for unit in level.values() if unit.parent} - found.keys() - set(apart_from)
    return found


def codes_below(above: Collection[str], units: Iterable[Unit]) -> set[str]:
    """Return the codes of all units below some units.

    Args:

        above: The codes of these units.

        units: All units.
    """
    children: dict[str | None, list[str]] = {}
    for unit in units:
        children.setdefault(unit.parent, []).append(unit.code)
    found: set[str] = set()
    level = set(above)
    while level:
        level = {code for parent in level for code in children.get(parent, ())} - found
        found |= level
    return found


def covering(listed: Mapping[str, Unit], units: UnitLookup, among: Container[str | None]) -> dict[str, frozenset[str]]:
    """Return which of the given units cover each unit of a list, by its code.

    A unit covers itself and the units below it. A known unit that is moved is covered by units that cover both its old
    and its new position. A new unit is covered by units that cover the nearest known unit above it.

    Args:

        listed: Units as they will be stored, by code. No unit is above itself.

        units: The known units.

        among: The codes of the units that may cover others.
    """
    stored = with_all_above({*listed, *(unit.parent for unit in listed.values() if unit.parent)}, units)
    known = _covering_stored(stored, among)
    below = _known_parents(listed, stored)
    found = {}
    for code, unit in listed.items():
        would_be = known.get(below[code] or "", _NOTHING)
        if code not in stored:
            found[code] = would_be
        elif stored[code].parent == unit.parent:
            found[code] = known[code]
        else:
            found[code] = known.get(stored[code].parent or "", _NOTHING) & would_be
    return found


def _covering_stored(stored: Mapping[str, Unit], among: Container[str | None]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for start in stored:
        branch: list[str] = []
        code = start
        while code in stored and code not in found:
            branch.append(code)
            code = stored[code].parent or ""
        above = found.get(code, _NOTHING)
        for below in reversed(branch):
            above = found[below] = above | {below} if below in among else above
    return found


def _known_parents(listed: Mapping[str, Unit], stored: Container[str]) -> dict[str, str | None]:
    """Return the nearest known unit above the position of each unit of a list."""
    found: dict[str, str | None] = {}
    for start in listed:
        branch = []
        code = start
        while code not in found:
            branch.append(code)
            parent = listed[code].parent
            if parent is None or parent in stored or parent not in listed:
                found[code] = parent if parent in stored else None
            else:
                code = parent
        found |= dict.fromkeys(branch, found[code])
    return found
