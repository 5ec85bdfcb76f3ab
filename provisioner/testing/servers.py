"""What the private servers of tests have in common, and whether they can be started here."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from importlib import import_module

#: The servers, by the name of the module that starts them.
SERVERS = ("slapd", "kannel", "dovecot")


def missing_packages(server: str) -> tuple[str, ...]:
    """Return the Debian packages without which this server cannot be started here.

    Args:

        server: One of :data:`SERVERS`.
    """
    missing: tuple[str, ...] = import_module(f"provisioner.testing.{server}").missing_packages()
    return missing


def free_ports(count: int) -> list[int]:
    """Return so many ports of this machine that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
