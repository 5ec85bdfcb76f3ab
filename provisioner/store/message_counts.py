"""How many messages each channel with a daily limit sent on a day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import bindparam, select, update

from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Upsert
from provisioner.store.db.tables import message_counts

_THIS = (message_counts.c.channel == bindparam("this_channel"), message_counts.c.day == bindparam("this_day"))
_TAKE = Upsert(
    message_counts, {"sent": message_counts.c.sent + 1}, condition=message_counts.c.sent < bindparam("at_most")
)
_GIVE_BACK = update(message_counts).where(*_THIS, message_counts.c.sent > 0).values(sent=message_counts.c.sent - 1)


class StoredMessageCounts:
    """The :class:`~provisioner.core.engine.ports.MessageCounts` that the processes of one store share.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def take(self, channel: str, day: date, at_most: int, /) -> bool:
        """Count one more message, and return whether it is one of the first *at_most* of the day.

        If it isn't, it is not counted.

        Raises:

            StoreError: The store failed.
        """
        row = {"channel": channel, "day": day.isoformat(), "sent": 1, "at_most": at_most}
        with self._database.write() as connection:
            return run(connection, _TAKE, [row]) > 0

    def give_back(self, channel: str, day: date, /) -> None:
        """Count one message less.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            connection.execute(_GIVE_BACK, {"this_channel": channel, "this_day": day.isoformat()})

    def sent(self, channel: str, day: date, /) -> int:
        """Return how many messages were counted."""
        query = select(message_counts.c.sent).where(
            message_counts.c.channel == channel, message_counts.c.day == day.isoformat()
        )
        return next((int(row.sent) for row in self._reader.all(query)), 0)
