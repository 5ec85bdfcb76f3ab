"""A TCP proxy between a plug-in and a real server that does to the bytes what a bad network does.

It knows no protocol. A *request* is whatever the client sends, up to the first byte that the server says in return::

    with TcpProxy(("127.0.0.1", slapd.port)) as proxy:
        proxy.fail(WireFault.LOSE_ANSWER, requests=1)
        ...  # the next request is carried out by the server, and its answer is lost
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from enum import StrEnum
from typing import Self

import attrs

CHUNK = 65536


class WireFault(StrEnum):
    """What happens to a request, or to a connection."""

    #: New connections are reset, and so are those that there are.
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
    #: The fault of the request that is under way.
    fault: WireFault | None = None

    def close(self) -> None:
        for one in (self.client, self.server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


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
    #: Where clients connect.
    port: int = attrs.field(init=False)
    _fault: WireFault | None = attrs.field(default=None, init=False)
    _left: float = attrs.field(default=0, init=False)
    _listener: socket.socket = attrs.field(init=False)
    _links: set[_Link] = attrs.field(factory=set, init=False)
    _threads: list[threading.Thread] = attrs.field(factory=list, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _closed: threading.Event = attrs.field(factory=threading.Event, init=False)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()
        for thread in self._threads:
            thread.join()

    def fail(self, fault: WireFault, *, requests: float = float("inf")) -> None:
        """Let the next requests fail; all that follow, unless a number is given.

        Args:

            fault: How.

            requests: How many.
        """
        with self._lock:
            self._fault, self._left = fault, requests
        if fault is WireFault.REFUSE:
            self._hang_up()

    def heal(self) -> None:
        """Let everything through again. What was swallowed stays lost."""
        with self._lock:
            held = self._fault is WireFault.BLACK_HOLE
            self._fault, self._left = None, 0
        if held:
            self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def _start(self, function: object, *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, name="proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._fault is WireFault.REFUSE:
                    raise ConnectionRefusedError
                server = socket.create_connection(self.upstream, timeout=5)
                server.settimeout(None)
            except OSError:
                _reset(client)
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, server)
            with self._lock:
                self._links.add(link)
            self._start(self._carry_requests, link)
            self._start(self._carry_answers, link)

    def _carry_requests(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.client.recv(CHUNK):
                link.fault = self._next_fault() or link.fault
                if link.fault is WireFault.LOSE_REQUEST:
                    break
                if link.fault is not WireFault.BLACK_HOLE:
                    link.server.sendall(data)
        link.close()

    def _carry_answers(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(CHUNK):
                fault, link.fault = link.fault, None
                if fault is WireFault.LOSE_ANSWER:
                    break
                if fault is WireFault.CUT_ANSWER:
                    link.client.sendall(data[: len(data) // 2])
                    break
                if fault is WireFault.DELAY:
                    time.sleep(self.delay)
                link.client.sendall(data)
        link.close()
        with self._lock:
            self._links.discard(link)
        link.client.close()
        link.server.close()

    def _next_fault(self) -> WireFault | None:
        with self._lock:
            self.requests += 1
            if self._fault is None or self._left <= 0:
                return None
            self._left -= 1
            return self._fault


def _reset(client: socket.socket) -> None:
    """Close with a reset, as a port does on which nobody listens."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
