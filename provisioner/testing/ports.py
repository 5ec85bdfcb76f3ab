"""Ports on loopback, for the servers that tests start."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody uses."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether somebody listens on this port of loopback, or of another address."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
