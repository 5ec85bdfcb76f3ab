"""A small pool of connections, and which server they go to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from typing import Generic, Protocol, TypeVar

import attrs

from provisioner.core.api.errors import TargetError, TransientError, UnavailableError
from provisioner_ldap.errors import ReadOnlyServerError

ResultT = TypeVar("ResultT")


class Pooled(Protocol):
    """What the pool needs to know of a connection."""

    @property
    def server(self) -> str:
        """Where it goes."""

    @property
    def usable(self) -> bool:
        """Whether every request so far was answered. It never comes back."""

    def is_idle(self) -> bool:
        """Whether the other side has said nothing since the last answer, so that the next request may be sent."""

    def close(self) -> None:
        """End it. Raises nothing."""


PooledT = TypeVar("PooledT", bound=Pooled)


@attrs.define(eq=False, kw_only=True)
class Servers(Generic[PooledT]):
    """Several servers of one directory, in the order in which they are preferred.

    A server that cannot be reached is skipped for a while, unless no other can be reached either. Then one thread finds
    out whether it can be reached again, and the others go on skipping it. Also at the beginning, one thread finds out
    whether a server can be reached, and the others wait for the answer. So a server that swallows requests costs one
    time limit, and not one for each thread.

    One that takes no changes is not asked for a while, unless none takes any.

    ``attrs.evolve(servers, connect=…)`` gives another way to connect to them, which shares what is known of them.
    """

    urls: Sequence[str]
    #: Connects to one of them.
    connect: Callable[[str], PooledT]
    #: The seconds for which a server is skipped.
    rest: float = 15.0
    clock: Callable[[], float] = time.monotonic
    #: Until when each unreachable server is skipped.
    unreached: dict[str, float] = attrs.field(factory=dict)
    #: The servers that were reached last time.
    reached: set[str] = attrs.field(factory=set)
    #: Why each server could not be reached the last time.
    failures: dict[str, TransientError] = attrs.field(factory=dict)
    #: Held by the thread that finds out whether a server can be reached.
    locks: dict[str, threading.Lock] = attrs.field(factory=dict)
    #: Until when each that takes no changes is not asked.
    read_only: dict[str, float] = attrs.field(factory=dict)

    def open(self) -> PooledT:
        """Return a new connection to the first server that can be had.

        Raises:

            TransientError: None can be had; what is wrong with the last one.

            MisconfiguredError: Our credentials or settings are wrong.
        """
        asked = [url for url in self.urls if not self.is_read_only(url)] or self.urls
        *others, last = sorted(asked, key=lambda url: self._is_on(self.unreached, url))
        for url in others:
            try:
                return self.reach(url)
            except TransientError:
                continue
        return self.reach(last)

    def reach(self, url: str) -> PooledT:
        """Return a new connection to one server, and note it if it cannot be reached.

        Raises:

            TransientError: It cannot be had, or could not be had by a thread for which this one waited.

            MisconfiguredError: Our credentials or settings are wrong.
        """
        if url in self.reached:
            return self._connected(url)
        before = self.failures.get(url)
        with self.locks.setdefault(url, threading.Lock()):
            failure = self.failures.get(url)
            if failure is not None and failure is not before:
                raise copy(failure) from None
            if url not in self.reached:
                return self._found(url)
        return self._connected(url)

    def _found(self, url: str) -> PooledT:
        """Find out whether a server can be reached, while the other threads wait or prefer other servers."""
        if url in self.unreached:
            self.pass_over(url)
        connection = self._connected(url)
        self.reached.add(url)
        self.unreached.pop(url, None)
        return connection

    def _connected(self, url: str) -> PooledT:
        try:
            return self.connect(url)
        except TransientError as error:
            self.failures[url] = error
            self.pass_over(url)
            raise

    def pass_over(self, url: str) -> None:
        """Prefer the others for a while."""
        self.reached.discard(url)
        self.unreached[url] = self.clock() + self.rest

    def note_read_only(self, url: str) -> None:
        """Do not ask a server for a while, because it takes no changes."""
        self.read_only[url] = self.clock() + self.rest

    def is_read_only(self, url: str) -> bool:
        """Whether it was noted that a server takes no changes."""
        return self._is_on(self.read_only, url)

    def _is_on(self, list_: Mapping[str, float], url: str) -> bool:
        return list_.get(url, 0.0) > self.clock()


@attrs.define(eq=False, kw_only=True)
class Pool(Generic[PooledT]):
    """Lends connections, each to one thread at a time. Safe to share between threads."""

    servers: Servers[PooledT]
    #: How many connections may be open at once.
    size: int
    #: The seconds a thread waits for one that is lent to another.
    patience: float
    #: The seconds after which a connection is not lent again, so that a preferred server gets its turn.
    max_age: float = 300.0
    clock: Callable[[], float] = time.monotonic
    _idle: list[tuple[PooledT, float]] = attrs.field(factory=list, init=False, repr=False)
    _closed: bool = attrs.field(default=False, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    _free: threading.BoundedSemaphore = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._free = threading.BoundedSemaphore(self.size)

    @contextmanager
    def lend(self) -> Iterator[PooledT]:
        """Lend a connection for the length of a ``with`` block.

        Raises:

            TransientError: None can be had.

            MisconfiguredError: Our credentials or settings are wrong.
        """
        if not self._free.acquire(timeout=self.patience):
            raise UnavailableError(
                "all connections to the directory are in use: {count}",
                cure="raise 'connections' of the target, or lower its 'parallel'",
                count=self.size,
            )
        try:
            connection, born = self._take() or (self.servers.open(), self.clock())
            try:
                yield connection
            except ReadOnlyServerError:
                connection.close()
                self.servers.note_read_only(connection.server)
                raise
            except TargetError:
                self._take_back(connection, born)
                raise
            except BaseException:
                connection.close()
                raise
            self._take_back(connection, born)
        finally:
            self._free.release()

    def run(self, work: Callable[[PooledT], ResultT]) -> ResultT:
        """Do some work on a connection. Where a server takes no changes, nothing was done, and the next one is asked.

        Raises:

            ReadOnlyServerError: None takes changes.

            TargetError: What *work* raises, and what :meth:`lend` does.
        """
        for _ in self.servers.urls[1:]:
            with suppress(ReadOnlyServerError), self.lend() as connection:
                return work(connection)
        with self.lend() as connection:
            return work(connection)

    def close(self) -> None:
        """Close all connections; those that are lent, when they come back."""
        self._closed = True
        self._drop(lambda _: True)

    def _take(self) -> tuple[PooledT, float] | None:
        """Return the idle connection that was used last, if there is one that is still good."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, born = self._idle.pop()
            fresh = self.clock() - born < self.max_age and not self.servers.is_read_only(connection.server)
            if fresh and connection.is_idle():
                return connection, born
            connection.close()

    def _take_back(self, connection: PooledT, born: float) -> None:
        if not connection.usable:
            connection.close()
            self.servers.pass_over(connection.server)
            self._drop(lambda other: other.server == connection.server)
            return
        with self._lock:
            self._idle.append((connection, born))
        if self._closed:
            self._drop(lambda _: True)

    def _drop(self, hits: Callable[[PooledT], bool]) -> None:
        """Close the idle connections that are hit."""
        with self._lock:
            dropped = [connection for connection, _ in self._idle if hits(connection)]
            self._idle = [(connection, born) for connection, born in self._idle if not hits(connection)]
        for connection in dropped:
            connection.close()
