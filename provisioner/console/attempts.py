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
from provisioner.oidc.client import Challenge

#: How long a person may take at the provider.
LONGEST = timedelta(minutes=10)

#: How many log-ins may be under way. Beyond that, the oldest one is forgotten.
_ROOM = 20_000


@attrs.frozen(kw_only=True)
class LogInAttempt:
    """One log-in that has begun."""

    challenge: Challenge
    #: The hash of what the browser holds.
    browser: bytes = attrs.field(repr=False)
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

    def begin(self, browser: str, *, wanted: str, session: ConsoleSession | None) -> Challenge:
        """Begin a log-in.

        Args:

            browser: What only this browser holds.

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
        attempt = LogInAttempt(challenge=challenge, browser=_hash(browser), wanted=wanted, session=session)
        with self._lock:
            self._forget(challenge.began_at)
            self._attempts[challenge.state] = attempt
        return challenge

    def end(self, state: str, browser: str) -> LogInAttempt | None:
        """Return the log-in with which a browser comes back, and forget it; ``None`` if none began there.

        Args:

            state: What the provider sent back.

            browser: What only this browser holds.
        """
        with self._lock:
            self._forget(self._now())
            attempt = self._attempts.get(state)
            if attempt is None or not hmac.compare_digest(attempt.browser, _hash(browser)):
                return None
            return self._attempts.pop(state)

    def _forget(self, at: datetime) -> None:
        while self._attempts:
            oldest = next(iter(self._attempts))
            is_over = self._attempts[oldest].challenge.began_at + LONGEST <= at
            if not is_over and len(self._attempts) < _ROOM:
                return
            del self._attempts[oldest]


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode(errors="replace")).digest()
