"""Log-ins that have begun: their people are at the OpenID provider, and come back in the same browser."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from provisioner.console.sessions import ConsoleSession
from provisioner.net.addresses import line_of
from provisioner.oidc.client import Challenge

#: How long a person may take at the provider.
LONGEST = timedelta(minutes=10)

#: How many log-ins may be under way, and how many from one network address: many people can share one. Beyond that, the
#: oldest one is forgotten, first of the same address: nobody can push out what others have begun.
_ROOM, _ROOM_OF_ADDRESS = 20_000, 500


@attrs.frozen(kw_only=True)
class LogInAttempt:
    """One log-in that has begun."""

    challenge: Challenge
    #: The hash of what the browser holds.
    browser: bytes = attrs.field(repr=False)
    #: The network from which the request came.
    line: str
    #: The page that is shown afterwards.
    wanted: str
    #: The session whose person confirms a change; ``None`` for a log-in.
    session: ConsoleSession | None


class LogInAttempts:
    """The log-ins that have begun. Each ends once, in the browser in which it began.

    Args:

        now: The clock.
    """

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        #: In the order in which they began.
        self._attempts: dict[str, LogInAttempt] = {}
        #: The states of the log-ins that began in each network, in the same order.
        self._lines: dict[str, dict[str, None]] = {}

    def begin(self, browser: str, *, address: str, wanted: str, session: ConsoleSession | None) -> Challenge:
        """Begin a log-in.

        Args:

            browser: What only this browser holds.

            address: The network address of the person's computer.

            wanted: The page that is shown afterwards, as a path of the console.

            session: The session whose person confirms a change; ``None`` for a log-in.
        """
        challenge = Challenge(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            began_at=self._now(),
            again=session is not None,
        )
        attempt = LogInAttempt(
            challenge=challenge, browser=_hash(browser), line=line_of(address), wanted=wanted, session=session
        )
        with self._lock:
            self._forget(challenge.began_at, room=_ROOM - 1)
            same = self._lines.get(attempt.line, {})
            if len(same) >= _ROOM_OF_ADDRESS:
                self._remove(next(iter(same)))
            self._attempts[challenge.state] = attempt
            self._lines.setdefault(attempt.line, {})[challenge.state] = None
        return challenge

    def end(self, state: str, browser: str) -> LogInAttempt | None:
        """Return the log-in with which a browser comes back, and forget it; ``None`` if none began there.

        Args:

            state: What the provider sent back.

            browser: What only this browser holds.
        """
        with self._lock:
            self._forget(self._now(), room=_ROOM)
            attempt = self._attempts.get(state)
            if attempt is None or not hmac.compare_digest(attempt.browser, _hash(browser)):
                return None
            return self._remove(state)

    def _forget(self, at: datetime, *, room: int) -> None:
        while self._attempts:
            oldest = next(iter(self._attempts))
            is_over = self._attempts[oldest].challenge.began_at + LONGEST <= at
            if not is_over and len(self._attempts) <= room:
                return
            self._remove(oldest)

    def _remove(self, state: str) -> LogInAttempt:
        attempt = self._attempts.pop(state)
        same = self._lines[attempt.line]
        del same[state]
        if not same:
            del self._lines[attempt.line]
        return attempt


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode(errors="replace")).digest()
