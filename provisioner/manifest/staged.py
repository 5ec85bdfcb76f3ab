"""The rows of a list on disk, while they are compared with one another and until they are written.

A list may have a million rows. SQLite keeps them in a file without a name, which nobody else can open. It is gone
when the process ends, however it ends.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs

from provisioner.manifest.shape import Row, Shape
from provisioner.spool import no_room

ItemT = TypeVar("ItemT")


@attrs.frozen
class Repeated:
    """A row that has the same value as an earlier row."""

    #: Its place in the list.
    number: int
    line: int | None
    value: str
    #: The line and the key of the first row with the value.
    first_line: int | None
    first_key: str


class StagedRows:
    """The rows of one list, in their order. Those that aren't sound are left out everywhere, except among the keys.

    Args:

        shape: The columns. The first one is the key.

        rows: The rows, each with whether it is sound.

    Raises:

        StoreError: The folder for temporary files can't be written to.
    """

    def __init__(self, shape: Shape, rows: Iterable[tuple[Row, bool]]) -> None:
        self.key = shape.columns[0].name
        # A database without a name: SQLite deletes the name of its file as soon as it has made the file.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._run("PRAGMA journal_mode = OFF")
        self._run(f"CREATE TABLE rows (number INTEGER PRIMARY KEY, line, numbers, sound, {', '.join(shape.names)})")
        self._run("BEGIN")
        places = ", ".join("?" * (len(shape.names) + 3))
        given = ((row.line, " ".join(row.numbers), sound, *row.values.values()) for row, sound in rows)
        with _needing_room():
            self._database.executemany(f"INSERT INTO rows VALUES (NULL, {places})", given)
        self._run(f"CREATE INDEX keys ON rows ({self.key})")
        self._run("COMMIT")

    def __len__(self) -> int:
        [(count,)] = self._run("SELECT count(*) FROM rows WHERE sound")
        return int(count)

    def values(self, *columns: str, where: str = "true") -> Iterator[Any]:
        """Yield the line of each row, and its values of some columns.

        Args:

            columns: The columns.

            where: Which rows, in SQL.
        """
        return self._run(f"SELECT line, {', '.join(columns)} FROM rows WHERE sound AND {where} ORDER BY number")

    def numbers(self, column: str) -> Iterator[tuple[int | None, str]]:
        """Yield the line and the value of each row in which a workbook has a number in a column."""
        marked = self.values("numbers", column, where="numbers <> ''")
        return ((line, value) for line, numbers, value in marked if column in numbers.split())

    def first_lines(self, column: str) -> Iterator[tuple[str, int | None]]:
        """Yield each value of a column once, with the first line that has it."""
        firsts = (
            f"SELECT {column}, line, min(number) AS first FROM rows WHERE sound AND {column} <> '' GROUP BY {column}"
        )
        return self._run(f"SELECT {column}, line FROM ({firsts}) ORDER BY first")

    def keys(self) -> Iterator[str]:
        """Yield the keys of all rows."""
        return (key for (key,) in self._run(f"SELECT {self.key} FROM rows ORDER BY number"))

    def keys_among(self, keys: Iterable[str], *, sound: bool = False) -> set[str]:
        """Return those of some keys that rows have.

        Args:

            keys: The keys, at most some thousands.

            sound: Whether only sound rows count.
        """
        wanted = list(keys)
        among = f"{self.key} IN ({', '.join('?' * len(wanted))}) AND sound >= ?"
        return {key for (key,) in self._run(f"SELECT {self.key} FROM rows WHERE {among}", [*wanted, sound])}

    def line_of(self, key: str) -> int | None:
        """Return the line of the row with a key.

        Raises:

            KeyError: There is no such row.
        """
        for (line,) in self._run(f"SELECT line FROM rows WHERE sound AND {self.key} = ?", [key]):
            return int(line) if line else None
        raise KeyError(key)

    def repeated(self, column: str, alike: Callable[[str], str]) -> Sequence[Repeated]:
        """Return the rows whose value of a column an earlier row has.

        Args:

            column: The column.

            alike: Returns the same text for values that count as the same, and none for those that don't count.
        """
        self._database.create_function("alike", 1, alike, deterministic=True)
        valued = f"SELECT number, line, {self.key}, alike({column}) AS value FROM rows WHERE sound AND {column} <> ''"
        return _repeated(self._run(f"SELECT * FROM ({valued}) WHERE value <> '' ORDER BY value, number"))

    def exclude_repeated_keys(self) -> Sequence[Repeated]:
        """Return the rows whose key an earlier row has, sound or not. From now on, they aren't sound."""
        valued = f"SELECT number, line, {self.key}, {self.key} AS value FROM rows WHERE {self.key} <> ''"
        found = _repeated(self._run(f"{valued} ORDER BY {self.key}, number"))
        with _needing_room():
            self._database.executemany("UPDATE rows SET sound = 0 WHERE number = ?", [(each.number,) for each in found])
        return found

    def _run(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        with _needing_room():
            return self._database.execute(statement, values)


@contextmanager
def _needing_room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise no_room(str(error)) from None


def _repeated(rows: Iterable[tuple[int, int | None, str, str]]) -> Sequence[Repeated]:
    """Return which rows repeat the value of the row before, of rows in the order of their values."""
    found = []
    first: tuple[int, int | None, str, str] | None = None
    for row in rows:
        number, line, _, value = row
        if first is None or value != first[3]:
            first = row
        else:
            found.append(Repeated(number, line, value, first[1], first[2]))
    return sorted(found, key=attrgetter("number"))


@attrs.frozen(eq=False)
class StagedItems(Collection[ItemT], Generic[ItemT]):
    """The units or persons of rows, made again each time.

    Args:

        rows: The rows.

        columns: The columns of which each is made.

        make: Makes one of the values of the columns.
    """

    rows: StagedRows
    columns: Sequence[str]
    make: Callable[[Sequence[str]], ItemT]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ItemT]:
        return (self.make(values) for _, *values in self.rows.values(*self.columns))

    def __contains__(self, item: object) -> bool:
        return any(each == item for each in self)


@attrs.frozen(eq=False)
class StagedLines(Mapping[str, int | None]):
    """The line of each row by its key.

    Args:

        rows: The rows.
    """

    rows: StagedRows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return (key for _, key in self.rows.values(self.rows.key))

    def __getitem__(self, key: str) -> int | None:
        return self.rows.line_of(key)
