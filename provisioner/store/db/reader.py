"""Runs queries whose answers may be long.

Long lists are read page by page, each page in a transaction of its own: a caller may take hours over a list, and a
transaction that stays open for hours keeps SQLite from folding back its log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, func, select, tuple_

from provisioner.store.db.chunks import CHUNK, chunks
from provisioner.store.db.database import Database

Rows = Sequence[Row[Any]]


class Reader:
    """Reads rows of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, query: Select[Any]) -> Rows:
        """Return all rows of a query.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            return connection.execute(query).all()

    def among(self, query: Select[Any], column: ColumnElement[str], values: Iterable[str]) -> Iterator[Row[Any]]:
        """Yield the rows in which *column* is one of *values*; by *column*, where the query says nothing else."""
        for chunk in chunks(dict.fromkeys(values)):
            yield from self.all(query.where(column.in_(chunk)).order_by(column))

    def pages(self, query: Select[Any], *key: Column[Any], latest_first: bool = False) -> Iterator[Rows]:
        """Yield the rows in the order of *key*, which is unique, page by page."""
        order = [column.desc() if latest_first else column for column in key]
        query = query.order_by(*order).limit(CHUNK)
        page = self.all(query)
        while page:
            yield page
            last = [getattr(page[-1], column.name) for column in key]
            beyond = tuple_(*key) < last if latest_first else tuple_(*key) > last
            page = self.all(query.where(beyond)) if len(page) == CHUNK else ()

    def count(self, column: ColumnElement[Any], *only: ColumnElement[bool]) -> Mapping[Any, int]:
        """Return how many rows have each value of *column* that occurs."""
        query = select(column.label("value"), func.count().label("total")).where(*only).group_by(column)
        return {row.value: row.total for row in self.all(query)}
