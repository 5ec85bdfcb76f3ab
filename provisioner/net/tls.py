"""What is the same for every plug-in that opens connections: trust, whether they are still good, and deadlines."""

from __future__ import annotations

import select
import socket
import ssl
import time
from functools import cache
from pathlib import Path

from provisioner.core.api.errors import MisconfiguredError


@cache
def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return how servers are verified, certificate and name.

    The file is read once in the life of a process: there are hundreds of certificates in the system's own.

    Args:

        ca_file: Certificates in PEM form; ``None`` for the system's own.

    Raises:

        MisconfiguredError: The file cannot be read, or has no certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # SSLError, for a file that is not PEM, is one too
        raise MisconfiguredError(
            "the certificates in {file} cannot be read: {reason}",
            cure="set ca_file to a file of certificates in PEM form",
            file=ca_file,
            reason=error.strerror or type(error).__name__,
        ) from None


def is_idle(connection: socket.socket) -> bool:
    """Whether the other side has said nothing since its last answer; it would be that it hangs up."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def seconds_left(deadline: float) -> float:
    """Return the seconds that are left until a deadline.

    Args:

        deadline: A time of the monotonic clock.

    Raises:

        TimeoutError: There are none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
