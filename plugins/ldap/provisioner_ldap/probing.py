"""Probes of accounts: log-ins with a password, and entries as servers show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from provisioner.core.api.messages import AccountReport, Presence, ProbeAccount
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner_ldap.account_entries import AccountEntries
from provisioner_ldap.client import LdapSession
from provisioner_ldap.contents import Contents
from provisioner_ldap.families.base import Family
from provisioner_ldap.layout import Layout
from provisioner_ldap.pool import Pool
from provisioner_ldap.ppolicy import PolicyError
from provisioner_ldap.replicas import Replicas


@attrs.frozen
class _Trial:
    """What happened to an attempt to log in."""

    #: Where.
    server: str
    #: What it shows of the account, if the password was accepted.
    report: AccountReport | None = None


#: Whether an account can log in, and which revision of its entry a server has.
_State = tuple[Presence, tuple[bytes, ...]]


@attrs.frozen(eq=False, kw_only=True)
class Prober:
    """Probes accounts of one directory. Safe to share between threads."""

    contents: Contents
    #: Sessions of the service account.
    sessions: Pool[LdapSession]
    #: Sessions in which passwords are tried.
    trials: Pool[LdapSession]
    #: The servers one by one, with the service account and for trying passwords.
    replicas: Replicas
    trial_replicas: Replicas
    #: Returns what kind of directory it is.
    find_family: Callable[[], Family]
    now: Callable[[], datetime]

    def close(self) -> None:
        """Close the connections that nothing else uses."""
        self.trials.close()
        self.replicas.close()
        self.trial_replicas.close()

    def probe(self, request: ProbeAccount) -> AccountReport:
        """Try to log in if there is a password to try, and read the entry unless that has told all.

        Raises:

            NotReplicatedError: Another server doesn't show the same, if it is asked as well.
        """
        report = self._probed(request)
        is_proof = request.planned is None and report.secret_accepted is not False
        if is_proof and self._layout.settings.proves_everywhere:
            self._expect_everywhere(request.account, request.secret)
        return report

    def _probed(self, request: ProbeAccount) -> AccountReport:
        """Return what one server shows."""
        trial = self._try(self._dn(request.account), request.secret) if request.secret else None
        if trial and trial.report and not self._layout.settings.closed:
            return trial.report
        server, report = self.sessions.run(lambda session: self._look(session, request))
        if request.secret and trial and not trial.report and trial.server != server:
            # The server on which the password was tried takes no changes, so it may not know it yet.
            trial = self._try(self._dn(request.account), request.secret)
        return _with_lock(trial.report, report) if trial and trial.report else report

    def _dn(self, account: Account) -> str:
        """Return the name of the entry of an account. A server that takes changes is asked in which container it is."""
        if not self._layout.has_containers:
            self._family.expect_login(account.login)
            return self._layout.below_base(account)
        return self.sessions.run(lambda session: self._located(session, account))

    def _located(self, session: LdapSession, account: Account) -> str:
        entries = self._entries(session)
        entries.expect_changes(account)
        return entries.read(account, ()).dn

    def _expect_everywhere(self, account: Account, secret: Secret | None) -> None:
        """Check that every server has the state of the account, and accepts the password if there is one.

        The password is tried where the change has arrived: a refused log-in counts, and several lock the account.
        """
        server, state = self.sessions.run(lambda session: self._state_where_it_changes(session, account))
        self.replicas.expect(lambda session: self._state(session, account) == state, but=server)
        if secret:
            dn = self._dn(account)
            self.trial_replicas.expect(lambda session: self._tried(session, dn, secret).report is not None)

    def _state_where_it_changes(self, session: LdapSession, account: Account) -> tuple[str, _State]:
        self._entries(session).expect_changes(account)
        return session.server, self._state(session, account)

    def _state(self, session: LdapSession, account: Account) -> _State:
        family = self._family
        revision = family.revision or family.last_change
        entry = self._entries(session).read(account, [*family.locks, *filter(None, [revision])])
        return family.presence(entry, self.now()), entry[revision]

    def _look(self, session: LdapSession, request: ProbeAccount) -> tuple[str, AccountReport]:
        """Read an entry where it is as it is now, and say where that is."""
        entries = self._entries(session)
        entries.expect_changes(request.account)
        entry = entries.find(request.account)
        if not entry.exists:
            entries.expect_absent(request.account)
        planned = request.planned if entry.exists else None
        changes = self.contents.foreseen(session, entry, request.account, planned) if planned else ()
        shown = (*self._family.shown, *self._family.locks, *self._layout.settings.attributes)
        report = AccountReport(
            presence=self._family.presence(entry, self.now()),
            secret_accepted=False if request.secret else None,
            attributes={name: text for name in shown if (text := entry.text(name)) is not None},
            lock=self._family.lock(entry, self.now()),
            changes=changes,
            spellings=tuple(name for attribute in self._layout.log_in_attributes for name in entry.texts(attribute)),
        )
        return session.server, report

    def _try(self, dn: str, secret: Secret) -> _Trial:
        """Try to log in, once."""
        with self.trials.lend() as session:
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

    @property
    def _family(self) -> Family:
        return self.find_family()

    @property
    def _layout(self) -> Layout:
        return self.contents.layout

    def _entries(self, session: LdapSession) -> AccountEntries:
        return AccountEntries(session, self._layout)


def _with_lock(trial: AccountReport, seen: AccountReport) -> AccountReport:
    """Return what a successful log-in shows, and the mark by which other programs take the account for closed."""
    return attrs.evolve(trial, presence=Presence.DISABLED, lock=seen.lock) if seen.lock else trial
