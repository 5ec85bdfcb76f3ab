"""When each account was last listed by each target."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, or_, select

from provisioner.core.model import Account, AccountState
from provisioner.core.reconcile.ports import LastSeen
from provisioner.store.db.chunks import chunks
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import prepared
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import accounts, last_seen, operations

_PUT = put(last_seen)
_FORMER = select(last_seen).where(
    last_seen.c.target == bindparam("on"),
    last_seen.c.login.in_(bindparam("logins", expanding=True)),
    last_seen.c.run == bindparam("of_run"),
)


class StoredLastSeen:
    """When the accounts of one store were last seen.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def note(self, target: str, seen: Sequence[LastSeen], /) -> Mapping[str, LastSeen]:
        """Store when these accounts were seen, and return what the same comparison noted of them before, by login.

        Raises:

            StoreError: The store failed. Nothing was stored.
        """
        if not seen:
            return {}
        with self._database.write() as connection:
            former = {
                row.login: LastSeen(login=row.login, at=row.at, run=row.run, reference=row.reference)
                for logins in chunks(account.login for account in seen)
                for row in connection.execute(_FORMER, {"on": target, "logins": logins, "of_run": seen[0].run})
            }
            rows = ({"target": target, **as_row(account)} for account in seen)
            prepared(_PUT, connection.dialect).run(connection, rows)
        return former

    def times(self, login: str, /) -> Mapping[str, datetime]:
        """Return when an account was last listed, by target. Targets that never listed it are left out."""
        query = select(last_seen.c.target, last_seen.c.at).where(last_seen.c.login == login)
        return {row.target: row.at for row in self._reader.all(query)}

    def unseen(self, target: str, since: datetime, /) -> Iterator[Account]:
        """Yield the open accounts that this target hasn't listed since then, by login."""
        listed = exists().where(
            last_seen.c.target == target, last_seen.c.login == accounts.c.login, last_seen.c.at >= since
        )
        query = select(accounts).where(accounts.c.state == AccountState.OPEN, ~listed)
        for page in self._reader.pages(query, accounts.c.login):
            yield from (Account(**row._asdict()) for row in page)

    def at_work(self, logins: Collection[str], since: datetime, /) -> Collection[str]:
        """Return those of these accounts of which an operation has not ended, or has ended since then."""
        query = select(operations.c.login).where(
            or_(operations.c.finished_at.is_(None), operations.c.finished_at >= since)
        )
        return {row.login for row in self._reader.among(query, operations.c.login, logins)}
