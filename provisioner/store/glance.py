"""Reads what is known of single accounts without SQLAlchemy, whose import takes longer than the rest of a command.

It reads the same tables as :class:`~provisioner.store.Store`; a test compares the answers of both.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs

from provisioner import files
from provisioner.core.model.accounts import Account, AccountKind, AccountState, Action, SessionsState, TargetState
from provisioner.core.model.deliveries import MessageState, PasswordDelivery
from provisioner.store.db.failures import MOVED, foreign, missing, moved, outdated, too_new
from provisioner.store.db.sqlite_errors import damaged, linked, store_error

ModelT = TypeVar("ModelT", bound=attrs.AttrsInstance)

#: How many seconds a reader waits for another process.
_BUSY_TIMEOUT = 5.0

#: What makes a stored value the value of a field, by the type of the field.
_CONVERTERS: Mapping[str, Callable[[Any], object]] = {
    "AccountKind": AccountKind,
    "AccountState": AccountState,
    "Action": Action,
    "MessageState": MessageState,
    "datetime": lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
}

#: The name of a migration, which begins with its revision.
_MIGRATION = re.compile(r"v(\d{4})_\w+\.py")


@attrs.frozen(eq=False)
class Glance:
    """The part of a store that is known of single accounts. It can only be read."""

    _place: str
    _connection: sqlite3.Connection

    @classmethod
    @contextmanager
    def at(cls, path: Path) -> Iterator[Glance]:
        """Open the store at *path*.

        Raises:

            StoreError: There is none, it is not of this version, or it cannot be read.
        """
        place = str(path)
        try:
            files.expect_own_link(path)
        except OSError as error:
            raise linked(place, error.strerror) from None
        if not path.exists():
            raise missing(place)
        with _failures(place):
            connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)
        try:
            glance = cls(place, connection)
            glance._expect_this_version()
            yield glance
        finally:
            connection.close()

    @property
    def accounts(self) -> GlancedAccounts:
        """Reads accounts."""
        return GlancedAccounts(self)

    @property
    def last_seen(self) -> GlancedLastSeen:
        """Reads when accounts were last seen."""
        return GlancedLastSeen(self)

    @property
    def deliveries(self) -> GlancedDeliveries:
        """Reads messages with passwords."""
        return GlancedDeliveries(self)

    def rows(self, query: str, *values: str) -> list[dict[str, Any]]:
        """Return the rows of a query, by the names of their columns.

        Raises:

            StoreError: The store failed.
        """
        with _failures(self._place):
            cursor = self._connection.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def models(self, kind: type[ModelT], query: str, *values: str) -> list[ModelT]:
        """Return the rows of a query as instances of a model, whose fields are named like the columns.

        Raises:

            StoreError: The store failed.
        """
        convert = {field.name: _CONVERTERS.get(str(field.type).partition(" | ")[0]) for field in attrs.fields(kind)}
        return [
            kind(**{name: _converted(value, convert[name]) for name, value in row.items()})
            for row in self.rows(query, *values)
        ]

    def _expect_this_version(self) -> None:
        if not self.rows("SELECT name FROM sqlite_master WHERE name = 'alembic_version'"):
            raise foreign(self._place)
        found = max((row["version_num"] for row in self.rows("SELECT version_num FROM alembic_version")), default="")
        if found.startswith(MOVED):
            raise moved(self._place, found.removeprefix(MOVED))
        if found != (revision := _revision()):
            raise (too_new if found > revision else outdated)(self._place)


@attrs.frozen
class GlancedAccounts:
    """The accounts of a store; see :class:`~provisioner.store.accounts.StoredAccounts`."""

    _glance: Glance

    def get_many(self, logins: Iterable[str], /) -> Mapping[str, Account]:
        """Return the accounts with these logins, by login. What does not exist is left out."""
        query = "SELECT * FROM accounts WHERE login = ?"
        return {account.login: account for login in logins for account in self._glance.models(Account, query, login)}

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        """Return what is known of these accounts on each target, by login and by the target's name."""
        query = "SELECT target, state FROM account_targets WHERE login = ?"
        return {
            login: {row["target"]: TargetState(row["state"]) for row in self._glance.rows(query, login)}
            for login in logins
        }

    def sessions(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, SessionsState]]:
        """Return whether sessions of these accounts are left, by login and by the target's name."""
        query = "SELECT target, state FROM account_sessions WHERE login = ?"
        return {
            login: {row["target"]: SessionsState(row["state"]) for row in self._glance.rows(query, login)}
            for login in logins
        }


@attrs.frozen
class GlancedLastSeen:
    """When the accounts of a store were last seen; see :class:`~provisioner.store.last_seen.StoredLastSeen`."""

    _glance: Glance

    def times(self, login: str, /) -> Mapping[str, datetime]:
        """Return when an account was last listed, by target. Targets that never listed it are left out."""
        rows = self._glance.rows("SELECT target, at FROM last_seen WHERE login = ?", login)
        return {row["target"]: datetime.fromisoformat(row["at"]).replace(tzinfo=UTC) for row in rows}


@attrs.frozen
class GlancedDeliveries:
    """The messages of a store; see :class:`~provisioner.store.deliveries.StoredDeliveries`."""

    _glance: Glance

    def recent(self, login: str, /) -> Sequence[PasswordDelivery]:
        """Return the last message of an account, if there is one."""
        query = "SELECT * FROM deliveries WHERE login = ? ORDER BY number DESC, id LIMIT 1"
        return self._glance.models(PasswordDelivery, query, login)


def _converted(value: Any, convert: Callable[[Any], object] | None) -> Any:
    return convert(value) if convert and value is not None else value


def _revision() -> str:
    """Return the revision of the newest migration, which is that of this program."""
    versions = Path(__file__).with_name("db") / "migrations" / "versions"
    return max(found[1] for file in versions.iterdir() if (found := _MIGRATION.fullmatch(file.name)))


@contextmanager
def _failures(place: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, place) from None
    except UnicodeDecodeError:  # Python cannot read what SQLite says of a damaged schema
        raise damaged(place) from None
