"""Warnings about values that fit badly with the other lines of a list, or with what is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from provisioner.core.model.text import Text
from provisioner.manifest.findings import Findings
from provisioner.manifest.shape import Row

#: Returns those of some keys that are known.
Lookup = Callable[[Iterable[str]], Iterable[str]]

#: How many keys are compared at once. What is compared with a key is larger than its line.
_KEYS_AT_ONCE = 5_000


def warn_of_lost_zeros(rows: Sequence[Row], columns: Sequence[str], findings: Findings) -> None:
    """Warn once for each column in which a workbook has numbers of different lengths: zeros in front may be lost."""
    for column in columns:
        numbers = [row for row in rows if column in row.numbers and row.values[column].isdigit()]
        longest = max((len(row.values[column]) for row in numbers), default=0)
        short = next((row for row in numbers if len(row.values[column]) < longest), None)
        if short:
            message = Text(
                "the cells are numbers of different lengths; leading zeros may be lost: {value}",
                {"value": short.values[column]},
            )
            findings.warn(short.line, column, message)


def warn_of_same_but_zeros(rows: Sequence[Row], column: str, lookup: Lookup, findings: Findings) -> None:
    """Warn of each new key that differs from another one, here or known, by zeros in front only."""
    given = {row.values[column]: row.line for row in rows if row.values[column].isdecimal()}
    keys, found = list(given), dict[str, str]()
    for begin in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[begin : begin + _KEYS_AT_ONCE]
        known = set(lookup(some))
        new = (key for key in some if key not in known)
        others = {other: key for key in new for other in (key.lstrip("0"), f"0{key}", f"00{key}") if other != key}
        found |= {other: others[other] for other in {*lookup(others), *(others.keys() & given.keys())}}
    for other, key in sorted(found.items()):
        values = {"value": key, "other": other}
        findings.warn(given[key], column, Text("it differs from {other} only by leading zeros: {value}", values))


def warn_of_unknown(
    rows: Sequence[Row], column: str, known: Iterable[str], message: Callable[[str], Text], findings: Findings
) -> None:
    """Warn once of each value of a column that is not known.

    Args:

        rows: The lines of the list.

        column: The column.

        known: The stored data.

        message: Makes the warning about a value.

        findings: Takes the warnings.
    """
    there = {"", *known}
    first_lines: dict[str, int | None] = {}
    for row in rows:
        first_lines.setdefault(row.values[column], row.line)
    for value, line in first_lines.items():
        if value not in there:
            findings.warn(line, column, message(value))


def no_person(person: str) -> Text:
    """Return the warning that a person is not known."""
    return Text("there is no person {person} in the store", {"person": person})


def no_unit(unit: str) -> Text:
    """Return the warning that a unit is not known."""
    return Text("there is no unit {code}", {"code": unit})


def warn_of_gaps(rows: Sequence[Row], column: str, findings: Findings) -> None:
    """Warn of each blank cell below one that is filled: in a column of merged cells only the first has the value."""
    filled = False
    for row in rows:
        if row.values[column]:
            filled = True
        elif filled:
            message = Text("it is blank, but the line above has a value; merged cells lose their value")
            findings.warn(row.line, column, message)


def warn_of_shared_numbers(rows: Sequence[Row], key: str, column: str, findings: Findings) -> None:
    """Warn of each phone that another person of the list has too: both would receive each other's passwords."""
    first: dict[str, Mapping[str, str]] = {}
    for row in rows:
        number = _national(row.values[column])
        if not number:
            continue
        other = first.setdefault(number, row.values)
        if other is not row.values:
            findings.warn(row.line, column, Text("{other} has the same number", {"other": other[key]}))


def _national(number: str) -> str:
    """Return the digits of a number that do not depend on how its prefixes are written."""
    return re.sub(r"\D", "", number)[-10:]
