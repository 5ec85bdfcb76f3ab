"""Where one syslog message ends on a connection, RFC 6587."""

from __future__ import annotations

from enum import StrEnum


class Framing(StrEnum):
    """How messages that follow one another are kept apart."""

    #: A line feed ends each message (3.4.2).
    LINES = "lines"
    #: The number of its bytes begins each message (3.4.1); RFC 5425 wants it with TLS.
    OCTET_COUNTING = "octet-counting"

    def frame(self, message: bytes) -> bytes:
        """Return a message as it is sent. It contains no line feed."""
        return message + b"\n" if self is Framing.LINES else b"%d %s" % (len(message), message)
