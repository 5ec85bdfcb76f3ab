"""Accounts as entries of a directory: what each hook does, as LDAP requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import cast
from weakref import WeakValueDictionary

import attrs

from provisioner.core.api.errors import UnknownOutcomeError
from provisioner.core.api.messages import (
    AccountComparison,
    AccountPage,
    AccountReport,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    HandOver,
    ProbeAccount,
    Receipt,
    RenameAccount,
    RotateSecret,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.model import Account, Outcome
from provisioner.core.model.days import utc_now
from provisioner.core.model.secret import Secret
from provisioner_ldap.account_entries import AccountEntries
from provisioner_ldap.checkup import check_all
from provisioner_ldap.client import LdapSession
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.containers import provide
from provisioner_ldap.contents import Contents, subject_of
from provisioner_ldap.credential import ServiceCredential
from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.errors import NoParentError
from provisioner_ldap.families.base import Family
from provisioner_ldap.groups import GroupChange, Member, Memberships, pending, read_group
from provisioner_ldap.layout import Layout, Subject
from provisioner_ldap.listing import Snapshot, account_filter, listed
from provisioner_ldap.moving import Move, is_same
from provisioner_ldap.numbers import numbers_of
from provisioner_ldap.pool import Pool, Servers
from provisioner_ldap.probing import Prober
from provisioner_ldap.replicas import Replicas
from provisioner_ldap.rewrite import Rewrite, Undo
from provisioner_ldap.settings import LdapSettings

#: The messages that change groups.
_Regrouping = CreateAccount | CloseAccount | HandOver | UpdateAccount


@attrs.define(eq=False)
class Turns:
    """Lets one thread at a time change an entry: of two that set a password at once, both would be good."""

    _locks: WeakValueDictionary[str, threading.Lock] = attrs.field(factory=WeakValueDictionary, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def of(self, dn: str) -> threading.Lock:
        """Return the lock of an entry, the same for as long as anybody has it."""
        with self._lock:
            return self._locks.setdefault(dn, threading.Lock())


@attrs.define(eq=False, kw_only=True)
class Directory:
    """One directory. Safe to share between threads."""

    settings: LdapSettings
    now: Callable[[], datetime] = utc_now
    _client: LdapClient = attrs.field(init=False)
    _servers: Servers[LdapSession] = attrs.field(init=False)
    #: Sessions of the service account.
    _sessions: Pool[LdapSession] = attrs.field(init=False)
    #: Sessions in which lists are read. While one is open, the accounts in it are probed in other sessions.
    _lists: Pool[LdapSession] = attrs.field(init=False)
    _prober: Prober = attrs.field(init=False)
    _turns: Turns = attrs.field(factory=Turns, init=False)
    _layout: Layout = attrs.field(init=False)
    _contents: Contents = attrs.field(init=False)
    #: The password of the service account.
    credential: ServiceCredential = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._layout = Layout(self.settings)
        self._contents = Contents(self._layout, numbers_of(self._layout))
        self._client = LdapClient(self.settings)
        self._servers = Servers(urls=self.settings.urls, connect=self._client.connect_service)
        self._sessions = self._pool(self._servers)
        self._lists = self._pool(self._servers)
        trials = attrs.evolve(self._servers, connect=self._client.connect)
        patience, everywhere = self.settings.replication_patience, self.settings.servers
        self._prober = Prober(
            contents=self._contents,
            sessions=self._sessions,
            trials=self._pool(trials),
            replicas=Replicas(servers=attrs.evolve(self._servers, urls=everywhere), pool=self._pool, patience=patience),
            trial_replicas=Replicas(servers=attrs.evolve(trials, urls=everywhere), pool=self._pool, patience=0),
            find_family=lambda: self._family,
            now=self.now,
        )
        self.credential = ServiceCredential(
            settings=self.settings, client=self._client, sessions=self._sessions, family=lambda: self._family
        )

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()
        self._lists.close()
        self._prober.close()

    def create(self, request: CreateAccount) -> Receipt:
        """Make the entry and set its password: two requests. If there is one already, make it what it shall be.

        The entry is made without a password, because the server would store that as it came.
        """
        return self._run(request.account, lambda session: self._create(session, request))

    def shut(self, request: CloseAccount) -> Receipt:
        """Disable the entry and keep it."""
        return self._run(request.account, lambda session: self._shut(session, request))

    def rotate(self, request: RotateSecret) -> Receipt:
        """Set another password."""
        return self._run(request.account, lambda session: self._rotate(session, request))

    def hand_over(self, request: HandOver) -> Receipt:
        """Set another password first, so that the former one is void, and then write down the holder (000 m.5/e)."""
        return self._run(request.account, lambda session: self._hand_over(session, request))

    def update(self, request: UpdateAccount) -> Receipt:
        """Write down what differs, in one request, and change groups."""
        return self._run(request.account, lambda session: self._update(session, request))

    def rename(self, request: RenameAccount) -> Receipt:
        """Move the entry to the container of its unit."""
        return self._run(request.account, lambda session: self._rename(session, request))

    def delete(self, request: DeleteAccount) -> Receipt:
        """Remove the entry, if it is this account and nothing is below it."""
        return self._run(request.account, lambda session: self._delete(session, request.account))

    def probe(self, request: ProbeAccount) -> AccountReport:
        """Try to log in if there is a password to try, and read the entry unless that has told all."""
        return self._prober.probe(request)

    def accounts(self) -> Iterator[AccountPage]:
        """Read the accounts below every base, at a server that takes changes. The last page says that all came."""
        test, family = account_filter(self._layout), self._family
        operational = [*family.shown, *family.locks, family.last_change, family.member_of]
        wanted = dict.fromkeys(filter(None, [self.settings.rdn, *self.settings.attributes, *operational]))
        memberships = Memberships(self._read_group, family.member_of)
        with self._lists.lend() as session:
            schema = session.schema()
            for base in self.settings.listed_bases:
                session.expect_changes(base)
                for entries in session.pages(base, test, wanted, subtree=self._layout.has_containers):
                    snapshots, now = [Snapshot(entry, schema, memberships) for entry in entries], self.now()
                    yield AccountPage(
                        accounts=tuple(listed(snapshot, self._layout, family, now) for snapshot in snapshots)
                    )
        yield AccountPage(is_last=True)

    def compare(self, request: CompareAccount) -> AccountComparison:
        """Compare an entry as it was listed. Only groups are read, each once for each list."""
        snapshot = cast("Snapshot", request.listed.entry)
        subject = Subject(request.account, request.unit, request.holder, request.parent)
        wanted, member = self._contents.shown(subject, snapshot.entry), Member(snapshot.entry.dn, request.account.login)
        changes = snapshot.changes(wanted, member, request.entitlements)
        return AccountComparison(changes=(*changes, *self._contents.move(snapshot.entry, subject)))

    def check(self) -> TargetReport:
        """Log in as the service account to every server, and see that everything is there that the changes need."""
        report = check_all(self.settings, self._servers.reach)
        with self._sessions.lend():  # what follows a check need not wait for a connection
            return report

    def _create(self, session: LdapSession, request: CreateAccount) -> Receipt:
        self._family.expect_login(request.account.login)
        subject = Subject(request.account, request.unit, request.holder, request.parent)
        former = self._there_before(session, request.account)
        if former is None:
            dn, wanted = self._layout.dn(subject), self._contents.wanted(session, subject)
            named = {self.settings.rdn: (self._layout.name(request.account).encode(),), **wanted}
            groups = self._pending(session, dn, request)
            with Rewrite(session, self._family, Entry(dn)) as fresh:
                if self._added(fresh, named, request.secret, subject):
                    fresh.regroup(groups)
                    return self._applied(fresh.undo)
            former = self._entries(session).find(request.account)
            if not former.exists:
                raise self._entries(session).taken(dn, request.account, named)
        return self._adopt(session, request, subject, former)

    def _there_before(self, session: LdapSession, account: Account) -> Entry | None:
        """Return the entry of an account, where a new one is not just added: in another container, or with a number."""
        if not self._layout.has_containers and self._contents.numbers is None:
            return None
        found = self._entries(session).find(account)
        return found if found.exists else None

    def _added(self, fresh: Rewrite, named: Attributes, secret: Secret, subject: Subject) -> bool:
        """Make a new entry, and its container if that is missing. Return ``False`` if something of it is taken."""
        levels = self._layout.levels(subject)
        try:
            return fresh.add(named, secret)
        except NoParentError:
            if not levels:
                raise
        provide(fresh.session, levels, create=self.settings.create_containers)
        return fresh.add(named, secret)

    def _adopt(self, session: LdapSession, request: CreateAccount, subject: Subject, former: Entry) -> Receipt:
        """Make an entry that is there what it shall be."""
        self._entries(session).expect_ours(former, request.account)
        groups = self._pending(session, former.dn, request)
        with Rewrite(session, self._family, former) as adopted:
            wanted = self._contents.wanted(session, subject, former)
            adopted.modify(former.differences(wanted, schema=session.schema))
            adopted.set_password(request.secret)
            adopted.regroup(groups)
            # Last, so that the account is never open with the password of its last holder.
            adopted.enable(self.now())
        return self._applied(adopted.undo)

    def _shut(self, session: LdapSession, request: CloseAccount) -> Receipt:
        # What keeps the account closed must be its own: a role that does may be taken away by anybody.
        former = self._entries(session).find(request.account, self._family.own_values)
        if not former.exists:
            self._entries(session).expect_absent(request.account)
        changes = self._family.disabling(former, self.now()) if former.exists else {}
        undo = Undo(self._family, former, set(changes))
        if changes:
            session.modify(former.dn, changes)
        # No group may keep the account open.
        undo.regroup(session, self._pending(session, former.dn, request))
        return self._changed(session, undo)

    def _rotate(self, session: LdapSession, request: RotateSecret) -> Receipt:
        former = self._entries(session).expect(request.account)
        with Rewrite(session, self._family, former) as change:
            change.set_password(request.secret)
            change.modify(self._family.after_password(former))
        return self._applied(change.undo)

    def _hand_over(self, session: LdapSession, request: HandOver) -> Receipt:
        former = self._entries(session).expect(request.account)
        wanted = self._contents.wanted(session, subject_of(request.account, request), former)
        differences = self._contents.handed_over(session, former, wanted, request.account, request)
        groups = self._pending(session, former.dn, request)
        with Rewrite(session, self._family, former) as change:
            change.set_password(request.secret)
            change.modify({**differences, **self._family.after_password(former)})
            change.regroup(groups)
        return self._applied(change.undo)

    def _update(self, session: LdapSession, request: UpdateAccount) -> Receipt:
        former = self._entries(session).expect(request.account)
        wanted = self._contents.wanted(session, subject_of(request.account, request), former)
        differences = former.differences(wanted, schema=session.schema)
        groups = self._pending(session, former.dn, request)
        with Rewrite(session, self._family, former) as change:
            change.modify(differences)
            change.regroup(groups)
        return self._changed(session, change.undo)

    def _rename(self, session: LdapSession, request: RenameAccount) -> Receipt:
        entries, subject = self._entries(session), Subject(request.account, request.unit, parent=request.parent)
        former = entries.expect(request.account)
        new = self._layout.dn(subject)
        if is_same(former.dn, new):
            entries.expect_changes(request.account)
            return Receipt(outcome=Outcome.UNCHANGED, reference=former.dn)
        entries.expect_ours(former, request.account)
        levels = self._layout.levels(subject) or ()
        move = Move(former=former.dn, new=new, levels=levels, create=self.settings.create_containers)
        move.make(session, request.account.login, request.entitlements)
        return Receipt(outcome=Outcome.APPLIED, reference=new, undo=partial(self._sessions.run, move.undo))

    def _pending(self, session: LdapSession, dn: str, change: _Regrouping) -> Sequence[GroupChange]:
        entitlements = change.entitlements
        if entitlements.granted or entitlements.withdrawn:
            self._entries(session).expect_changes(change.account)
        return pending(session, Member(dn, change.account.login), entitlements)

    def _delete(self, session: LdapSession, account: Account) -> Receipt:
        entries = self._entries(session)
        entry = entries.find(account)
        if not entry.exists:
            entries.expect_absent(account)
            return Receipt(outcome=Outcome.UNCHANGED, reference=entry.dn)
        entries.expect_ours(entry, account)
        outcome = Outcome.APPLIED if session.delete(entry.dn) else Outcome.UNCHANGED
        return Receipt(outcome=outcome, reference=entry.dn)

    def _run(self, account: Account, change: Callable[[LdapSession], Receipt]) -> Receipt:
        """Change an account, while nobody else in this process does."""
        with self._turns.of(self._key(account)):
            try:
                return self._sessions.run(change)
            except UnknownOutcomeError:
                if not self._family.repeats_lost_changes:
                    raise
            return self._sessions.run(change)

    @property
    def _family(self) -> Family:
        """What kind of directory it is. The first session of the service account finds out."""
        if self._client.family:
            return self._client.family
        with self._sessions.lend() as session:
            return session.family

    def _pool(self, servers: Servers[LdapSession]) -> Pool[LdapSession]:
        return Pool(servers=servers, size=self.settings.connections, patience=self.settings.timeout)

    def _key(self, account: Account) -> str:
        """Return what is different for any two accounts."""
        return f"{account.kind}:{account.login}"

    def _entries(self, session: LdapSession) -> AccountEntries:
        return AccountEntries(session, self._layout)

    def _read_group(self, group: str, attributes: Sequence[str]) -> Entry:
        return self._sessions.run(lambda session: read_group(session, group, attributes))

    def _changed(self, session: LdapSession, undo: Undo) -> Receipt:
        if undo.needed:
            return self._applied(undo)
        session.expect_changes(self.settings.base_of(undo.former.dn))
        return Receipt(outcome=Outcome.UNCHANGED, reference=undo.former.dn)

    def _applied(self, undo: Undo) -> Receipt:
        take_back = partial(self._sessions.run, undo.run)
        return Receipt(outcome=Outcome.APPLIED, reference=undo.former.dn, undo=take_back if undo.possible else None)
