"""The plug-in ``local``: a directory in a file, for trying things out where there is no directory server.

It keeps salted hashes, the names of unit and holder, and entitlements. It knows enabled from disabled, and can be
asked whether a password logs in. Nothing else can log in against it, so it replaces a mail directory in the demo and
in first steps, not in production.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import attrs

from provisioner import files
from provisioner.core.api.errors import MissingError, SecretRefusedError, UnavailableError
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    ENTITLEMENTS,
    AccountComparison,
    AccountPage,
    AccountReport,
    AttributeChange,
    Capabilities,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    Entitlements,
    HandOver,
    ListedAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
    RotateSecret,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model import Account, Outcome
from provisioner.core.model.secret import Secret

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    login TEXT PRIMARY KEY, mail TEXT NOT NULL, holder TEXT, hash TEXT NOT NULL, enabled INTEGER NOT NULL,
    attributes TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID
"""

#: Makes a file of an earlier version like a new one.
_UPGRADE = "ALTER TABLE entries ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}'"

_SELECT = "SELECT login, mail, holder, hash, enabled, attributes FROM entries"
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
    #: The names of the unit and the holder.
    names: Mapping[str, str] = attrs.field(factory=dict)
    entitlements: frozenset[str] = frozenset()

    def with_entitlements(self, wanted: Entitlements) -> _LocalAccount:
        return attrs.evolve(self, entitlements=(self.entitlements | wanted.granted) - wanted.withdrawn)

    def updated(self, account: Account, request: _Described) -> _LocalAccount:
        """Return the account as a request describes it. Without a holder, the former one stays."""
        holder = request.holder
        names = {**self.names, "unit": request.unit.name, **({"name": holder.name} if holder else {})}
        entry = attrs.evolve(self, mail=account.mail, holder=holder.id if holder else self.holder, names=names)
        return entry.with_entitlements(request.entitlements)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"mail": self.mail, "holder": self.holder or "", **self.names}

    def changes(self, new: _LocalAccount) -> tuple[AttributeChange, ...]:
        former = self.attributes
        changes = [
            AttributeChange.between(name, [former[name]] if former.get(name) else [], [value])
            for name, value in new.attributes.items()
        ]
        rights = AttributeChange.between(ENTITLEMENTS, sorted(self.entitlements), sorted(new.entitlements))
        return tuple(change for change in (*changes, rights) if not change.is_empty)


#: What says how an account shall be.
_Described = CreateAccount | HandOver | UpdateAccount | CompareAccount | PlannedChange

Change = Callable[[_LocalAccount | None], _LocalAccount | None]


@attrs.define(eq=False)
class LocalDirectory:
    """One directory file. Safe to share between threads and processes."""

    _database: Path

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        """Write the entry, enabled."""
        account, hashed = request.account, _hash(request.secret)
        bare = _LocalAccount(account.login, account.mail, request.holder.id, hashed, enabled=True)
        return self._replace(
            account.login,
            lambda former: attrs.evolve(former or bare, hash=hashed, enabled=True).updated(account, request),
        )

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        """Disable the entry, without entitlements."""
        return self._replace(
            request.account.login,
            lambda former: former and attrs.evolve(former, enabled=False).with_entitlements(request.entitlements),
        )

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Write another hash."""
        hashed = _hash(request.secret)
        return self._replace(request.account.login, lambda former: attrs.evolve(_there(former), hash=hashed))

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        """Write another holder and another hash."""
        account, hashed = request.account, _hash(request.secret)
        return self._replace(
            account.login, lambda former: attrs.evolve(_there(former), hash=hashed).updated(account, request)
        )

    @hookimpl
    def account_update(self, request: UpdateAccount) -> Receipt:
        """Write names and entitlements."""
        account = request.account
        return self._replace(account.login, lambda former: _there(former).updated(account, request))

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
            attributes=entry.attributes,
            changes=entry.changes(entry.updated(request.account, request.planned)) if request.planned else (),
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
    def account_compare(self, request: CompareAccount) -> AccountComparison:
        """Compare an entry that was listed."""
        entry = cast("_LocalAccount", request.listed.entry)
        return AccountComparison(changes=entry.changes(entry.updated(request.account, request)))

    @hookimpl
    def target_check(self) -> TargetReport:
        """Open the file."""
        with self._transaction():
            changes = ("account_create", "account_close", "account_rotate", "account_handover", "account_update")
            return TargetReport(
                capabilities=Capabilities(
                    sets_entitlements=True, undoes=frozenset(changes), facts={"file": str(self._database)}
                ),
                foresees=True,
            )

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
                _upgrade(connection)
                yield connection
                connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(
                "the directory file {file} cannot be used: {error}", file=self._database, error=error
            ) from None


def _upgrade(connection: sqlite3.Connection) -> None:
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(entries)")}
    if "attributes" not in columns:
        connection.execute(_UPGRADE)


def _read(connection: sqlite3.Connection, login: str) -> _LocalAccount | None:
    row = connection.execute(f"{_SELECT} WHERE login = ?", [login]).fetchone()
    return _account(row) if row else None


def _account(row: tuple[str, str, str | None, str, int, str]) -> _LocalAccount:
    login, mail, holder, hashed, enabled, attributes = row
    names = json.loads(attributes)
    entitlements = frozenset(names.pop("entitlements", ()))
    return _LocalAccount(login, mail, holder, hashed, bool(enabled), names, entitlements)


def _listed(entry: _LocalAccount) -> ListedAccount:
    return ListedAccount(
        login=entry.login,
        presence=Presence.ENABLED if entry.enabled else Presence.DISABLED,
        holder=entry.holder,
        attributes={"mail": entry.mail, **entry.names},
        entry=entry,
    )


def _write(connection: sqlite3.Connection, login: str, entry: _LocalAccount | None) -> None:
    connection.execute("DELETE FROM entries WHERE login = ?", [login])
    if entry:
        attributes = json.dumps({**entry.names, "entitlements": sorted(entry.entitlements)}, ensure_ascii=False)
        row = (entry.login, entry.mail, entry.holder, entry.hash, entry.enabled, attributes)
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)


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
