"""A transaction in which the driver itself runs statements that SQLAlchemy has compiled once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import attrs
from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.sql.dml import UpdateBase

from provisioner.store.db.chunks import chunks, power_of_two
from provisioner.store.db.ports import Rows, Values
from provisioner.store.db.prepared import PreparedQuery, prepared, run


@attrs.frozen
class DriverTransaction:
    """A transaction of the journal, see :class:`~provisioner.store.db.ports.Transaction`.

    Args:

        connection: One on which a transaction has begun.
    """

    _connection: Connection

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, for a library that writes in the same transaction."""
        return self._connection.connection.driver_connection

    def run(self, statement: UpdateBase, rows: Iterable[Values]) -> int:
        """Run a statement for each row, and return how many rows of its table it changed."""
        return run(self._connection, statement, rows)

    def queue(self, statement: UpdateBase, rows: Iterable[Values]) -> None:
        """Run a statement for each row now."""
        prepared(statement, self._connection.dialect).send(self._connection, rows)

    def find(self, query: Select[Any], **values: object) -> Rows:
        """Return the rows of a query, whose values have these names."""
        return _prepared(query, self._connection.dialect).find(self._connection, values)

    def find_among(self, query: Select[Any], name: str, values: Iterable[str]) -> Rows:
        """Return the rows of a query that looks for any of some values, and has no others."""
        found: list[tuple[Any, ...]] = []
        for chunk in chunks(values):
            length = power_of_two(len(chunk))
            padded = chunk + chunk[-1:] * (length - len(chunk))
            question = _prepared_list(query, self._connection.dialect, name, length)
            found += question.find_in_order(self._connection, padded)
        return found


@lru_cache(maxsize=100)
def _prepared(query: Select[Any], dialect: Dialect) -> PreparedQuery:
    return PreparedQuery.of(query, dialect)


@lru_cache(maxsize=100)
def _prepared_list(query: Select[Any], dialect: Dialect, name: str, length: int) -> PreparedQuery:
    return PreparedQuery.of(query.params({name: [""] * length}), dialect)
