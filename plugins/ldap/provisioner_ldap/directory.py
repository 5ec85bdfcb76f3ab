"""Accounts as entries of a directory: what each hook does, as LDAP requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from provisioner.core.errors import ConflictError, MisconfiguredError, MissingError
from provisioner.core.model import Account, Outcome, Person, Unit
from provisioner.core.requests import (
    AccountReport,
    CloseAccount,
    CreateAccount,
    DeleteAccount,
    HandOver,
    Presence,
    ProbeAccount,
    Receipt,
    RotateSecret,
    TargetReport,
)
from provisioner.core.secret import Secret
from provisioner_ldap.checkup import check
from provisioner_ldap.client import Client, Session
from provisioner_ldap.entry import OBJECT_CLASS, Entry, placeholders, rendered
from provisioner_ldap.family import FAMILIES, Family
from provisioner_ldap.names import entry_dn, expect_unmistakable
from provisioner_ldap.pool import Pool, Servers
from provisioner_ldap.ppolicy import PolicyError
from provisioner_ldap.rewrite import PASSWORD, Rewrite, Undo
from provisioner_ldap.settings import LdapSettings

#: Operational: which class an entry was made with, for good.
STRUCTURAL_CLASS = "structuralObjectClass"


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@attrs.define(eq=False, kw_only=True)
class Directory:
    """One directory. Safe to share between threads."""

    settings: LdapSettings
    now: Callable[[], datetime] = utc_now
    _family: Family = attrs.field(init=False)
    #: Sessions of the service account.
    _sessions: Pool[Session] = attrs.field(init=False)
    #: Sessions in which passwords are tried.
    _trials: Pool[Session] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        client = Client(self.settings)
        self._family = FAMILIES[self.settings.family]
        self._sessions = self._pool(client.connect_service)
        self._trials = self._pool(client.connect)

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()
        self._trials.close()

    def create(self, request: CreateAccount) -> Receipt:
        """Make the entry and set its password: two requests. If there is one already, make it what it shall be.

        The entry is made without a password, because the server would store that as it came.
        """
        dn, wanted = self._dn(request.account), self._wanted(request.account, request.unit, request.holder)
        with self._sessions.lend() as session:
            with Rewrite(session, self._family, Entry(dn)) as fresh:
                if fresh.add({self.settings.rdn: (request.account.login.encode(),), **wanted}):
                    fresh.set_password(request.secret)
                    return self._applied(fresh.undo)
            former = self._read(session, dn)
            self._expect_ours(former, request.account)
            with Rewrite(session, self._family, former) as adopted:
                adopted.modify(former.differences(wanted))
                adopted.set_password(request.secret)
                # Last, so that the account is never open with the password of its last holder.
                adopted.modify(self._family.enabling(former))
        return self._applied(adopted.undo)

    def shut(self, request: CloseAccount) -> Receipt:
        """Disable the entry and keep it."""
        dn = self._dn(request.account)
        with self._sessions.lend() as session:
            former = self._read(session, dn)
            changes = self._family.disabling(former, self.now()) if former.exists else {}
            if not changes:
                return Receipt(outcome=Outcome.UNCHANGED, reference=dn)
            session.modify(dn, changes)
        return self._applied(Undo(self._family, former, set(changes)))

    def rotate(self, request: RotateSecret) -> Receipt:
        """Set another password."""
        with self._sessions.lend() as session:
            former = self._expect_there(session, request.account)
            with Rewrite(session, self._family, former) as change:
                change.set_password(request.secret)
                change.modify(self._family.relocking(former))
        return self._applied(change.undo)

    def hand_over(self, request: HandOver) -> Receipt:
        """Set another password first, so that the former one is void, and then write down the holder (000 m.5/e)."""
        wanted = self._wanted(request.account, request.unit, request.holder)
        with self._sessions.lend() as session:
            former = self._expect_there(session, request.account)
            with Rewrite(session, self._family, former) as change:
                change.set_password(request.secret)
                change.modify({**former.differences(wanted), **self._family.relocking(former)})
        return self._applied(change.undo)

    def delete(self, request: DeleteAccount) -> Receipt:
        """Remove the entry, if it is this account and nothing is below it."""
        dn = self._dn(request.account)
        with self._sessions.lend() as session:
            entry = self._read(session, dn)
            if entry.exists:
                self._expect_ours(entry, request.account)
            deleted = entry.exists and session.delete(dn)
        return Receipt(outcome=Outcome.APPLIED if deleted else Outcome.UNCHANGED, reference=dn)

    def probe(self, request: ProbeAccount) -> AccountReport:
        """Try to log in if there is a password to try, and read the entry unless that has told all."""
        dn = self._dn(request.account)
        if request.secret and (attributes := self._logged_in(dn, request.secret)) is not None:
            return AccountReport(presence=Presence.ENABLED, secret_accepted=True, attributes=attributes)
        with self._sessions.lend() as session:
            entry = self._read(session, dn)
        shown = ("pwdChangedTime", *self._family.locks, *self.settings.attributes)
        return AccountReport(
            presence=self._family.presence(entry, self.now()),
            secret_accepted=False if request.secret else None,
            attributes={name: text for name in shown if (text := entry.text(name)) is not None},
            lock=self._family.lock(entry, self.now()),
        )

    def check(self) -> TargetReport:
        """Log in as the service account, and see that everything is there that the changes need."""
        with self._sessions.lend() as session:
            return check(session, self.settings)

    def _pool(self, connect: Callable[[str], Session]) -> Pool[Session]:
        servers = Servers(urls=self.settings.urls, connect=connect)
        return Pool(servers=servers, size=self.settings.connections, patience=self.settings.timeout)

    def _dn(self, account: Account) -> str:
        expect_unmistakable(account.login)
        return entry_dn(self.settings.rdn, account.login, self.settings.base(account.kind))

    def _wanted(self, account: Account, unit: Unit, holder: Person) -> dict[str, tuple[bytes, ...]]:
        """Return what an entry shall hold, its name aside."""
        classes = tuple(name.encode() for name in self.settings.object_classes)
        return {OBJECT_CLASS: classes, **rendered(self.settings.attributes, placeholders(account, unit, holder))}

    def _read(self, session: Session, dn: str) -> Entry:
        """Read what an undo, a comparison or a report needs."""
        operational = [STRUCTURAL_CLASS, "pwdChangedTime", *self._family.locks, *self._family.reset_with_password]
        return session.read(dn, dict.fromkeys([self.settings.rdn, *self.settings.attributes, PASSWORD, *operational]))

    def _expect_there(self, session: Session, account: Account) -> Entry:
        entry = self._read(session, self._dn(account))
        if not entry.exists:
            raise MissingError("{server} has no entry {dn}", server=session.server, dn=entry.dn)
        return entry

    def _expect_ours(self, entry: Entry, account: Account) -> None:
        """See that an entry that was there before us is this account."""
        if not entry.exists:
            raise MisconfiguredError(
                "there is an entry {dn} that the service account may not read",
                cure="give the service account the rights that the README of the plug-in lists",
                dn=entry.dn,
            )
        kind = entry.text(STRUCTURAL_CLASS)
        if kind and kind.lower() not in {name.lower() for name in self.settings.object_classes}:
            raise ConflictError(
                "{dn} is an entry of another kind, {kind}",
                cure="move that entry elsewhere, or give the account another login",
                dn=entry.dn,
                kind=kind,
            )
        if account.login.encode() not in entry[self.settings.rdn]:
            raise ConflictError(
                "{dn} belongs to another account, {login}",
                cure="rename that entry, or give the account another login",
                dn=entry.dn,
                login=entry.text(self.settings.rdn),
            )

    def _applied(self, undo: Undo) -> Receipt:
        def take_back() -> None:
            with self._sessions.lend() as session:
                undo.run(session)

        return Receipt(outcome=Outcome.APPLIED, reference=undo.former.dn, undo=take_back if undo.possible else None)

    def _logged_in(self, dn: str, secret: Secret) -> dict[str, str] | None:
        """Try a password, once. Return what that shows of the account, or ``None`` if it was not accepted."""
        with self._trials.lend() as session:
            answer = session.bind(dn, secret)
        if not answer.ok:
            return None
        return {"pwdReset": "TRUE"} if answer.policy is PolicyError.CHANGE_AFTER_RESET else {}
