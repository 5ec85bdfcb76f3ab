"""What a manifest may contain, and the checks that need nothing but one value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import attrs

from provisioner.core.model.text import Text
from provisioner.manifest import damage, keys
from provisioner.manifest.findings import Findings


@attrs.frozen
class Form:
    """What values must look like, and what to say of those that do not."""

    pattern: re.Pattern[str]
    wrong: Text

    def __call__(self, value: str) -> Text | None:
        """Return what is wrong with a value, if anything is."""
        return None if self.pattern.fullmatch(value) else self.wrong


#: What identifies a unit or a person.
WORD = keys.objection


@attrs.frozen(kw_only=True)
class Column:
    """One column of a CSV file, or key of a TOML table."""

    name: str
    required: bool = False
    longest: int = 64
    #: Returns what is wrong with a value that is not empty, if anything is.
    form: Callable[[str], Text | None] | None = None

    def objection(self, value: str, *, plain: bool = False) -> Text | None:
        """Return what is wrong with a value, if anything is.

        Args:

            value: What stands in the column.

            plain: Whether it is known to have usual signs only.
        """
        if not value:
            return Text("it is missing") if self.required else None
        if len(value) > self.longest:
            return Text("it is longer than {longest} characters", {"longest": self.longest})
        if not plain:
            if damaged := damage.objection(value):
                return damaged
            if not value.isprintable():
                return Text("it contains characters that cannot be printed")
        return self.form(value) if self.form else None


@attrs.frozen(kw_only=True)
class Shape:
    """What the lines of a manifest consist of. The first column is the key."""

    #: The name of each table in a TOML file.
    table: str
    columns: Sequence[Column]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their usual order."""
        return [column.name for column in self.columns]


@attrs.frozen
class Row:
    """One line as it was read; what is not there is empty."""

    #: Where it begins, counted from 1, if that can be told.
    line: int | None
    values: Mapping[str, str]
    #: The columns in which a workbook has a number and no text.
    numbers: frozenset[str] = frozenset()


def tidy(value: str) -> str:
    """Return a value without outer spaces, with single spaces inside, and with composed letters."""
    if value.isascii() and value.isalnum():
        return value
    return damage.composed(" ".join(value.split()))


def is_sound(row: Row, shape: Shape, findings: Findings) -> bool:
    """Whether the values of a row are all right; note what is wrong with it."""
    before = len(findings.problems)
    plain = damage.is_plain(" ".join(row.values.values()))
    for column in shape.columns:
        given = row.values[column.name]
        if not given and not column.required:
            continue
        if objection := column.objection(given, plain=plain):
            if not findings.has(row.line, column.name):
                findings.add(row.line, column.name, objection)
        elif not plain and (suspicion := damage.suspicion(given)):
            findings.warn(row.line, column.name, suspicion)
    return len(findings.problems) == before
