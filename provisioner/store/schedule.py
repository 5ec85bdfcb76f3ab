"""The stored deadlines, and which rule sets they were computed with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, update

from provisioner.core.api.events import RulesChanged
from provisioner.core.model import Account
from provisioner.store.db.database import Database
from provisioner.store.db.prepared import run
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, Row, add, models, put
from provisioner.store.db.tables import accounts, rule_sets, schedule

if TYPE_CHECKING:
    from provisioner.core.policy.ports import ScheduleState

#: How many accounts are read together by holder: many, because what is due is sorted for each page.
PAGE = 2000

_COLUMNS = accounts.c.keys()
_DEADLINES = select(accounts.c.login, accounts.c.next_deadline).where(
    accounts.c.login.in_(bindparam("logins", expanding=True)), accounts.c.next_deadline.is_not(None)
)
_KEEP_RULE_SET = add(rule_sets)
_DROP_RULE_SET = delete(rule_sets).where(rule_sets.c.name == bindparam("this"))
_BEGIN = put(schedule)

#: Sets the deadline of an account that is still as it was when the deadline was computed. If the deadline was changed
#: meanwhile, the earlier one holds: a notice may have been made due again.
_SET_DEADLINE = (
    update(accounts)
    .where(
        accounts.c.login == bindparam("this"),
        accounts.c.unit == bindparam("as_unit"),
        accounts.c.holder.is_not_distinct_from(bindparam("as_holder")),
        accounts.c.state == bindparam("as_state"),
        accounts.c.password_changed_at.is_not_distinct_from(bindparam("as_changed")),
        or_(
            accounts.c.next_deadline.is_not_distinct_from(bindparam("as_deadline")),
            accounts.c.next_deadline.is_(None),
            accounts.c.next_deadline > bindparam("deadline"),
        ),
    )
    .values(next_deadline=bindparam("deadline"), next_action=bindparam("action"), closes_at=bindparam("closes"))
)
_MOVE_CURSOR = update(schedule).values(cursor=bindparam("reached"))
#: Makes the next sweep recalculate all deadlines.
FORGET = update(schedule).values(fingerprint="")


def changed(event: RulesChanged) -> Iterable[Change]:
    """Note which rule sets hold, keep since when, and begin to compute from the first login on."""
    for name in event.rule_sets:
        yield _KEEP_RULE_SET, {"name": name, "since": event.at}
    for name in event.gone:
        yield _DROP_RULE_SET, {"this": name}
    yield _BEGIN, {"id": 1, "fingerprint": event.fingerprint, "cursor": ""}


class StoredSchedule:
    """The deadlines in one store, and which rule sets they were computed with.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def rule_sets_since(self) -> Mapping[str, datetime]:
        """Return since when each rule set holds, by its name."""
        return {row.name: row.since for row in self._reader.all(select(rule_sets))}

    def state(self) -> ScheduleState:
        """Return which rule sets the stored deadlines were computed with."""
        from provisioner.core.policy.ports import ScheduleState

        found = self._reader.all(select(schedule.c.fingerprint, schedule.c.cursor))
        return ScheduleState(**found[0]._asdict()) if found else ScheduleState()

    def due(self, now: datetime, /) -> Iterator[Account]:
        """Yield the accounts whose deadline has come, the most urgent first. It costs what is due, not what exists."""
        query = select(accounts).where(accounts.c.next_deadline <= now)
        for page in self._reader.pages(query, accounts.c.next_deadline, accounts.c.login):
            yield from models(Account, _COLUMNS, page)

    def still_due(self, logins: Iterable[str], now: datetime, /) -> Mapping[str, datetime]:
        """Return the deadlines of those of these accounts whose deadline has come, by login."""
        found = self._reader.find_among(_DEADLINES, "logins", logins)
        return {login: deadline for login, deadline in found if deadline <= now}

    def count_due(self, before: datetime, /) -> int:
        """Return how many accounts have had a deadline before this time. It costs what is due, not what exists."""
        query = select(func.count().label("total")).select_from(accounts).where(accounts.c.next_deadline < before)
        return int(self._reader.all(query)[0].total)

    def due_by_holder(self, now: datetime, /) -> Iterator[tuple[str, str]]:
        """Yield the holder and the login of each account whose deadline has come, in their order."""
        held = select(accounts.c.holder, accounts.c.login).where(accounts.c.holder.is_not(None))
        # By an expression, so that the accounts that are due are sorted, and not all accounts read by holder.
        holder = func.coalesce(accounts.c.holder, "")
        query = held.where(accounts.c.next_deadline <= now).order_by(holder, accounts.c.login).limit(PAGE)
        page = self._reader.all(query)
        while page:
            yield from ((row.holder, row.login) for row in page)
            after = tuple_(holder, accounts.c.login) > (page[-1].holder, page[-1].login)
            page = self._reader.all(query.where(after)) if len(page) == PAGE else ()

    def with_several(self, now: datetime, holders: Iterable[str], /) -> Collection[str]:
        """Return those of these persons who hold several accounts whose deadline has come.

        Args:

            now: When the deadlines have come.

            holders: The IDs of the persons.
        """
        due = select(accounts.c.holder).where(accounts.c.next_deadline <= now)
        several = due.group_by(accounts.c.holder).having(func.count() > 1)
        return {row.holder for row in self._reader.among(several, accounts.c.holder, set(holders))}

    def due_without_holder(self, now: datetime, /) -> Iterator[Sequence[Account]]:
        """Yield the accounts without a holder whose deadline has come, page by page."""
        query = select(accounts).where(accounts.c.next_deadline <= now, accounts.c.holder.is_(None))
        for page in self._reader.pages(query, accounts.c.next_deadline, accounts.c.login):
            yield models(Account, _COLUMNS, page)

    def accounts_after(self, login: str, /) -> Iterator[Sequence[Account]]:
        """Yield all accounts whose logins come after this one, in the order of their logins, page by page."""
        for page in self._reader.pages(select(accounts).where(accounts.c.login > login), accounts.c.login):
            yield models(Account, _COLUMNS, page)

    def save(self, planned: Iterable[tuple[Account, Account]], /, *, reached: str | None = None) -> None:
        """Store the next deadline of each of these accounts, unless it was changed since it was read.

        Args:

            planned: Accounts as they were read, each with the same account and the deadline that follows from that.

            reached: The login up to which all deadlines are computed again, while that is going on.

        Raises:

            StoreError: The store failed.
        """
        rows = [_as_deadline(read, account) for read, account in planned]
        with self._database.write() as connection:
            run(connection, _SET_DEADLINE, rows)
            if reached is not None:
                connection.execute(_MOVE_CURSOR, {"reached": reached})

    def finish(self) -> None:
        """Note that all deadlines are computed.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            connection.execute(_MOVE_CURSOR, {"reached": None})


def _as_deadline(read: Account, planned: Account) -> Row:
    return {
        "this": read.login,
        "as_unit": read.unit,
        "as_holder": read.holder,
        "as_state": read.state,
        "as_changed": read.password_changed_at,
        "as_deadline": read.next_deadline,
        "deadline": planned.next_deadline,
        "action": planned.next_action,
        "closes": planned.closes_at,
    }
