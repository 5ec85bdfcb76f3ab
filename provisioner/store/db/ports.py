"""What the journal asks of its database.

Statements are those of SQLAlchemy, so that each database writes them in its own words. The journal runs the same few of
them thousands of times: an implementation should compile each only once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.dml import UpdateBase

from provisioner.core.api.errors import StoreError

#: The values of one row: by name, or in the order in which the table has its columns.
Values = Mapping[str, object] | tuple[Any, ...]

#: Rows that were found, each with its values in the order of the query.
Rows = Sequence[tuple[Any, ...]]


class Transaction(Protocol):
    """One transaction. All methods raise a :class:`~sqlalchemy.exc.SQLAlchemyError` if the database fails."""

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, for a library that writes in the same transaction."""

    def run(self, statement: UpdateBase, rows: Iterable[Values]) -> int:
        """Run a statement for each row, and return how many rows of its table it changed."""

    def queue(self, statement: UpdateBase, rows: Iterable[Values]) -> None:
        """Run a statement for each row, after all that was run or queued before.

        It is run before the next answer is returned, or at the end. If it fails, that raises the error.
        """

    def find(self, query: Select[Any], **values: object) -> Rows:
        """Return the rows of a query, whose values have these names."""

    def find_among(self, query: Select[Any], name: str, values: Iterable[str]) -> Rows:
        """Return the rows of a query that looks for any of some values, and has no others.

        Args:

            query: The query.

            name: The name of the list of values in it.

            values: The values.
        """


class JournalDatabase(Protocol):
    """The database that keeps the journal."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a transaction in which nobody else writes. When it has ended well, its changes are durable.

        Raises:

            SQLAlchemyError: The database failed, and nothing was changed.

            StoreError: It is not where it was any more.
        """

    def failure(self, error: SQLAlchemyError) -> StoreError:
        """Return an error of the database as one of ours, without any value of a row."""
