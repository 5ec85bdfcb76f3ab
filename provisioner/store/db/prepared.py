"""Statements that are compiled once and then run many times, by the driver itself.

SQLAlchemy prepares each row of each execution again: names, conversions, defaults. The journal has a few statements
and very many rows, so here the text, the order of the values and the conversions are asked of SQLAlchemy once, and
the driver gets plain tuples, on the connection and in the transaction that SQLAlchemy has opened.

Rows to insert share a statement. The driver lets go of the interpreter's lock for each execution, and wins it back
from dozens of busy threads only later: that costs more than the row itself. SQLite takes 32,766 values, and no table
here has 50 columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, Self

import attrs
from sqlalchemy import Connection, Dialect, Enum, Select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

from provisioner.store.db.chunks import chunks
from provisioner.store.db.ports import Values

#: Makes a value one that the driver takes, or the other way round.
_Convert = Callable[[Any], Any]

#: The places of the values of one row, in whatever way the driver writes a place.
_PLACES = re.compile(r"VALUES (\([^()]+\))")


@attrs.frozen
class Prepared:
    """One statement that changes rows, in one dialect."""

    _text: str
    #: For each place in the text, the name of its value.
    _names: tuple[str, ...]
    #: The values that the statement has itself, by name; rows do not have them.
    _own: Mapping[str, object]
    #: The places whose values the driver does not take as they are.
    _conversions: tuple[tuple[int, _Convert], ...]
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

    def run(self, connection: Connection, rows: Iterable[Values]) -> int:
        """Run the statement for each row; answers how many rows of its table it touched."""
        with driver_cursor(connection) as cursor:
            return sum(self._run(cursor, self._values(chunk)) for chunk in chunks(rows))

    def send(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run the statement for each row, without asking how many rows it touched."""
        for chunk in chunks(rows):
            with driver_cursor(connection) as cursor:
                self._execute(cursor, self._values(chunk))

    def _run(self, cursor: DBAPICursor, rows: Sequence[tuple[Any, ...]]) -> int:
        self._execute(cursor, rows)
        return cursor.rowcount

    def _execute(self, cursor: DBAPICursor, rows: Sequence[tuple[Any, ...]]) -> None:
        if self._places:
            cursor.execute(self._text.replace(self._places, ", ".join([self._places] * len(rows)), 1), [*chain(*rows)])
        else:
            cursor.executemany(self._text, rows)

    def _values(self, rows: Sequence[Values]) -> list[tuple[Any, ...]]:
        values = [row if isinstance(row, tuple) else self._in_order(row) for row in rows]
        if not self._conversions:
            return values
        columns: list[Iterable[Any]] = [*zip(*values, strict=True)]
        for place, convert in self._conversions:
            columns[place] = map(convert, columns[place])
        return [*zip(*columns, strict=True)]

    def _in_order(self, row: Mapping[str, object]) -> tuple[Any, ...]:
        known = {**row, **self._own} if self._own else row
        return tuple([known[name] for name in self._names])


@attrs.frozen
class PreparedQuery:
    """One query in one dialect."""

    _text: str
    #: For each place in the text, the name of its value.
    _names: tuple[str, ...]
    #: The values that the query has itself, by name.
    _own: Mapping[str, object]
    #: The places of a row at which the driver gives other values than those of the model.
    _conversions: tuple[tuple[int, _Convert], ...]

    @classmethod
    def of(cls, query: Select[Any], dialect: Dialect) -> Self:
        """Compile *query* for a dialect with positional parameters. What it is given are texts or numbers."""
        compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        kinds = [column.type.dialect_impl(dialect) for column in query.selected_columns]
        converters = [(place, kind.result_processor(dialect, None)) for place, kind in enumerate(kinds)]
        conversions = tuple((place, convert) for place, convert in converters if convert)
        own = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        return cls(str(compiled), tuple(compiled.positiontup or ()), own, conversions)

    def find(self, connection: Connection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Return the rows."""
        known = {**self._own, **values}
        return self.find_in_order(connection, [known[name] for name in self._names])

    def find_in_order(self, connection: Connection, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Return the rows, given the values in the order of their places."""
        with driver_cursor(connection) as cursor:
            cursor.execute(self._text, values)
            return [self._converted(row) for row in cursor.fetchall()]

    def _converted(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self._conversions:
            values[place] = convert(values[place])
        return tuple(values)


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[DBAPICursor]:
    """Give a cursor of the driver.

    Raises:

        DBAPIError: The driver failed; the same error that SQLAlchemy would raise, without the values of the rows.
    """
    failures: Any = connection.dialect.loaded_dbapi.Error
    try:
        yield connection.connection.cursor()
    except failures as error:
        raise DBAPIError.instance(
            None, None, error, failures, hide_parameters=True, dialect=connection.dialect
        ) from None


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    """Return what makes a value of a type one that the driver takes; ``None`` if the driver takes it as it is."""
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    return lru_cache(convert) if convert and isinstance(kind, Enum) else convert


@lru_cache(maxsize=100)
def prepared(statement: UpdateBase, dialect: Dialect) -> Prepared:
    """Return *statement*, compiled for *dialect*; the same answer is given again.

    Each engine has a dialect of its own, so the answers for the stores that were used last are kept, and not all.
    """
    return Prepared.of(statement, dialect)


def run(connection: Connection, statement: UpdateBase, rows: Iterable[Values]) -> int:
    """Run *statement* for each row; answers how many rows of its table it touched."""
    return prepared(statement, connection.dialect).run(connection, rows)
