"""The plug-in ``local``: a directory in a file, for trying things out where there is no directory server.

It keeps salted hashes, knows enabled from disabled, and can be asked whether a password logs in. Nothing else can log
in against it, so it replaces a mail directory in the demo and in first steps, not in production.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import attrs

from provisioner import files
from provisioner.core.api.errors import MissingError, SecretRefusedError, UnavailableError
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountPage,
    AccountReport,
    Capabilities,
    CloseAccount,
    CreateAccount,
    DeleteAccount,
    HandOver,
    ListedAccount,
    Presence,
    ProbeAccount,
    Receipt,
    RotateSecret,
    TargetReport,
)
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model import Outcome
from provisioner.core.model.secret import Secret

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    login TEXT PRIMARY KEY, mail TEXT NOT NULL, holder TEXT, hash TEXT NOT NULL, enabled INTEGER NOT NULL
) WITHOUT ROWID
"""


_SELECT = "SELECT login, mail, holder, hash, enabled FROM entries"
#: How many accounts a page of the list has.
_PAGE = 1000


@attrs.frozen(kw_only=True)
class LocalSettings:
    """The table of a target with ``plugin = "local"``."""

    #: The SQLite file; made when it is first used.
    database: Path


@attrs.frozen
class _LocalAccount:
    login: str
    mail: str
    holder: str | None
    hash: str
    enabled: bool


Change = Callable[[_LocalAccount | None], _LocalAccount | None]


@attrs.define(eq=False)
class LocalDirectory:
    """One directory file. Safe to share between threads and processes."""

    _database: Path

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        """Write the entry, enabled."""
        account = request.account
        entry = _LocalAccount(account.login, account.mail, request.holder.id, _hash(request.secret), enabled=True)
        return self._replace(entry.login, lambda _: entry)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        """Disable the entry."""
        return self._replace(request.account.login, lambda former: former and attrs.evolve(former, enabled=False))

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Write another hash."""
        hashed = _hash(request.secret)
        return self._replace(request.account.login, lambda former: attrs.evolve(_there(former), hash=hashed))

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        """Write another holder and another hash."""
        hashed, holder = _hash(request.secret), request.holder.id
        return self._replace(
            request.account.login, lambda former: attrs.evolve(_there(former), hash=hashed, holder=holder)
        )

    @hookimpl
    def account_delete(self, request: DeleteAccount) -> Receipt:
        """Remove the entry. There is no way back."""
        return attrs.evolve(self._replace(request.account.login, lambda _: None), undo=None)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        """Read the entry, and compare the hash."""
        with self._transaction() as connection:
            entry = _read(connection, request.account.login)
        if entry is None:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=False if request.secret else None)
        return AccountReport(
            presence=Presence.ENABLED if entry.enabled else Presence.DISABLED,
            secret_accepted=entry.enabled and _matches(request.secret, entry.hash) if request.secret else None,
            attributes={"mail": entry.mail, "holder": entry.holder or ""},
        )

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        """Read the entries page by page, in the order of their logins."""
        last = ""
        while rows := self._entries_after(last):
            yield AccountPage(accounts=tuple(map(_listed, rows)))
            last = rows[-1].login
        yield AccountPage(is_last=True)

    @hookimpl
    def target_check(self) -> TargetReport:
        """Open the file."""
        with self._transaction():
            changes = frozenset({"account_create", "account_close", "account_rotate", "account_handover"})
            return TargetReport(capabilities=Capabilities(undoes=changes, facts={"file": str(self._database)}))

    def _entries_after(self, login: str) -> list[_LocalAccount]:
        with self._transaction() as connection:
            rows = connection.execute(f"{_SELECT} WHERE login > ? ORDER BY login LIMIT ?", [login, _PAGE]).fetchall()
        return [_account(row) for row in rows]

    def _replace(self, login: str, change: Change) -> Receipt:
        with self._transaction() as connection:
            former = _read(connection, login)
            entry = change(former)
            if entry == former:
                return Receipt(outcome=Outcome.UNCHANGED)
            require_lease()
            _write(connection, login, entry)
        return Receipt(outcome=Outcome.APPLIED, undo=partial(self._restore, login, former))

    def _restore(self, login: str, former: _LocalAccount | None) -> None:
        with self._transaction() as connection:
            require_lease()
            _write(connection, login, former)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            files.reserve(self._database)
            with closing(sqlite3.connect(self._database, timeout=5, isolation_level=None)) as connection:
                connection.execute(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(
                "the directory file {file} cannot be used: {error}", file=self._database, error=error
            ) from None


def _read(connection: sqlite3.Connection, login: str) -> _LocalAccount | None:
    row = connection.execute(f"{_SELECT} WHERE login = ?", [login]).fetchone()
    return _account(row) if row else None


def _account(row: tuple[str, str, str | None, str, int]) -> _LocalAccount:
    login, mail, holder, hashed, enabled = row
    return _LocalAccount(login, mail, holder, hashed, bool(enabled))


def _listed(entry: _LocalAccount) -> ListedAccount:
    presence = Presence.ENABLED if entry.enabled else Presence.DISABLED
    return ListedAccount(login=entry.login, presence=presence, holder=entry.holder, attributes={"mail": entry.mail})


def _write(connection: sqlite3.Connection, login: str, entry: _LocalAccount | None) -> None:
    connection.execute("DELETE FROM entries WHERE login = ?", [login])
    if entry:
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", attrs.astuple(entry))


def _there(entry: _LocalAccount | None) -> _LocalAccount:
    if entry is None:
        raise MissingError("the account is not in the directory")
    return entry


#: The longest password that can be hashed.
_LONGEST = 1024


# Not through passlib.hash: threads that first ask it at the same time get an ImportError.
def _hash(secret: Secret) -> str:
    from passlib.handlers.pbkdf2 import pbkdf2_sha256

    if not _fits(secret):
        raise SecretRefusedError("a password can have at most {most} characters and no NUL", most=_LONGEST)
    return str(pbkdf2_sha256.hash(secret.reveal()))


def _matches(secret: Secret, hashed: str) -> bool:
    from passlib.handlers.pbkdf2 import pbkdf2_sha256

    return _fits(secret) and bool(pbkdf2_sha256.verify(secret.reveal(), hashed))


def _fits(secret: Secret) -> bool:
    """Return whether the hash tells this password from others: behind a shorter one, NULs make no difference to it."""
    return len(secret.reveal()) <= _LONGEST and "\0" not in secret.reveal()


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one directory for each configured target."""
    for section in settings.targets:
        register.target(section.name, LocalDirectory(section.settings(LocalSettings).database))
