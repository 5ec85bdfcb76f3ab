"""When each account was last listed by each target."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, or_, select

from provisioner.core.model import Account, AccountState, TargetState
from provisioner.core.reconcile.ports import LastSeen
from provisioner.store.db.chunks import chunks
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import as_row, put
from provisioner.store.db.tables import account_targets, accounts, last_seen, operations, verifications

_PUT = put(last_seen)
_FORMER = select(last_seen).where(
    last_seen.c.target == bindparam("on"),
    last_seen.c.login.in_(bindparam("logins", expanding=True)),
    last_seen.c.run == bindparam("of_run"),
)


#: An account that a target should show: whose state there is the one that the account has, proved or not.
_IS_THERE = or_(
    and_(accounts.c.state == AccountState.OPEN, account_targets.c.state.in_([TargetState.OPEN, TargetState.UNPROVED])),
    and_(
        accounts.c.state == AccountState.CLOSED,
        account_targets.c.state.in_([TargetState.CLOSED, TargetState.UNPROVED]),
    ),
)


def _changed(since: datetime, until: datetime) -> ColumnElement[bool]:
    """Return whether an account was opened, closed or proved on a target in this time."""
    is_open = accounts.c.state == AccountState.OPEN
    state_since = case((is_open, accounts.c.opened_at), else_=accounts.c.closed_at)
    proved_at = case((and_(is_open, account_targets.c.state == TargetState.OPEN), accounts.c.password_changed_at))
    return or_(*(and_(at.is_not(None), at.between(since, until)) for at in (state_since, proved_at)))


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
            run(connection, _PUT, rows)
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

    def not_seen(self, target: str, since: datetime, until: datetime, /) -> Iterator[Account]:
        """Yield the open and closed accounts that nothing has shown on this target in this time, by login.

        A list, a verification, or the proof of an operation shows an account.

        Args:

            target: The target.

            since: The start of the time. Accounts that were opened or closed later are left out.

            until: Its end. Later times are not believed.
        """
        on_target = and_(account_targets.c.login == accounts.c.login, account_targets.c.target == target)
        query = select(accounts).join(account_targets, on_target).where(_IS_THERE, ~_changed(since, until))
        for table in (last_seen, verifications):
            shown = table.c.at.between(since, until)
            query = query.where(~exists().where(table.c.target == target, table.c.login == accounts.c.login, shown))
        for page in self._reader.pages(query, accounts.c.login):
            yield from (Account(**row._asdict()) for row in page)

    def at_work(self, logins: Collection[str], since: datetime, /) -> Collection[str]:
        """Return those of these accounts of which an operation has not ended, or has ended since then."""
        query = select(operations.c.login).where(
            or_(operations.c.finished_at.is_(None), operations.c.finished_at >= since)
        )
        return {row.login for row in self._reader.among(query, operations.c.login, logins)}
