"""Accounts as entries of a directory: what each hook does, as LDAP requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import cast
from weakref import WeakValueDictionary

import attrs

from provisioner.core.api.errors import (
    ConflictError,
    MisconfiguredError,
    MissingError,
    TargetError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import (
    AccountComparison,
    AccountPage,
    AccountReport,
    AttributeChange,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    Entitlements,
    HandOver,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
    RotateSecret,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.model import Account, OperationKind, Outcome, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner_ldap.checkup import check_all
from provisioner_ldap.client import LdapClient, LdapSession
from provisioner_ldap.entry import OBJECT_CLASS, PASSWORD, Attributes, Control, Entry, placeholders, rendered
from provisioner_ldap.families.base import STRUCTURAL_CLASS, Family
from provisioner_ldap.groups import GroupChange, Member, Memberships, foreseen, pending, read_group
from provisioner_ldap.listing import Snapshot, account_filter, listed
from provisioner_ldap.names import entry_dn
from provisioner_ldap.pool import Pool, Servers
from provisioner_ldap.ppolicy import PolicyError
from provisioner_ldap.replicas import Replicas
from provisioner_ldap.rewrite import Rewrite, Undo
from provisioner_ldap.settings import LdapSettings


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@attrs.frozen
class _Trial:
    """What happened to an attempt to log in."""

    #: Where.
    server: str
    #: What it shows of the account, if the password was accepted.
    report: AccountReport | None = None


#: Whether an account can log in, and which revision of its entry a server has.
_State = tuple[Presence, tuple[bytes, ...]]


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
    #: Sessions in which passwords are tried.
    _trials: Pool[LdapSession] = attrs.field(init=False)
    #: The servers one by one, with the service account and for trying passwords.
    _replicas: Replicas = attrs.field(init=False)
    _trial_replicas: Replicas = attrs.field(init=False)
    _turns: Turns = attrs.field(factory=Turns, init=False)

    def __attrs_post_init__(self) -> None:
        self._client = LdapClient(self.settings)
        self._servers = Servers(urls=self.settings.urls, connect=self._client.connect_service)
        self._sessions = self._pool(self._servers)
        self._lists = self._pool(self._servers)
        trials = attrs.evolve(self._servers, connect=self._client.connect)
        self._trials = self._pool(trials)
        patience = self.settings.replication_patience
        self._replicas = Replicas(servers=self._servers, pool=self._pool, patience=patience)
        self._trial_replicas = Replicas(servers=trials, pool=self._pool, patience=0)

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()
        self._lists.close()
        self._trials.close()
        self._replicas.close()
        self._trial_replicas.close()

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

    def delete(self, request: DeleteAccount) -> Receipt:
        """Remove the entry, if it is this account and nothing is below it."""
        return self._run(request.account, lambda session: self._delete(session, request.account))

    def probe(self, request: ProbeAccount) -> AccountReport:
        """Try to log in if there is a password to try, and read the entry unless that has told all.

        Raises:

            NotReplicatedError: Another server doesn't show the same, if it is asked as well.
        """
        report = self._probed(request)
        is_proof = request.planned is None and report.secret_accepted is not False
        if is_proof and self.settings.proves_everywhere:
            self._expect_everywhere(request.account, request.secret)
        return report

    def _probed(self, request: ProbeAccount) -> AccountReport:
        """Return what one server shows."""
        dn = self._dn(request.account)
        trial = self._try(dn, request.secret) if request.secret else None
        if trial and trial.report:
            return trial.report
        server, report = self._sessions.run(lambda session: self._look(session, request))
        if request.secret and trial and trial.server != server:
            # The server on which the password was tried takes no changes, so it may not know it yet.
            trial = self._try(dn, request.secret)
        return trial.report if trial and trial.report else report

    def _expect_everywhere(self, account: Account, secret: Secret | None) -> None:
        """Check that every server has the state of the account, and accepts the password if there is one.

        The password is tried where the change has arrived: a refused log-in counts, and several lock the account.
        """
        dn = self._dn(account)
        server, state = self._sessions.run(lambda session: self._state_where_it_changes(session, account))
        self._replicas.expect(lambda session: self._state(session, dn) == state, but=server)
        if secret:
            self._trial_replicas.expect(lambda session: self._tried(session, dn, secret).report is not None)

    def _state_where_it_changes(self, session: LdapSession, account: Account) -> tuple[str, _State]:
        session.expect_changes(self.settings.base(account.kind))
        return session.server, self._state(session, self._dn(account))

    def _state(self, session: LdapSession, dn: str) -> _State:
        family = self._family
        revision = family.revision or family.last_change
        entry = session.read(dn, [*family.locks, *filter(None, [revision])])
        return family.presence(entry, self.now()), entry[revision]

    def accounts(self) -> Iterator[AccountPage]:
        """Read the accounts below every base, at a server that takes changes. The last page says that all came."""
        test, family = account_filter(self.settings), self._family
        operational = [*family.shown, *family.locks, family.last_change, family.member_of]
        wanted = dict.fromkeys(filter(None, [self.settings.rdn, *self.settings.attributes, *operational]))
        memberships = Memberships(self._read_group, family.member_of)
        with self._lists.lend() as session:
            schema = session.schema()
            for base in self.settings.bases:
                session.expect_changes(base)
                for entries in session.pages(base, test, wanted):
                    snapshots, now = [Snapshot(entry, schema, memberships) for entry in entries], self.now()
                    yield AccountPage(
                        accounts=tuple(listed(snapshot, base, self.settings, family, now) for snapshot in snapshots)
                    )
        yield AccountPage(is_last=True)

    def compare(self, request: CompareAccount) -> AccountComparison:
        """Compare an entry as it was listed. Only groups are read, each once for each list."""
        snapshot, account = cast("Snapshot", request.listed.entry), request.account
        wanted = self._wanted(account, request.unit, request.holder)
        return AccountComparison(changes=snapshot.changes(wanted, self._member(account), request.entitlements))

    def check(self) -> TargetReport:
        """Log in as the service account to every server, and see that everything is there that the changes need."""
        report = check_all(self.settings, self._servers.reach)
        with self._sessions.lend():  # what follows a check need not wait for a connection
            return report

    def _create(self, session: LdapSession, request: CreateAccount) -> Receipt:
        dn, wanted = self._dn(request.account), self._wanted(request.account, request.unit, request.holder)
        named = {self.settings.rdn: (request.account.login.encode(),), **wanted}
        groups = self._pending(session, request.account, request.entitlements)
        with Rewrite(session, self._family, Entry(dn)) as fresh:
            if fresh.add(named, request.secret):
                fresh.regroup(groups)
                return self._applied(fresh.undo)
        former = self._read(session, dn)
        if not former.exists:
            raise self._taken(session, request.account, named)
        self._expect_ours(session, former, request.account)
        with Rewrite(session, self._family, former) as adopted:
            adopted.modify(former.differences(wanted, schema=session.schema))
            adopted.set_password(request.secret)
            adopted.regroup(groups)
            # Last, so that the account is never open with the password of its last holder.
            adopted.enable(self.now())
        return self._applied(adopted.undo)

    def _shut(self, session: LdapSession, request: CloseAccount) -> Receipt:
        dn = self._dn(request.account)
        # What keeps the account closed must be its own: a role that does may be taken away by anybody.
        former = self._read(session, dn, self._family.own_values)
        changes = self._family.disabling(former, self.now()) if former.exists else {}
        undo = Undo(self._family, former, set(changes))
        if changes:
            session.modify(dn, changes)
        # No group may keep the account open.
        undo.regroup(session, self._pending(session, request.account, request.entitlements))
        return self._changed(session, undo)

    def _rotate(self, session: LdapSession, request: RotateSecret) -> Receipt:
        former = self._expect_there(session, request.account)
        with Rewrite(session, self._family, former) as change:
            change.set_password(request.secret)
            change.modify(self._family.after_password(former))
        return self._applied(change.undo)

    def _hand_over(self, session: LdapSession, request: HandOver) -> Receipt:
        former = self._expect_there(session, request.account)
        differences = self._handed_over(session, former, request.account, request)
        groups = self._pending(session, request.account, request.entitlements)
        with Rewrite(session, self._family, former) as change:
            change.set_password(request.secret)
            change.modify({**differences, **self._family.after_password(former)})
            change.regroup(groups)
        return self._applied(change.undo)

    def _update(self, session: LdapSession, request: UpdateAccount) -> Receipt:
        former = self._expect_there(session, request.account)
        differences = self._differences(session, former, request.account, request)
        groups = self._pending(session, request.account, request.entitlements)
        with Rewrite(session, self._family, former) as change:
            change.modify(differences)
            change.regroup(groups)
        return self._changed(session, change.undo)

    def _handed_over(
        self, session: LdapSession, former: Entry, account: Account, change: HandOver | PlannedChange
    ) -> dict[str, tuple[bytes, ...]]:
        """Return what changes in an entry with its holder. What others have added stays."""
        wanted = self._wanted(account, change.unit, change.holder)
        ours = self._wanted(account, change.unit, change.outgoing) if change.outgoing else None
        return former.differences(wanted, ours, session.schema)

    def _differences(
        self, session: LdapSession, former: Entry, account: Account, change: UpdateAccount | PlannedChange
    ) -> dict[str, tuple[bytes, ...]]:
        """Return what changes in an entry whose holder stays. What others have added stays."""
        return former.differences(self._wanted(account, change.unit, change.holder), schema=session.schema)

    def _pending(self, session: LdapSession, account: Account, entitlements: Entitlements) -> Sequence[GroupChange]:
        if entitlements.granted or entitlements.withdrawn:
            session.expect_changes(self.settings.base(account.kind))
        return pending(session, self._member(account), entitlements)

    def _delete(self, session: LdapSession, account: Account) -> Receipt:
        dn = self._dn(account)
        entry = self._read(session, dn)
        if not entry.exists:
            session.expect_changes(self.settings.base(account.kind))
            return Receipt(outcome=Outcome.UNCHANGED, reference=dn)
        self._expect_ours(session, entry, account)
        return Receipt(outcome=Outcome.APPLIED if session.delete(dn) else Outcome.UNCHANGED, reference=dn)

    def _look(self, session: LdapSession, request: ProbeAccount) -> tuple[str, AccountReport]:
        """Read an entry where it is as it is now, and say where that is."""
        session.expect_changes(self.settings.base(request.account.kind))
        entry = self._read(session, self._dn(request.account))
        shown = (*self._family.shown, *self._family.locks, *self.settings.attributes)
        report = AccountReport(
            presence=self._family.presence(entry, self.now()),
            secret_accepted=False if request.secret else None,
            attributes={name: text for name in shown if (text := entry.text(name)) is not None},
            lock=self._family.lock(entry, self.now()),
            changes=self._foreseen(session, entry, request) if entry.exists else (),
        )
        return session.server, report

    def _foreseen(self, session: LdapSession, entry: Entry, request: ProbeAccount) -> tuple[AttributeChange, ...]:
        """Return what a planned change would do."""
        planned, account = request.planned, request.account
        if planned is None:
            return ()
        differ = self._differences if planned.kind is OperationKind.UPDATE else self._handed_over
        differences = differ(session, entry, account, planned)
        groups = foreseen(planned.entitlements, self._pending(session, account, planned.entitlements))
        return (*(entry.change(name, values) for name, values in differences.items()), *groups)

    def _run(self, account: Account, change: Callable[[LdapSession], Receipt]) -> Receipt:
        """Change an account, while nobody else in this process does."""
        with self._turns.of(self._dn(account)):
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

    def _dn(self, account: Account) -> str:
        self._family.expect_login(account.login)
        return entry_dn(self.settings.rdn, account.login, self.settings.base(account.kind))

    def _member(self, account: Account) -> Member:
        return Member(self._dn(account), account.login)

    def _read_group(self, group: str, attributes: Sequence[str]) -> Entry:
        return self._sessions.run(lambda session: read_group(session, group, attributes))

    def _wanted(self, account: Account, unit: Unit, holder: Person | None) -> dict[str, tuple[bytes, ...]]:
        """Return what an entry shall hold, its name aside. Without a holder, what is made from one is left out."""
        classes = tuple(name.encode() for name in self.settings.object_classes)
        return {OBJECT_CLASS: classes, **rendered(self.settings.attributes, placeholders(account, unit, holder))}

    def _read(self, session: LdapSession, dn: str, control: Control | None = None) -> Entry:
        """Read what an undo, a comparison or a report needs."""
        family = self._family
        operational = [STRUCTURAL_CLASS, *family.shown, *family.locks, *family.reset_with_password]
        wanted = dict.fromkeys([self.settings.rdn, *self.settings.attributes, PASSWORD, *operational])
        return session.read(dn, wanted, control)

    def _expect_there(self, session: LdapSession, account: Account) -> Entry:
        entry = self._read(session, self._dn(account))
        if not entry.exists:
            session.expect_changes(self.settings.base(account.kind))
            raise MissingError("{server} has no entry {dn}", server=session.server, dn=entry.dn)
        return entry

    def _expect_ours(self, session: LdapSession, entry: Entry, account: Account) -> None:
        """Check that an entry that was there before us is this account."""
        schema = session.schema
        kind = self._family.kind(entry, schema)
        classes = self.settings.object_classes
        known = kind.lower() in map(str.lower, classes) or schema().object_class(kind) in map(
            schema().object_class, classes
        )
        if not known:
            raise ConflictError(
                "{dn} is an entry of another kind, {kind}",
                cure="move that entry elsewhere, or give the account another login",
                dn=entry.dn,
                kind=kind or ", ".join(entry.texts(OBJECT_CLASS)),
            )
        if account.login.encode() not in entry[self.settings.rdn]:
            raise ConflictError(
                "{dn} belongs to another account, {login}",
                cure="rename that entry, or give the account another login",
                dn=entry.dn,
                login=entry.text(self.settings.rdn),
            )

    def _taken(self, session: LdapSession, account: Account, wanted: Attributes) -> TargetError:
        """Return the error for an entry that was not made because there is one, and none of its name can be read."""
        dn = self._dn(account)
        own = [
            name for name, template in self.settings.attributes.items() if "{login}" in template or "{mail}" in template
        ]
        base = self.settings.base(account.kind)
        other = session.find(base, {name: wanted[name] for name in (self.settings.rdn, *own)})
        scope = self._family.scope(base)
        if other is None and scope != base and own:
            other = session.find(scope, {name: wanted[name] for name in own})
        if other is None:
            return MisconfiguredError(
                "there is an entry {dn} that the service account may not read",
                cure="give the service account the rights that the README of the plug-in lists",
                dn=dn,
            )
        return ConflictError(
            "{dn} cannot be created, because another entry has its login or mail address: {other}",
            cure="rename that entry, or give the account another login",
            dn=dn,
            other=other,
        )

    def _changed(self, session: LdapSession, undo: Undo) -> Receipt:
        if undo.needed:
            return self._applied(undo)
        session.expect_changes(self.settings.base_of(undo.former.dn))
        return Receipt(outcome=Outcome.UNCHANGED, reference=undo.former.dn)

    def _applied(self, undo: Undo) -> Receipt:
        take_back = partial(self._sessions.run, undo.run)
        return Receipt(outcome=Outcome.APPLIED, reference=undo.former.dn, undo=take_back if undo.possible else None)

    def _try(self, dn: str, secret: Secret) -> _Trial:
        """Try to log in, once."""
        with self._trials.lend() as session:
            return self._tried(session, dn, secret)

    def _tried(self, session: LdapSession, dn: str, secret: Secret) -> _Trial:
        answer = session.bind(dn, secret)
        if not answer.ok and not self._family.refuses_login(answer):
            raise self._family.explain(answer)
        if not answer.ok:
            return _Trial(session.server)
        attributes = {"pwdReset": "TRUE"} if answer.policy is PolicyError.CHANGE_AFTER_RESET else {}
        report = AccountReport(presence=Presence.ENABLED, secret_accepted=True, attributes=attributes)
        return _Trial(session.server, report)
