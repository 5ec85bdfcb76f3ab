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
from provisioner.store.db.ports import Rows as PlainRows
from provisioner.store.db.transaction import DriverTransaction

Rows = Sequence[Row[Any]]


class Reader:
    """Reads rows of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, query: Select[Any], values: Mapping[str, object] | None = None) -> Rows:
        """Return all rows of a query.

        Args:

            query: The query.

            values: The values for its parameters, by name.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            return connection.execute(query, values).all()

    def find(self, query: Select[Any], **values: object) -> PlainRows:
        """Return all rows of a query that is compiled only once, for pages that run it hundreds of times a second.

        Args:

            query: A query that lives as long as the process.

            values: The values for its parameters: texts or numbers.

        Raises:

            StoreError: The store failed.
        """
        return self._database.find(query, **values)

    def find_among(self, query: Select[Any], name: str, values: Iterable[str]) -> PlainRows:
        """Return all rows of a query that looks for any of some values, and is compiled only once.

        Args:

            query: A query that lives as long as the process.

            name: The name of the list of values in it.

            values: The values.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            return DriverTransaction(connection).find_among(query, name, dict.fromkeys(values))

    def among(self, query: Select[Any], column: ColumnElement[str], values: Iterable[str]) -> Iterator[Row[Any]]:
        """Yield the rows in which *column* is one of *values*; by *column*, where the query says nothing else."""
        for chunk in chunks(dict.fromkeys(values)):
            yield from self.all(query.where(column.in_(chunk)).order_by(column))

    def pages(
        self,
        query: Select[Any],
        *key: Column[Any],
        latest_first: bool = False,
        size: int = CHUNK,
        values: Mapping[str, object] | None = None,
    ) -> Iterator[Rows]:
        """Yield the rows in the order of *key*, which is unique, page by page.

        Args:

            query: The query.

            key: The columns.

            latest_first: Whether the order is descending.

            size: How many rows a page has.

            values: The values for the parameters of the query, by name.
        """
        order = [column.desc() if latest_first else column for column in key]
        query = query.order_by(*order).limit(size)
        page = self.all(query, values)
        while page:
            yield page
            last = [getattr(page[-1], column.name) for column in key]
            beyond = tuple_(*key) < last if latest_first else tuple_(*key) > last
            page = self.all(query.where(beyond), values) if len(page) == size else ()

    def count(self, column: ColumnElement[Any], *only: ColumnElement[bool]) -> Mapping[Any, int]:
        """Return how many rows have each value of *column* that occurs."""
        query = select(column.label("value"), func.count().label("total")).where(*only).group_by(column)
        return {row.value: row.total for row in self.all(query)}
