"""What the product asks for, and what that means to Dovecot."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from provisioner import AccountReport, Outcome, Presence, Receipt, hookimpl
from provisioner.core.api import errors, messages
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model.naming import LOGIN
from provisioner_dovecot import imap
from provisioner_dovecot.passwd import Change, Entry, PasswdFile
from provisioner_dovecot.passwords import hashed, is_usable, nobodys
from provisioner_dovecot.settings import DovecotSettings

#: The number of accounts on a page of the list.
PAGE = 1000

UNDOES = frozenset({"account_create", "account_close", "account_rotate", "account_handover", "account_update"})


@attrs.define(eq=False)
class Dovecot:
    """One passwd-file, and the server that reads it."""

    settings: DovecotSettings

    @hookimpl
    def account_create(self, request: messages.CreateAccount) -> Receipt:
        """Write the account's line."""
        login, holder = request.account.login, _field(request.holder.id)
        if not LOGIN.fullmatch(login):
            raise errors.RefusedError("a line of a passwd-file cannot begin with this login")
        fields = {"hash": hashed(request.secret, self.settings.scheme), "holder": holder}
        return self._change(login, lambda former: (former or Entry(login)).having(**fields, enabled=True))

    @hookimpl
    def account_close(self, request: messages.CloseAccount) -> Receipt:
        """Let no password log in; ``nologin`` alone does not keep anybody from sending mail."""
        nothing = nobodys(self.settings.scheme)

        def closed(former: Entry | None) -> Entry | None:
            return former.having(hash=nothing, enabled=False) if former and former.enabled else former

        return self._change(request.account.login, closed)

    @hookimpl
    def account_rotate(self, request: messages.RotateSecret) -> Receipt:
        """Write another hash."""
        return self._renew(request)

    @hookimpl
    def account_handover(self, request: messages.HandOver) -> Receipt:
        """Write another hash and another holder."""
        return self._renew(request, holder=_field(request.holder.id))

    @hookimpl
    def account_update(self, request: messages.UpdateAccount) -> Receipt:
        """Write another holder. A line has no names."""
        login, holder = request.account.login, request.holder
        fields = {"holder": _field(holder.id)} if holder else {}
        return self._change(login, lambda former: attrs.evolve(_there(former, login), **fields))

    @hookimpl
    def account_delete(self, request: messages.DeleteAccount) -> Receipt:
        """Take the line away."""
        return attrs.evolve(self._change(request.account.login, lambda _: None), undo=None)

    @hookimpl
    def account_probe(self, request: messages.ProbeAccount) -> AccountReport:
        """Read the line, and log in."""
        entry, secret = self._file.find(request.account.login), request.secret
        if entry is None:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=False if secret else None)
        return AccountReport(
            presence=_presence(entry),
            secret_accepted=is_usable(secret) and imap.logs_in(self.settings, entry.login, secret) if secret else None,
            attributes={"holder": entry.holder},
        )

    @hookimpl
    def account_list(self) -> Iterator[messages.AccountPage]:
        """Read all lines."""
        entries = self._file.entries()
        for start in range(0, len(entries), PAGE):
            yield messages.AccountPage(accounts=tuple(map(_listed, entries[start : start + PAGE])))
        yield messages.AccountPage(is_last=True)

    @hookimpl
    def target_check(self) -> messages.TargetReport:
        """Read the file, and let the server greet."""
        self._file.find("")
        with imap.connected(self.settings) as connection:
            facts = {"file": str(self.settings.file), "server": connection.welcome.decode(errors="replace")}
        return messages.TargetReport(capabilities=messages.Capabilities(undoes=UNDOES, facts=facts))

    @property
    def _file(self) -> PasswdFile:
        return PasswdFile(self.settings.file)

    def _renew(self, request: messages.RotateSecret | messages.HandOver, **fields: str) -> Receipt:
        """Write into a line that is there. A closed account keeps a password that nobody knows."""
        new, nothing = hashed(request.secret, self.settings.scheme), nobodys(self.settings.scheme)

        def renewed(former: Entry | None) -> Entry:
            entry = _there(former, request.account.login)
            return entry.having(hash=new if entry.enabled else nothing, enabled=entry.enabled, **fields)

        return self._change(request.account.login, renewed)

    def _change(self, login: str, change: Change) -> Receipt:
        former, is_changed = self._file.change(login, change)

        def undo() -> None:
            self._file.change(login, lambda _: former)

        return Receipt(outcome=Outcome.APPLIED, undo=undo) if is_changed else Receipt(outcome=Outcome.UNCHANGED)


def _there(entry: Entry | None, login: str) -> Entry:
    if entry is None:
        raise errors.MissingError("there is no account {login}", login=login)
    return entry


def _presence(entry: Entry) -> Presence:
    return Presence.ENABLED if entry.enabled else Presence.DISABLED


def _listed(entry: Entry) -> messages.ListedAccount:
    return messages.ListedAccount(login=entry.login, presence=_presence(entry), holder=entry.holder)


def _field(text: str) -> str:
    """Return *text* if it can stand in a line."""
    if ":" in text or not text.isprintable():
        raise errors.RefusedError("a line of a passwd-file cannot contain this staff number")
    return text


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one target for each section."""
    for section in settings.targets:
        register.target(section.name, Dovecot(section.settings(DovecotSettings)))
