"""Accounts: what is read of them, and of each of their targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, select

from provisioner.core.model import (
    Account,
    AccountKind,
    AccountState,
    OperationKind,
    OperationState,
    SessionsState,
    TargetState,
)
from provisioner.store import tree
from provisioner.store.db.chunks import chunks
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import models
from provisioner.store.db.tables import account_sessions, account_targets, accounts, operations, units

_COLUMNS = accounts.c.keys()
_AMONG = select(accounts).where(accounts.c.login.in_(bindparam("logins", expanding=True))).order_by(accounts.c.login)


class StoredAccounts:
    """The accounts of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get_many(self, logins: Iterable[str], /) -> Mapping[str, Account]:
        """Return the accounts with these logins, by login. What does not exist is left out."""
        found = self._reader.find_among(_AMONG, "logins", logins)
        return {account.login: account for account in models(Account, _COLUMNS, found)}

    def of_units(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        """Return the unit accounts of the units with these codes, by code.

        Should a unit have had several, it is one that is not closed.
        """
        closed_first = (accounts.c.state == AccountState.CLOSED).desc()
        query = select(accounts).where(accounts.c.kind == AccountKind.UNIT).order_by(closed_first, accounts.c.login)
        return {row.unit: Account(**row._asdict()) for row in self._reader.among(query, accounts.c.unit, codes)}

    def of_holder(self, person_id: str, /) -> Sequence[Account]:
        """Return the accounts that this person holds and that are not closed."""
        return [account for account in self.find(holder=person_id) if account.state is not AccountState.CLOSED]

    def open_in(self, codes: Iterable[str], /) -> Sequence[Account]:
        """Return the open accounts of these units, without those of the units below."""
        return self._open(accounts.c.unit, codes)

    def open_with(self, holders: Iterable[str], /) -> Sequence[Account]:
        """Return the open accounts that these persons hold."""
        return self._open(accounts.c.holder, holders)

    def under(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        """Return the accounts of these units and of all units below them, by login."""
        found: dict[str, Account] = {}
        for chunk in chunks(codes):
            query = select(accounts).where(accounts.c.unit.in_(tree.codes_under(chunk))).order_by(accounts.c.login)
            found |= {row.login: Account(**row._asdict()) for row in self._reader.all(query)}
        return found

    def find(
        self,
        *,
        state: AccountState | None = None,
        under: str | None = None,
        unit: str | None = None,
        holder: str | None = None,
        due_before: datetime | None = None,
    ) -> Iterator[Account]:
        """Yield accounts by login.

        Args:

            state: Only those in this state.

            under: Only those of the unit with this code and of the units below it.

            unit: Only those of the unit with this code.

            holder: Only those that the person with this id holds.

            due_before: Only those of which a rule wants something before this time.
        """
        query = select(accounts)
        if state is not None:
            query = query.where(accounts.c.state == state)
        if under is not None:
            query = query.where(accounts.c.unit.in_(tree.codes_under([under])))
        if unit is not None:
            query = query.where(accounts.c.unit == unit)
        if holder is not None:
            query = query.where(accounts.c.holder == holder)
        if due_before is not None:
            query = query.where(accounts.c.next_deadline < due_before)
        for page in self._reader.pages(query, accounts.c.login):
            yield from (Account(**row._asdict()) for row in page)

    def not_held_by_custodians(self) -> Iterator[tuple[Account, str]]:
        """Yield the open accounts of units that another person than the custodian holds, with the custodian's ID."""
        query = (
            select(accounts, units.c.custodian)
            .join(units, units.c.code == accounts.c.unit)
            .where(
                accounts.c.state == AccountState.OPEN,
                accounts.c.kind == AccountKind.UNIT,
                units.c.custodian.is_not(None),
                units.c.custodian != func.coalesce(accounts.c.holder, ""),
            )
        )
        for page in self._reader.pages(query, accounts.c.login):
            for row in page:
                values = row._asdict()
                custodian = str(values.pop("custodian"))
                yield Account(**values), custodian

    def deleted(self, logins: Iterable[str], /) -> Collection[str]:
        """Return those of these accounts that were deleted since they were closed."""
        query = (
            select(operations.c.login)
            .join(accounts, accounts.c.login == operations.c.login)
            .where(
                operations.c.kind == OperationKind.DELETE,
                operations.c.state == OperationState.DONE,
                operations.c.finished_at > accounts.c.closed_at,
            )
        )
        return {row.login for row in self._reader.among(query, operations.c.login, logins)}

    def count(self) -> Mapping[AccountState, int]:
        """Return how many accounts there are in each state that occurs."""
        return self._reader.count(accounts.c.state)

    def target_states(self, login: str, /) -> Mapping[str, TargetState]:
        """Return what is known of one account on each target, by the target's name."""
        return self.all_target_states([login]).get(login, {})

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        """Return what is known of these accounts on each target, by login and by the target's name."""
        states: dict[str, dict[str, TargetState]] = defaultdict(dict)
        for row in self._reader.among(select(account_targets), account_targets.c.login, logins):
            states[row.login][row.target] = row.state
        return states

    def sessions(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, SessionsState]]:
        """Return whether sessions of these accounts are left, by login and by the target's name."""
        states: dict[str, dict[str, SessionsState]] = defaultdict(dict)
        for row in self._reader.among(select(account_sessions), account_sessions.c.login, logins):
            states[row.login][row.target] = row.state
        return states

    def count_sessions(self) -> Mapping[tuple[str, SessionsState], int]:
        """Return of how many accounts sessions are left or not, by target and state."""
        target, state = account_sessions.c.target, account_sessions.c.state
        query = select(target, state, func.count().label("accounts")).group_by(target, state)
        return {(row.target, row.state): row.accounts for row in self._reader.all(query)}

    def _open(self, column: ColumnElement[str], values: Iterable[str]) -> Sequence[Account]:
        query = select(accounts).where(accounts.c.state == AccountState.OPEN).order_by(accounts.c.login)
        return [Account(**row._asdict()) for row in self._reader.among(query, column, values)]
