"""Whether every server of a directory has what one of them has shown.

Replicas receive changes some time after the server that takes them. Until then, a closed account still logs in there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing

import attrs
import tenacity

from provisioner.core.api.errors import TransientError, UnavailableError
from provisioner.core.model.text import marked
from provisioner_ldap.client import LdapSession
from provisioner_ldap.pool import Pool, Servers

#: The longest wait between two questions to a server, in seconds. The first one is a twentieth of it.
_LONGEST_WAIT = 1.0


class NotReplicatedError(TransientError):
    """A server has not received a change yet. The plug-in has waited for it, so nobody else needs to."""

    retryable = False


@attrs.define(eq=False, kw_only=True)
class Replicas:
    """The servers of one directory, each of which is asked by itself. Safe to share between threads.

    Args:

        servers: The servers.

        pool: Makes a pool of connections to some of them.

        patience: The seconds that a change may take to arrive. With 0, each server is asked once.
    """

    servers: Servers[LdapSession]
    pool: Callable[[Servers[LdapSession]], Pool[LdapSession]]
    patience: float
    clock: Callable[[], float] = time.monotonic
    _pools: Mapping[str, Pool[LdapSession]] = attrs.field(init=False)
    #: Until when each server that can't be reached is left out, so that its time limit passes once and not each time.
    _unreached: dict[str, float] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._pools = {url: self.pool(attrs.evolve(self.servers, urls=(url,))) for url in self.servers.urls}

    def expect(self, shows: Callable[[LdapSession], bool], *, but: str | None = None) -> None:
        """Wait until every server shows something. Servers that can't be reached accept no log-in, and are left out.

        Args:

            shows: Asks one server.

            but: A server that has shown it already.

        Raises:

            NotReplicatedError: A server doesn't show it in time.

            TargetError: A server was reached and couldn't answer.
        """
        for url, pool in self._pools.items():
            if url != but and self._unreached.get(url, 0.0) <= self.clock():
                self._wait(url, pool, shows)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()

    def _wait(self, url: str, pool: Pool[LdapSession], shows: Callable[[LdapSession], bool]) -> None:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(NotReplicatedError),
            wait=tenacity.wait_exponential(multiplier=_LONGEST_WAIT / 20, max=_LONGEST_WAIT),
            stop=tenacity.stop_after_delay(self.patience),
            reraise=True,
        )
        for attempt in attempts:
            with attempt:
                self._ask(url, pool, shows)

    def _ask(self, url: str, pool: Pool[LdapSession], shows: Callable[[LdapSession], bool]) -> None:
        try:
            with pool.lend() as session:
                shown = shows(session)
        except UnavailableError:
            if self._is_reachable(url):
                raise
            return
        if not shown:
            raise NotReplicatedError(
                marked("{server} has not received the change yet"),
                cure=marked("check the replication of the directory; provisioner tries again later"),
                server=url,
            )

    def _is_reachable(self, url: str) -> bool:
        """Try a new connection: the one that was lost, or all of them being in use, doesn't say it."""
        try:
            with closing(self.servers.reach(url)):
                return True
        except UnavailableError:
            self._unreached[url] = self.clock() + self.servers.rest
            return False
