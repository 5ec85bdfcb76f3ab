"""A small pool of connections, and which server they go to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import attrs

from provisioner.core.errors import TargetError, TransientError, UnavailableError


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

    A server that cannot be reached is passed over for a while, unless no other can be reached either.
    """

    urls: Sequence[str]
    #: Connects to one of them.
    connect: Callable[[str], PooledT]
    #: The seconds for which a server is passed over.
    rest: float = 15.0
    clock: Callable[[], float] = time.monotonic
    _resting: dict[str, float] = attrs.field(factory=dict, init=False)

    def open(self) -> PooledT:
        """Return a new connection to the first server that can be had.

        Raises:

            TransientError: None can be had; what is wrong with the last one.

            MisconfiguredError: Our credentials or settings are wrong.
        """
        awake = [url for url in self.urls if not self._rests(url)]
        resting = [url for url in self.urls if url not in awake]
        *others, last = [*awake, *resting]
        for url in others:
            try:
                return self._connected(url)
            except TransientError:
                continue
        return self._connected(last)

    def pass_over(self, url: str) -> None:
        """Prefer the others for a while."""
        self._resting[url] = self.clock() + self.rest

    def _rests(self, url: str) -> bool:
        return self._resting.get(url, 0.0) > self.clock()

    def _connected(self, url: str) -> PooledT:
        try:
            return self.connect(url)
        except TransientError:
            self.pass_over(url)
            raise


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
                "all {count} connections to the directory are in use",
                cure="raise 'connections' of the target, or lower its 'parallel'",
                count=self.size,
            )
        try:
            connection, born = self._take() or (self.servers.open(), self.clock())
            try:
                yield connection
            except TargetError:
                self._take_back(connection, born)
                raise
            except BaseException:
                connection.close()
                raise
            self._take_back(connection, born)
        finally:
            self._free.release()

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
            if self.clock() - born < self.max_age and connection.is_idle():
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
