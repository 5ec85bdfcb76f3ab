"""Warnings about values that fit badly with the other lines of a list, or with what is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from provisioner.core.model.text import Text
from provisioner.manifest.findings import Findings
from provisioner.manifest.staged import StagedRows

#: Returns those of some keys that are known.
Lookup = Callable[[Iterable[str]], Iterable[str]]

#: How many keys are compared at once. What is compared with a key is larger than its line.
_KEYS_AT_ONCE = 500


def warn_of_lost_zeros(rows: StagedRows, columns: Sequence[str], findings: Findings) -> None:
    """Warn once for each column in which a workbook has numbers of different lengths: zeros in front may be lost."""
    for column in columns:
        numbers = [(line, value) for line, value in rows.numbers(column) if value.isdigit()]
        longest = max((len(value) for _, value in numbers), default=0)
        for line, value in numbers:
            if len(value) < longest:
                message = Text(
                    "the cells are numbers of different lengths; leading zeros may be lost: {value}", {"value": value}
                )
                findings.warn(line, column, message)
                break


def warn_of_same_but_zeros(rows: StagedRows, lookup: Lookup, findings: Findings) -> None:
    """Warn of each new key that differs from another one, here or known, by zeros in front only."""
    keys = ((line, key) for line, key in rows.values(rows.key) if key.isdecimal())
    while lines := {key: line for line, key in islice(keys, _KEYS_AT_ONCE)}:
        known = set(lookup(lines))
        new = (key for key in lines if key not in known)
        others = {other: key for key in new for other in (key.lstrip("0"), f"0{key}", f"00{key}") if other != key}
        for other in sorted({*lookup(others), *rows.keys_among(others, sound=True)}):
            values = {"value": others[other], "other": other}
            message = Text("it differs from {other} only by leading zeros: {value}", values)
            findings.warn(lines[others[other]], rows.key, message)


def warn_of_unknown(
    rows: StagedRows, column: str, lookup: Lookup, message: Callable[[str], Text], findings: Findings
) -> None:
    """Warn once of each value of a column that is not known.

    Args:

        rows: The lines of the list.

        column: The column.

        lookup: Returns which values are known.

        message: Makes the warning about a value.

        findings: Takes the warnings.
    """
    values = rows.first_lines(column)
    while some := dict(islice(values, _KEYS_AT_ONCE)):
        known = set(lookup(some))
        for value, line in some.items():
            if value not in known:
                findings.warn(line, column, message(value))


def no_person(person: str) -> Text:
    """Return the warning that a person is not known."""
    return Text("there is no person {person} in the store", {"person": person})


def no_unit(unit: str) -> Text:
    """Return the warning that a unit is not known."""
    return Text("there is no unit {code}", {"code": unit})


def warn_of_gaps(rows: StagedRows, column: str, findings: Findings) -> None:
    """Warn of each blank cell below one that is filled: in a column of merged cells only the first has the value."""
    filled = False
    for line, value in rows.values(column):
        if value:
            filled = True
        elif filled:
            message = Text("it is blank, but the line above has a value; merged cells lose their value")
            findings.warn(line, column, message)


def warn_of_shared_numbers(rows: StagedRows, column: str, findings: Findings) -> None:
    """Warn of each phone that another person of the list has too: both would receive each other's passwords."""
    for repeated in rows.repeated(column, _national):
        findings.warn(repeated.line, column, Text("{other} has the same number", {"other": repeated.first_key}))


def _national(number: str) -> str:
    """Return the digits of a number that do not depend on how its prefixes are written."""
    return re.sub(r"\D", "", number)[-10:]
