"""A request that ends in time, whatever the other side does.

httpx starts its timeouts anew with every read from the socket, so a server that sends a byte now and then can hold a
caller for as long as it likes. Here one deadline holds for everything a request does on the network.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import attrs
import httpcore
import httpx


class Deadline(threading.local):
    """When the request of the current thread must have ended."""

    at: float = 0.0

    def start(self, seconds: float) -> None:
        """Let the current thread's request end *seconds* from now."""
        self.at = time.monotonic() + seconds

    def left(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        """Return the seconds that are left, but no more than *timeout*; raise *late* if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise late
        return left if timeout is None else min(left, timeout)


class DeadlineTransport(httpx.HTTPTransport):
    """The transport of httpx with one deadline for each request.

    Args:

        seconds: How long a request may take.

        verify: Which certificates are trusted.

        limits: How many connections are kept.
    """

    def __init__(self, *, seconds: float, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        super().__init__(verify=verify, trust_env=False)
        self._seconds = seconds
        self._deadline = Deadline()
        # httpx passes no network backend on, so its pool is replaced by one that has ours.
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(deadline=self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return the beginning of its answer; reading the rest keeps to the same deadline."""
        self._deadline.start(self._seconds)
        return super().handle_request(request)


@attrs.define(eq=False, kw_only=True)
class _Backend(httpcore.NetworkBackend):
    """Makes connections that keep to the deadline."""

    _deadline: Deadline
    _plain: httpcore.NetworkBackend = attrs.field(factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        stream = self._plain.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream=stream, deadline=self._deadline)


@attrs.define(eq=False, kw_only=True)
class _Stream(httpcore.NetworkStream):
    """A connection that keeps to the deadline of the thread that uses it."""

    _stream: httpcore.NetworkStream
    _deadline: Deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Stream(stream=stream, deadline=self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
