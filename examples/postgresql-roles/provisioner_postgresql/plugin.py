"""What the product asks for, and what that means to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import LiteralString

import attrs
from psycopg import sql

from provisioner import AccountReport, Outcome, Presence, Receipt, SessionsReport, hookimpl
from provisioner.core.api import errors, messages
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model.naming import LOGIN
from provisioner_postgresql.server import Role, Server
from provisioner_postgresql.settings import PostgresqlSettings

#: The longest name of a role.
LONGEST = 63

#: The number of accounts on a page of the list.
PAGE = 1000

#: A former password can't be restored: only a superuser may read what the server stores for it.
UNDOES = frozenset({"account_close", "account_update"})


@attrs.define(eq=False)
class Postgresql:
    """One server."""

    server: Server

    @hookimpl
    def account_create(self, request: messages.CreateAccount) -> Receipt:
        """Create the role, or enable it."""
        login = request.account.login
        if not LOGIN.fullmatch(login) or len(login.encode()) > LONGEST or login.startswith("pg_"):
            raise errors.RefusedError("a role of PostgreSQL cannot have this login")
        role, verifier = sql.Identifier(login), self.server.verifier(login, request.secret)
        comment = _comment(login, request.holder.id)
        if self.server.find(login):
            password = _statement("ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL 'infinity'", role, verifier)
            self.server.execute(password, comment)
            return Receipt(outcome=Outcome.APPLIED)
        group = sql.Identifier(self.server.settings.group)
        self.server.execute(_statement("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}", role, verifier, group), comment)
        return Receipt(outcome=Outcome.APPLIED, undo=partial(self._drop, login))

    @hookimpl
    def account_close(self, request: messages.CloseAccount) -> Receipt:
        """Let the role not log in. Sessions that are open go on until ``sessions_end``."""
        login = request.account.login
        former = self.server.find(login)
        if former is None or not former.enabled:
            return Receipt(outcome=Outcome.UNCHANGED)
        self.server.execute(_statement("ALTER ROLE {} NOLOGIN", sql.Identifier(login)))
        undo = _statement("ALTER ROLE {} LOGIN", sql.Identifier(login))
        return Receipt(outcome=Outcome.APPLIED, undo=partial(self.server.execute, undo))

    @hookimpl
    def account_rotate(self, request: messages.RotateSecret) -> Receipt:
        """Set another password."""
        return self._renew(request)

    @hookimpl
    def account_handover(self, request: messages.HandOver) -> Receipt:
        """Set another password and another holder."""
        return self._renew(request, _comment(request.account.login, request.holder.id))

    @hookimpl
    def account_update(self, request: messages.UpdateAccount) -> Receipt:
        """Write another holder. A role has no names."""
        login, holder = request.account.login, request.holder
        former = self._there(login)
        if holder is None or former.holder == holder.id:
            return Receipt(outcome=Outcome.UNCHANGED)
        self.server.execute(_comment(login, holder.id))
        undo = partial(self.server.execute, _comment(login, former.holder))
        return Receipt(outcome=Outcome.APPLIED, undo=undo)

    @hookimpl
    def account_delete(self, request: messages.DeleteAccount) -> Receipt:
        """Drop the role, unless it owns something."""
        if not self.server.find(request.account.login):
            return Receipt(outcome=Outcome.UNCHANGED)
        self._drop(request.account.login)
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def sessions_end(self, request: messages.EndSessions) -> Receipt:
        """End the sessions of the role. It can open none with the former password, or none at all."""
        login = request.account.login
        ended = self.server.end_sessions(login) if self.server.find(login) else 0
        return Receipt(outcome=Outcome.APPLIED if ended else Outcome.UNCHANGED)

    @hookimpl
    def sessions_probe(self, request: messages.ProbeSessions) -> SessionsReport:
        """Count the sessions of the role."""
        login = request.account.login
        return SessionsReport(count=self.server.count_sessions(login) if self.server.find(login) else 0)

    @hookimpl
    def account_probe(self, request: messages.ProbeAccount) -> AccountReport:
        """Read the role, and log in."""
        role, secret = self.server.find(request.account.login), request.secret
        if role is None:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=False if secret else None)
        return AccountReport(
            presence=_presence(role),
            secret_accepted=role.enabled and self.server.logs_in(role.login, secret) if secret else None,
            attributes={"holder": role.holder},
            lock=role.lock,
        )

    @hookimpl
    def account_list(self) -> Iterator[messages.AccountPage]:
        """Read the members of the group page by page, in the order of their logins."""
        last = ""
        while roles := self.server.page_after(last, PAGE):
            yield messages.AccountPage(accounts=tuple(map(_listed, roles)))
            last = roles[-1].login
        yield messages.AccountPage(is_last=True)

    @hookimpl
    def target_check(self) -> messages.TargetReport:
        """Log in as the service account."""
        facts = {"host": self.server.settings.host, "version": self.server.version()}
        return messages.TargetReport(capabilities=messages.Capabilities(undoes=UNDOES, facts=facts))

    def _renew(self, request: messages.RotateSecret | messages.HandOver, *more: sql.Composable) -> Receipt:
        login = request.account.login
        verifier = self.server.verifier(login, request.secret)
        self._there(login)
        self.server.execute(_statement("ALTER ROLE {} PASSWORD {}", sql.Identifier(login), verifier), *more)
        return Receipt(outcome=Outcome.APPLIED)

    def _there(self, login: str) -> Role:
        role = self.server.find(login)
        if role is None:
            raise errors.MissingError("there is no account {login}", login=login)
        return role

    def _drop(self, login: str) -> None:
        self.server.execute(_statement("DROP ROLE {}", sql.Identifier(login)))


def _statement(text: LiteralString, *parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(*parts)


def _comment(login: str, holder: str) -> sql.Composed:
    return _statement("COMMENT ON ROLE {} IS {}", sql.Identifier(login), sql.Literal(holder))


def _presence(role: Role) -> Presence:
    return Presence.ENABLED if role.enabled else Presence.DISABLED


def _listed(role: Role) -> messages.ListedAccount:
    return messages.ListedAccount(login=role.login, presence=_presence(role), holder=role.holder, lock=role.lock)


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one target for each section."""
    for section in settings.targets:
        register.target(section.name, Postgresql(Server(section.settings(PostgresqlSettings))))
