"""A mail server in memory: it holds no accounts, keeps sessions, and remembers who may log in.

It serves as the example of a target that only ends sessions, and shows in tests what a closure in the directory leaves
open: it asks the directory at a log-in only, and only if it doesn't remember the answer.
"""

from __future__ import annotations

import threading

import attrs

from provisioner.core.api.errors import NotAppliedError
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import EndSessions, ProbeSessions, Receipt, SessionsReport, TargetReport
from provisioner.core.model import Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing.memory import MemoryTarget


@attrs.define(eq=False)
class MemorySession:
    """A person who has logged in. Nobody is asked again while it is open."""

    login: str
    is_open: bool = True


@attrs.define(eq=False)
class MemoryMail:
    """A mail server whose accounts are in a directory in memory. Safe to share between threads.

    It remembers a log-in by the spelling that the client sent, as real servers do: with which password it worked, or
    that the account is unknown.

    Args:

        directory: The directory that it asks.
    """

    directory: MemoryTarget
    _sessions: list[MemorySession] = attrs.field(factory=list, init=False, repr=False)
    #: The password that opens each spelling, hidden; ``None`` if the account was unknown.
    _cache: dict[str, Secret | None] = attrs.field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def log_in(self, spelling: str, password: str) -> MemorySession | None:
        """Log in as a client would, and return the session; ``None`` if the password is refused."""
        login = spelling.partition("@")[0].lower()
        with self._lock:
            if not self._lets_in(spelling, login, password):
                return None
            session = MemorySession(login)
            self._sessions.append(session)
            return session

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        """Forget, end and forget, for every spelling; then try the new password."""
        with self._lock:
            require_lease()
            ended = self._forget(request) + self._end(request) + self._forget(request)
            self._prove(request)
        return Receipt(outcome=Outcome.APPLIED if ended else Outcome.UNCHANGED)

    @hookimpl
    def sessions_probe(self, request: ProbeSessions) -> SessionsReport:
        """Count the sessions of the account."""
        return SessionsReport(count=self.open_sessions(request.account.login))

    @hookimpl
    def target_check(self) -> TargetReport:
        """Always there."""
        return TargetReport()

    def open_sessions(self, login: str) -> int:
        """Return how many sessions of an account are open."""
        with self._lock:
            return len(self._sessions_of(login))

    def _lets_in(self, spelling: str, login: str, password: str) -> bool:
        if spelling not in self._cache:
            return self._asks(spelling, login, password)
        remembered = self._cache[spelling]
        if remembered is not None and remembered.reveal() != password:
            return self._asks(spelling, login, password)
        return remembered is not None

    def _asks(self, spelling: str, login: str, password: str) -> bool:
        """Ask the directory, and remember a password that works and an account that is unknown."""
        if works := self.directory.logs_in(login, password):
            self._cache[spelling] = Secret(password)
        elif not self.directory.has(login):
            self._cache[spelling] = None
        return works

    def _forget(self, request: EndSessions) -> int:
        known = [spelling for spelling in request.spellings if spelling in self._cache]
        for spelling in known:
            del self._cache[spelling]
        return len(known)

    def _end(self, request: EndSessions) -> int:
        ended = self._sessions_of(request.account.login)
        for session in ended:
            session.is_open = False
            self._sessions.remove(session)
        return len(ended)

    def _sessions_of(self, login: str) -> list[MemorySession]:
        return [session for session in self._sessions if session.login == login]

    def _prove(self, request: EndSessions) -> None:
        login, secret = request.account.login, request.secret
        if secret and not self.directory.logs_in(login, secret.reveal()):
            raise NotAppliedError("the new password of {login} does not log in", login=login)
