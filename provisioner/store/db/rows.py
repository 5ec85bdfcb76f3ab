"""Models as rows, and the other way round: columns are named like fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import attrs
from sqlalchemy import CTE, Column, ColumnElement, Insert, Table, bindparam, column, literal_column, update, values
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

Row = dict[str, Any]

#: A statement, and the values for one run of it.
Change = tuple[UpdateBase, Row]

#: The execution option of a statement that must find the row it changes, because somebody may have been faster.
MUST_FIND = "must_find"


ModelT = TypeVar("ModelT")


def models(kind: type[ModelT], names: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[ModelT]:
    """Return rows as models.

    Args:

        kind: The class of the models.

        names: The names of the columns, which are those of the fields.

        rows: The rows, each with its values in this order.
    """
    fields = list(names)
    return [kind(**dict(zip(fields, row, strict=True))) for row in rows]


def as_row(model: attrs.AttrsInstance) -> Row:
    """Return the fields of *model* by name."""
    names, values_of = _fields(type(model))
    return dict(zip(names, values_of(model), strict=True))


@cache
def _fields(kind: type[attrs.AttrsInstance]) -> tuple[list[str], Callable[[object], tuple[Any, ...]]]:
    """Return the names of the fields of a class, and what reads all of them; no model has but one."""
    names = [field.name for field in attrs.fields(kind)]
    return names, attrgetter(*names)


class Upsert(Insert):
    """Adds a row, unless there is one with the same key; then it changes that row, or nothing.

    SQLite and PostgreSQL write this alike, and SQLAlchemy has a statement of its own for each of them. Run it with
    :func:`~provisioner.store.db.prepared.run`, because SQLAlchemy would compile it each time.

    Args:

        table: The table.

        changes: What is changed, by the name of the column.

        condition: Which rows are changed; by default, all.
    """

    inherit_cache = False

    def __init__(
        self, table: Table, changes: Mapping[str, ColumnElement[Any]], condition: ColumnElement[bool] | None = None
    ) -> None:
        super().__init__(table)
        self.key = [column.name for column in table.primary_key]
        self.changes = changes
        self.condition = condition


@compiles(Upsert)
def _compiled(upsert: Upsert, compiler: SQLCompiler, **options: Any) -> str:
    text: str = compiler.visit_insert(upsert, **options)  # type: ignore[no-untyped-call]
    text += f" ON CONFLICT ({', '.join(upsert.key)}) DO "
    if not upsert.changes:
        return f"{text}NOTHING"
    changes = (f"{name} = {compiler.process(value)}" for name, value in upsert.changes.items())
    text += f"UPDATE SET {', '.join(changes)}"
    return text if upsert.condition is None else f"{text} WHERE {compiler.process(upsert.condition)}"


def given(column: Column[Any]) -> ColumnElement[Any]:
    """Return the value that an :class:`Upsert` was given for a column."""
    return literal_column(f"excluded.{column.name}", column.type)


def given_rows(**columns: ColumnElement[Any]) -> CTE:
    """Return the rows that a statement is given, as a table, so that they can share one execution.

    Queue such a statement: SQLite does not say how many rows it changes.

    Args:

        columns: For each name of a value, a column of the same type.
    """
    named = [column(name, like.type) for name, like in columns.items()]
    row = tuple(bindparam(name, type_=like.type) for name, like in columns.items())
    return values(*named, name="given").data([row]).cte("given")


def add(table: Table) -> Upsert:
    """Return a statement that adds a row, unless there is one with the same key."""
    return Upsert(table, {})


def put(table: Table, *columns: Column[Any], condition: ColumnElement[bool] | None = None) -> Upsert:
    """Return a statement that adds a row, or writes it over the one with the same key.

    Args:

        table: The table.

        columns: What is written over; by default, all but the key.

        condition: When a row may be written over; by default, always. The statement must write each row then.
    """
    chosen = columns or [column for column in table.columns if not column.primary_key]
    statement = Upsert(table, {column.name: given(column) for column in chosen}, condition)
    return statement if condition is None else statement.execution_options(**{MUST_FIND: True})


def revise(table: Table) -> UpdateBase:
    """Return a statement that writes the next revision of a row over the last one, and over no other.

    The row has the new values, and the key once more as ``this``.
    """
    [key] = table.primary_key
    rest: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns if not column.primary_key}
    last = table.c.revision == bindparam("revision", type_=table.c.revision.type) - 1
    return update(table).where(key == bindparam("this"), last).values(rest).execution_options(**{MUST_FIND: True})
