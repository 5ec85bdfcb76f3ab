"""Statements that are compiled once and then run for many rows.

SQLAlchemy prepares each row of each execution again: names, conversions, defaults. The journal has a few statements
and very many rows, so here the text, the order of the values and the conversions are asked of SQLAlchemy once, and
the driver gets plain tuples.

Rows to insert share a statement. The driver lets go of the interpreter's lock for each execution, and wins it back
from dozens of busy threads only later: that costs more than the row itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Self

import attrs
from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

#: How many rows share a statement. SQLite takes 32,766 values, and no table here has 50 columns.
ROWS = 500

_Values = list[Any]

#: The places of the values of one row, in whatever way the driver writes a place.
_PLACES = re.compile(r"VALUES (\([^()]+\))")


@attrs.frozen
class Prepared:
    """One statement in one dialect."""

    _text: str
    #: For each place in the text, the name of its value.
    _names: tuple[str, ...]
    #: The values that the statement has itself, by name; rows do not have them.
    _own: Mapping[str, object]
    #: The places whose values the driver does not take as they are.
    _conversions: tuple[tuple[int, Callable[[Any], Any]], ...]
    #: What stands in the text once for each row, if rows can share a statement.
    _places: str = attrs.field(init=False)

    @_places.default
    def _find_places(self) -> str:
        found = _PLACES.search(self._text)
        return found[1] if found and found[1].count(",") + 1 == len(self._names) else ""

    @classmethod
    def of(cls, statement: UpdateBase, dialect: Dialect) -> Self:
        """Compile *statement* for a dialect with positional parameters."""
        compiled = statement.compile(dialect=dialect)
        names = tuple(compiled.positiontup or ())
        binds = [compiled.binds[name] for name in names]
        own = {name: bind.value for name, bind in zip(names, binds, strict=True) if not bind.required}
        converters = [(place, _converter(bind.type, dialect)) for place, bind in enumerate(binds)]
        conversions = tuple((place, convert) for place, convert in converters if convert)
        return cls(str(compiled), names, own, conversions)

    def run(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> int:
        """Run the statement for each row; answers how many rows of its table it touched."""
        values = [self._values_of(row) for row in rows]
        if not self._places:
            return connection.exec_driver_sql(self._text, [tuple(row) for row in values]).rowcount
        return sum(self._insert(connection, values[start : start + ROWS]) for start in range(0, len(values), ROWS))

    def _insert(self, connection: Connection, rows: Sequence[_Values]) -> int:
        text = self._text.replace(self._places, ", ".join([self._places] * len(rows)), 1)
        return connection.exec_driver_sql(text, tuple(chain.from_iterable(rows))).rowcount

    def _values_of(self, row: Mapping[str, object]) -> _Values:
        known = {**row, **self._own} if self._own else row
        values = [known[name] for name in self._names]
        for place, convert in self._conversions:
            values[place] = convert(values[place])
        return values


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what makes a value of a type one that the driver takes; ``None`` if the driver takes it as it is."""
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    # Most values are words of a short list, or times that several rows share.
    return lru_cache(convert) if convert and kind.hashable else convert


@lru_cache(maxsize=100)
def prepared(statement: UpdateBase, dialect: Dialect) -> Prepared:
    """Return *statement*, compiled for *dialect*; the same answer is given again.

    Each engine has a dialect of its own, so the answers for the stores that were used last are kept, and not all.
    """
    return Prepared.of(statement, dialect)


def run(connection: Connection, statement: UpdateBase, rows: Iterable[Mapping[str, object]]) -> int:
    """Run *statement* for each row; answers how many rows of its table it touched."""
    return prepared(statement, connection.dialect).run(connection, rows)
