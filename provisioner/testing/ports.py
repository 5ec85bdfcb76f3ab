"""Ports on loopback, for the servers that tests start."""

from __future__ import annotations

import socket
from itertools import cycle, islice
from random import SystemRandom

#: Where :func:`free_ports` looks: below the ports that systems give to clients, and to servers that ask for any port.
#: Such a port would be taken between the moment it is found and the moment a server listens on it.
_RANGE = range(10_000, 32_768)

#: In an order of this process, so that test processes side by side don't find the same ports.
_untried = cycle(SystemRandom().sample(_RANGE, len(_RANGE)))


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody uses. A process gets each port once, until it has had all of them."""
    return list(islice(filter(_is_free, _untried), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether somebody listens on this port of loopback, or of another address."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
