"""Statements that are compiled once and then run many times, by the driver itself.

SQLAlchemy prepares each row of each execution again: names, conversions, defaults. The journal has a few statements
and very many rows, so here the text, the order of the values and the conversions are asked of SQLAlchemy once, and
the driver gets plain values, on the connection and in the transaction that SQLAlchemy has opened.

Rows share a statement where they can: those to insert, and on SQLite those of
:func:`~provisioner.store.db.rows.given_rows`. The driver lets go of the interpreter's lock for each execution, and wins
it back from dozens of busy threads only later: that costs more than the row itself. SQLite takes 32,766 values, and no
table here has 50 columns. PostgreSQL is far slower with a list of rows to change: there, each row is changed by itself.

SQLite needs as long to parse a statement of many rows as to run it, and the driver keeps what it has parsed. So that
there are few texts, the last row is repeated up to a power of two, and a limit leaves these repetitions out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, Self

import attrs
from sqlalchemy import Connection, Dialect, Enum, Insert, Select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

from provisioner.store.db.chunks import chunks, power_of_two
from provisioner.store.db.ports import Values

#: Makes a value one that the driver takes, or the other way round.
_Convert = Callable[[Any], Any]

#: The places of the values of one row, in whatever way the driver writes a place.
_PLACES = re.compile(r"VALUES (\([^()]+\))")

#: The first of the rows that a list of values has.
_FIRST = "SELECT * FROM ({}) LIMIT ?"


@attrs.frozen
class Prepared:
    """One statement that changes rows, in one dialect."""

    _text: str
    #: What stands in the text once for each row, if rows can share a statement.
    _places: str
    #: For each place of a row, the name of its value.
    _names: tuple[str, ...]
    #: The values that the statement has itself, by name; rows do not have them.
    _own: Mapping[str, object]
    #: Those of them that come once, after the rows that share the statement.
    _rest: tuple[object, ...]
    #: The places of a row whose values the driver does not take as they are.
    _conversions: tuple[tuple[int, _Convert], ...]
    #: Whether the database parses a text only once if it comes again soon.
    _keeps_texts: bool

    @classmethod
    def of(cls, statement: UpdateBase, dialect: Dialect) -> Self:
        """Compile *statement* for a dialect with positional parameters."""
        compiled = statement.compile(dialect=dialect)
        text = str(compiled)
        names = tuple(compiled.positiontup or ())
        converters = {name: _converter(compiled.binds[name].type, dialect) for name in names}
        own = {
            name: _converted(compiled.binds[name].value, converters[name])
            for name in names
            if not compiled.binds[name].required
        }
        is_sqlite = dialect.name == "sqlite"
        found = _PLACES.search(text) if is_sqlite or isinstance(statement, Insert) else None
        places = found[1] if found else ""
        width = places.count(",") + 1
        if not places or any(name not in own for name in names[width:]):
            places, width = "", len(names)
        conversions = ((place, converters[name]) for place, name in enumerate(names[:width]) if name not in own)
        return cls(
            text,
            places,
            names[:width],
            own,
            tuple(own[name] for name in names[width:]),
            tuple((place, convert) for place, convert in conversions if convert),
            keeps_texts=is_sqlite,
        )

    def run(self, connection: Connection, rows: Iterable[Values]) -> int:
        """Run the statement for each row; answers how many rows of its table it touched."""
        with driver_cursor(connection) as cursor:
            return sum(self._run(cursor, chunk) for chunk in chunks(rows))

    def send(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run the statement for each row, without asking how many rows it touched."""
        for chunk in chunks(rows):
            with driver_cursor(connection) as cursor:
                self._execute(cursor, chunk)

    def _run(self, cursor: DBAPICursor, rows: Sequence[Values]) -> int:
        self._execute(cursor, rows)
        return cursor.rowcount

    def _execute(self, cursor: DBAPICursor, rows: Sequence[Values]) -> None:
        values = self._values(rows)
        if self._places:
            cursor.execute(*self._shared(values, len(rows)))
        else:
            width = len(self._names)
            cursor.executemany(self._text, [values[row * width : (row + 1) * width] for row in range(len(rows))])

    def _shared(self, values: list[Any], count: int) -> tuple[str, list[Any]]:
        """Return one statement for so many rows, and its values."""
        if not self._keeps_texts:
            return _for_rows(self._text, self._places, count), [*values, *self._rest]
        length = power_of_two(count)
        repeated = values[-len(self._names) :] * (length - count)
        return _for_first_rows(self._text, self._places, length), [*values, *repeated, count, *self._rest]

    def _values(self, rows: Sequence[Values]) -> list[Any]:
        """Return the values of rows, one row after the other."""
        ordered = [row if isinstance(row, tuple) else self._in_order(row) for row in rows]
        values = [*chain.from_iterable(ordered)]
        width = len(self._names)
        for place, convert in self._conversions:
            values[place::width] = map(convert, values[place::width])
        return values

    def _in_order(self, row: Mapping[str, object]) -> tuple[Any, ...]:
        known = {**row, **self._own} if self._own else row
        return tuple(map(known.__getitem__, self._names))


def _for_rows(text: str, places: str, count: int) -> str:
    """Return a statement with places for so many rows."""
    return text.replace(places, ", ".join([places] * count), 1)


@lru_cache(maxsize=1000)
def _for_first_rows(text: str, places: str, count: int) -> str:
    """Return a statement with places for so many rows, and then for how many of them count."""
    values = f"VALUES {places}"
    return text.replace(values, _FIRST.format(_for_rows(values, places, count)), 1)


def _converted(value: object, convert: _Convert | None) -> object:
    return convert(value) if convert else value


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
