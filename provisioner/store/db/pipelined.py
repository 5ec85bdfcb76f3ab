"""A transaction of the journal on PostgreSQL that sends its changes together.

The journal makes a dozen changes for each group of events. To wait for the answer to each takes longer than the change,
for the process and for the server. So changes wait until an answer is needed, and at the end they are sent together
with the commit (pipeline mode of libpq). If one fails, the server skips all that come after it, also the commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from sqlalchemy import Connection, Select
from sqlalchemy.sql.dml import UpdateBase

from provisioner.store.db.ports import Rows, Values
from provisioner.store.db.prepared import driver_cursor, prepared
from provisioner.store.db.transaction import DriverTransaction


@attrs.frozen
class PipelinedTransaction(DriverTransaction):
    """A transaction whose changes are sent together; see :class:`~provisioner.store.db.ports.Transaction`."""

    #: The changes that were not sent yet.
    _waiting: list[tuple[UpdateBase, list[Values]]] = attrs.field(factory=list, init=False)

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, on which all changes were sent."""
        self._send()
        return super().driver_connection

    def queue(self, statement: UpdateBase, rows: Iterable[Values]) -> None:
        """Run a statement for each row, at the latest before the next answer or the end."""
        self._waiting.append((statement, list(rows)))

    def run(self, statement: UpdateBase, rows: Iterable[Values]) -> int:
        """Run a statement for each row, and return how many rows of its table it changed."""
        self._send()
        return super().run(statement, rows)

    def find(self, query: Select[Any], **values: object) -> Rows:
        """Return the rows of a query, whose values have these names."""
        self._send()
        return super().find(query, **values)

    def find_among(self, query: Select[Any], name: str, values: Iterable[str]) -> Rows:
        """Return the rows of a query that looks for any of some values, and has no others."""
        self._send()
        return super().find_among(query, name, values)

    def end(self, *statements: str) -> None:
        """Send the changes, and then statements that end the transaction, together.

        Args:

            statements: Statements without results.

        Raises:

            DBAPIError: One of them failed. None that comes after it was run.
        """
        self._send(*statements)

    def _send(self, *statements: str) -> None:
        waiting = self._waiting.copy()
        self._waiting.clear()
        if not waiting and not statements:
            return
        connection = self._connection
        with driver_cursor(connection) as cursor, _pipeline(connection):
            for statement, rows in waiting:
                prepared(statement, connection.dialect).send(connection, rows)
            for text in statements:
                cursor.execute(text)


def _pipeline(connection: Connection) -> Any:
    """Return a block in which statements are sent without waiting for their answers; its end waits for all."""
    driver: Any = connection.connection.driver_connection
    return driver.pipeline()
