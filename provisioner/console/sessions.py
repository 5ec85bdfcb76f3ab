"""The sessions of people who are logged in, in the memory of the one process that serves the console."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.errors import BusyError
from provisioner.core.governance.log_ins import LoggedIn
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.text import Text
from provisioner.oidc.tokens import EndedSession, ProviderIdentity

#: How long a person may take for a change after confirming it at the OpenID provider.
LONGEST_CONFIRMATION = timedelta(minutes=5)


@attrs.frozen(kw_only=True)
class Confirmation:
    """A person has given the password again, at the OpenID provider, for the changes of one page."""

    #: The path of the page.
    page: str
    at: datetime


class OneAtATime:
    """A block in which one request works at a time. Few can wait for it, because each of them holds a thread.

    Args:

        room: How many requests can be in the block or wait for it.
    """

    def __init__(self, room: int = 4) -> None:
        self._room = threading.BoundedSemaphore(room)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._room.acquire(blocking=False):
            raise BusyError("your last click is still being worked on", cure="wait a moment, then reload the page")
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._room.release()


@attrs.define(eq=False, kw_only=True)
class ConsoleSession:
    """One person in one browser."""

    #: The ID of the person.
    person: str
    #: The account with which the person logged in; empty if a proxy or a provider named the person.
    login: str
    way: LogInWay
    #: What every form of the session contains.
    csrf: str = attrs.field(repr=False)
    began_at: datetime
    seen_at: datetime
    #: When the person last gave the password, or was named by the proxy or the provider at a log-in.
    proved_at: datetime
    #: The provider's IDs of the person and of the session there; empty without a provider.
    subject: str = ""
    provider_session: str = ""
    confirmation: Confirmation | None = None
    #: ``tr`` or ``en``, if the person has chosen.
    language: str = ""
    #: What the next page begins with.
    notice: Text | None = None
    #: Held while a form is worked on that would take effect twice if a person clicks twice. The person's other sessions
    #: have the same one.
    one_at_a_time: OneAtATime = attrs.field(repr=False)

    def is_confirmed(self, path: str, at: datetime) -> bool:
        """Return whether the person has confirmed at the OpenID provider what is changed on a page.

        Args:

            path: The path of the page, or of what its form is sent to.

            at: The time, in UTC.
        """
        found = self.confirmation
        if found is None or at >= found.at + LONGEST_CONFIRMATION:
            return False
        return path == found.page or path.startswith(f"{found.page}/")


class ConsoleSessions:
    """The sessions. A browser holds a random token; here is only its hash.

    A token that is not known is never adopted: each log-in makes a new one.

    Args:

        now: The clock.

        idle: After how long without a request a session ends.

        longest: After how long a session ends in every case.
    """

    def __init__(self, *, now: Callable[[], datetime], idle: timedelta, longest: timedelta) -> None:
        self._now = now
        self._idle = idle
        self._longest = longest
        self._lock = threading.Lock()
        self._sessions: dict[bytes, ConsoleSession] = {}

    def begin(self, log_in: LoggedIn, *, language: str = "", identity: ProviderIdentity | None = None) -> str:
        """Begin a session after a log-in, and return its token.

        Args:

            log_in: The log-in.

            language: The language that the person has chosen before.

            identity: Who the person is at the OpenID provider; ``None`` without one.
        """
        token, at = secrets.token_urlsafe(32), self._now()
        with self._lock:
            self._sessions = {key: one for key, one in self._sessions.items() if self._is_alive(one, at)}
            same = (session.one_at_a_time for session in self._sessions.values() if session.person == log_in.actor)
            self._sessions[_key(token)] = ConsoleSession(
                person=log_in.actor,
                login=log_in.login,
                way=log_in.way,
                csrf=secrets.token_urlsafe(32),
                began_at=at,
                seen_at=at,
                proved_at=at,
                language=language,
                subject=identity.subject if identity else "",
                provider_session=identity.session if identity else "",
                one_at_a_time=next(same, None) or OneAtATime(),
            )
        return token

    def find(self, token: str, *, is_used: bool = True) -> ConsoleSession | None:
        """Return the session with this token; ``None`` if there is none or it has ended.

        Args:

            token: The token.

            is_used: Whether the person uses it now, so that it does not end for being idle.
        """
        key, at = _key(token), self._now()
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            if not self._is_alive(session, at):
                del self._sessions[key]
                return None
            if is_used:
                session.seen_at = at
            return session

    def end(self, token: str) -> None:
        """End the session with this token."""
        with self._lock:
            self._sessions.pop(_key(token), None)

    def drop(self, session: ConsoleSession) -> None:
        """End a session."""
        self._end_where(lambda each: each is session)

    def end_all(self, person: str) -> int:
        """End all sessions of a person, and return how many there were."""
        return self._end_where(lambda session: session.person == person)

    def end_at_provider(self, ended: EndedSession) -> int:
        """End the sessions that belong to what has ended at the OpenID provider, and return how many there were.

        Args:

            ended: What has ended: one session there, or all sessions of a person.
        """
        return self._end_where(
            lambda session: (
                bool(session.subject)
                and (session.provider_session == ended.session or not ended.session)
                and (session.subject == ended.subject or not ended.subject)
            )
        )

    def _end_where(self, is_over: Callable[[ConsoleSession], bool]) -> int:
        with self._lock:
            left = {key: one for key, one in self._sessions.items() if not is_over(one)}
            ended = len(self._sessions) - len(left)
            self._sessions = left
        return ended

    def _is_alive(self, session: ConsoleSession, at: datetime) -> bool:
        return at < session.seen_at + self._idle and at < session.began_at + self._longest


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
