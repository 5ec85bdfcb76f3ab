"""A TCP proxy between a plug-in and a real server that does to the bytes what a bad network does.

It knows no protocol. A *request* is whatever the client sends, up to the first byte that the server says in return.
Before a connection that is encrypted carries anything else, its handshake is a request or two::

    with TcpProxy(("127.0.0.1", slapd.port)) as proxy:
        proxy.fail(WireFault.LOSE_ANSWER, requests=1)
        ...  # the next request is carried out by the server, and its answer is lost
"""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import closing, suppress
from enum import StrEnum
from typing import Self

import attrs

CHUNK = 65536


class WireFault(StrEnum):
    """What happens to a request, or to a connection."""

    #: New connections are refused, and those that there are are closed. It lasts until it is healed.
    REFUSE = "refuse"
    #: Nothing is carried any more, and nothing is closed.
    BLACK_HOLE = "black_hole"
    #: The connection is closed before the request has reached the server.
    LOSE_REQUEST = "lose_request"
    #: The request reaches the server, and the connection is closed when the server answers.
    LOSE_ANSWER = "lose_answer"
    #: The request reaches the server, and the connection is closed in the middle of the answer.
    CUT_ANSWER = "cut_answer"
    #: The answer comes late.
    DELAY = "delay"


@attrs.define(eq=False)
class _Link:
    """One client's connection and the one to the server."""

    client: socket.socket
    server: socket.socket
    #: Whether the server owes an answer.
    asked: bool = False
    #: The fault of the request that is under way.
    fault: WireFault | None = None

    def hang_up(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@attrs.define(eq=False)
class TcpProxy:
    """One listening port in front of one server. Use it as a context manager.

    Args:

        upstream: Where the server is.

        delay: How long DELAY takes, in seconds.
    """

    upstream: tuple[str, int]
    delay: float = 0.2
    #: How many requests came through, or would have.
    requests: int = attrs.field(default=0, init=False)
    #: How many of them were hit by a fault.
    failures: int = attrs.field(default=0, init=False)
    #: Where clients connect.
    port: int = attrs.field(init=False)
    _fault: WireFault | None = attrs.field(default=None, init=False)
    _spared: float = attrs.field(default=0, init=False)
    _left: float = attrs.field(default=0, init=False)
    #: Keeps the port ours, also while nobody listens on it.
    _holder: socket.socket = attrs.field(factory=socket.socket, init=False)
    _listener: socket.socket | None = attrs.field(default=None, init=False)
    _accepting: threading.Thread = attrs.field(init=False)
    _links: dict[_Link, threading.Thread] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __enter__(self) -> Self:
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.port = self._holder.getsockname()[1]
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._refuse()
        self._holder.close()

    @property
    def links(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._links)

    def fail(self, fault: WireFault, *, requests: float = float("inf"), after: int = 0) -> None:
        """Let the next requests fail; all that follow, unless a number is given.

        Args:

            fault: How.

            requests: How many.

            after: How many are spared before.
        """
        with self._lock:
            self._fault, self._left, self._spared = fault, requests, after
        if fault is WireFault.REFUSE:
            self._refuse()

    def heal(self) -> None:
        """Let everything through again. What was swallowed stays lost."""
        with self._lock:
            healed, self._fault = self._fault, None
        if healed is WireFault.BLACK_HOLE:
            self._hang_up()
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        self._listener = self._open()
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), name="proxy", daemon=True)
        self._accepting.start()

    def _open(self) -> socket.socket:
        """Return a socket that listens on the port."""
        return socket.create_server(("127.0.0.1", self.port))

    def _refuse(self) -> None:
        """Stop listening, and close every connection."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._accepting.join()
            self._listener.close()
            self._listener = None
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            links = dict(self._links)
        for link in links:
            link.hang_up()
        for thread in links.values():
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(self.upstream)
                except OSError:
                    client.close()
                    continue
                link = _Link(client, server)
                thread = threading.Thread(target=self._carry, args=(link,), name="proxy-link", daemon=True)
                with self._lock:
                    self._links[link] = thread
                thread.start()

    def _carry(self, link: _Link) -> None:
        """Carry bytes to and fro until one side hangs up, or a fault does."""
        with closing(link.client), closing(link.server), suppress(OSError):
            for end in (link.client, link.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while all(self._carry_on(link, end) for end in _ready(link)):
                pass
        with self._lock:
            del self._links[link]

    def _carry_on(self, link: _Link, end: socket.socket) -> bool:
        """Carry what has come from one end. Return whether the connection goes on."""
        data = end.recv(CHUNK)
        if not data:
            return False
        return self._ask(link, data) if end is link.client else self._answer(link, data)

    def _ask(self, link: _Link, data: bytes) -> bool:
        if not link.asked:
            link.asked, link.fault = True, self._next_fault()
        if link.fault is WireFault.LOSE_REQUEST:
            return False
        if link.fault is not WireFault.BLACK_HOLE:
            link.server.sendall(data)
        return True

    def _answer(self, link: _Link, data: bytes) -> bool:
        fault, link.fault, link.asked = link.fault, None, False
        if fault is WireFault.LOSE_ANSWER:
            return False
        if fault is WireFault.CUT_ANSWER:
            link.client.sendall(data[: len(data) // 2])
            return False
        if fault is WireFault.DELAY:
            time.sleep(self.delay)
        link.client.sendall(data)
        return True

    def _next_fault(self) -> WireFault | None:
        with self._lock:
            self.requests += 1
            if self._fault is None or self._left <= 0:
                return None
            if self._spared > 0:
                self._spared -= 1
                return None
            self._left -= 1
            self.failures += 1
            return self._fault


def _ready(link: _Link) -> list[socket.socket]:
    """Wait until one end has something to say, or has hung up."""
    return select.select([link.client, link.server], [], [])[0]
