"""Where a message ends on a connection."""

from __future__ import annotations

from provisioner.audit.framing import Framing


def test_a_line_ends_with_a_line_feed() -> None:
    assert Framing.LINES.frame("ü".encode()) == b"\xc3\xbc\n"


def test_octets_are_counted_and_not_characters() -> None:
    """A collector that is told too few reads the rest as the beginning of the next message."""
    assert Framing.OCTET_COUNTING.frame("ü".encode()) == b"2 \xc3\xbc"
