"""Models as rows. The other way round is ``Model(**row._asdict())``: columns are named like fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import attrs
from sqlalchemy import Column, Table, bindparam, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.sql.dml import UpdateBase

Row = dict[str, Any]

#: A statement, and the values for one run of it.
Change = tuple[UpdateBase, Row]

#: The execution option of a statement that must find the row it changes, because somebody may have been faster.
MUST_FIND = "must_find"


def as_row(model: attrs.AttrsInstance) -> Row:
    """Return the fields of *model* by name."""
    names, values_of = _fields(type(model))
    return dict(zip(names, values_of(model), strict=True))


@cache
def _fields(kind: type[attrs.AttrsInstance]) -> tuple[list[str], Callable[[object], tuple[Any, ...]]]:
    """Return the names of the fields of a class, and what reads all of them; no model has but one."""
    names = [field.name for field in attrs.fields(kind)]
    return names, attrgetter(*names)


def add(table: Table) -> Insert:
    """Return a statement that adds a row, unless there is one with the same key.

    PostgreSQL's insert has the same methods; this and :func:`put` are the places that choose one.
    """
    return sqlite.insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))


def put(table: Table, *columns: Column[Any]) -> Insert:
    """Return a statement that adds a row, or writes it over the one with the same key.

    Args:

        table: The table.

        columns: What is written over; by default, all but the key.
    """
    statement = sqlite.insert(table)
    chosen = columns or [column for column in table.columns if not column.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in chosen}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)


def revise(table: Table) -> UpdateBase:
    """Return a statement that writes the next revision of a row over the last one, and over no other.

    The row has the new values, and the key once more as ``this``.
    """
    [key] = table.primary_key
    rest: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns if not column.primary_key}
    last = table.c.revision == bindparam("revision", type_=table.c.revision.type) - 1
    return update(table).where(key == bindparam("this"), last).values(rest).execution_options(**{MUST_FIND: True})
