"""What the console keeps of log-ins at an OpenID provider, and the addresses that the provider knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Self

import attrs

from provisioner.config.oidc import OidcSettings
from provisioner.console.attempts import LogInAttempts
from provisioner.core.api.errors import UnavailableError
from provisioner.core.model.secret import Secret
from provisioner.oidc.client import OidcClient
from provisioner.oidc.tokens import EndedSession

#: Where the provider sends people back after a log-in and after a log-out, and where it tells of log-outs itself.
CALLBACK, LOGGED_OUT, BACK_CHANNEL = "/oidc/callback", "/logged-out", "/oidc/backchannel-logout"

#: Where a person confirms a change by logging in again.
CONFIRM = "/oidc/confirm"

#: How many seconds a request waits until it may ask the provider. Usually the answers are known, or come within this.
_PATIENCE = 1.0


class ProviderLogOuts:
    """What has ended at the provider, as long as its messages could be sent again.

    Args:

        now: The clock.
    """

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._ended: dict[str, EndedSession] = {}

    def is_new(self, ended: EndedSession) -> bool:
        """Remember a log-out, and return whether its token comes for the first time."""
        with self._lock:
            at = self._now()
            self._ended = {key: one for key, one in self._ended.items() if at < one.usable_until}
            return self._ended.setdefault(ended.token_id, ended) is ended

    def has_ended(self, session: str) -> bool:
        """Return whether a session at the provider has ended. A log-in could be under way while the provider says so.

        Args:

            session: Its ID there; an empty text is none that could end.
        """
        with self._lock:
            return bool(session) and any(ended.session == session for ended in self._ended.values())


@attrs.frozen(kw_only=True, eq=False)
class SingleSignOn:
    """The log-in at an OpenID provider."""

    settings: OidcSettings
    client: OidcClient
    attempts: LogInAttempts
    log_outs: ProviderLogOuts
    #: Where people come back after a log-out at the provider.
    logged_out_address: str
    #: Requests that may wait for the provider at once.
    waiting: threading.BoundedSemaphore

    @classmethod
    def open(
        cls, settings: OidcSettings, secret: Secret, *, url: str, at_once: int, now: Callable[[], datetime]
    ) -> Self:
        """Return the log-in at a provider. Nothing is sent yet.

        Args:

            settings: The provider.

            secret: The secret of the console there.

            url: The address of the console, without a path.

            at_once: How many requests may wait for the provider at once. If it hangs, the others still answer.

            now: The clock.

        Raises:

            MisconfiguredError: The certificates can't be read.
        """
        return cls(
            settings=settings,
            client=OidcClient.open(settings, secret, redirect_uri=f"{url}{CALLBACK}", now=now),
            attempts=LogInAttempts(now=now),
            log_outs=ProviderLogOuts(now=now),
            logged_out_address=f"{url}{LOGGED_OUT}",
            waiting=threading.BoundedSemaphore(at_once),
        )

    @contextmanager
    def asking(self) -> Iterator[OidcClient]:
        """Ask the provider within a ``with`` block.

        Raises:

            UnavailableError: Too many requests are waiting for it.
        """
        if not self.waiting.acquire(timeout=_PATIENCE):
            raise UnavailableError(
                "too many requests are waiting for the log-in of your organisation", cure="try again in a minute"
            )
        try:
            yield self.client
        finally:
            self.waiting.release()
