"""Statements that are compiled once and then run for many rows.

SQLAlchemy prepares each row of each execution anew: names, conversions, defaults. The journal has a few statements
and very many rows, so here the text, the order of the values and the conversions are asked of SQLAlchemy once, and
the driver gets plain tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Self

import attrs
from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import UpdateBase

_Value = tuple[str, object, Callable[[Any], Any] | None]


@attrs.frozen
class Prepared:
    """One statement in one dialect."""

    _text: str
    #: For each place in the text: the name of the value, what it is if a row does not have it, its conversion.
    _values: tuple[_Value, ...]

    @classmethod
    def of(cls, statement: UpdateBase, dialect: Dialect) -> Self:
        """Compile *statement* for a dialect with positional parameters."""
        compiled = statement.compile(dialect=dialect)
        values = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            values.append((name, bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect)))
        return cls(str(compiled), tuple(values))

    def run(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> int:
        """Run the statement once for each row; answers how many rows of its table it touched."""
        return connection.exec_driver_sql(self._text, [self._values_of(row) for row in rows]).rowcount

    def _values_of(self, row: Mapping[str, object]) -> tuple[object, ...]:
        return tuple(
            [
                convert(row.get(name, default)) if convert else row.get(name, default)
                for name, default, convert in self._values
            ]
        )


@lru_cache(maxsize=100)
def prepared(statement: UpdateBase, dialect: Dialect) -> Prepared:
    """Return *statement*, compiled for *dialect*; the same answer is given again.

    Each engine has a dialect of its own, so the answers for the stores that were used last are kept, and not all.
    """
    return Prepared.of(statement, dialect)
