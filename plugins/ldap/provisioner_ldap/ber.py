"""Reads answers (RFC 4511): entries that a search finds, and results. ldap3 takes ten times as long for an entry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import attrs

from provisioner_ldap.entry import Entry

#: The tag of an entry: ``SearchResultEntry ::= [APPLICATION 4] SEQUENCE``.
_ENTRY = 0x64

#: The tag of the place where a search could go on: ``SearchResultReference ::= [APPLICATION 19] SEQUENCE``.
_REFERENCE = 0x73

#: The tag of the controls of a message: ``controls [0] Controls``.
_CONTROLS = 0xA0

_OCTET_STRING = 0x04

#: A length from here on is stored in as many of the following octets as the lower bits tell.
_LONG = 0x80


@attrs.frozen
class LdapReply:
    """How a server ends its answer."""

    #: The tag of the operation that it answers to.
    tag: int
    code: int
    #: What the server wrote about it.
    message: str
    #: The values of its controls, by their identifiers.
    controls: Mapping[str, bytes]


def read_number(message: bytes) -> int:
    """Return the number of a message, which is that of the request; 0 if the server speaks unasked.

    Raises:

        IndexError: It is damaged.
    """
    start, _ = _content(message, 0)
    start, end = _content(message, start)
    return int.from_bytes(message[start:end])


def read_result(message: bytes) -> LdapReply | None:
    """Return the result in a message; ``None`` if it only tells where a search could go on.

    Raises:

        IndexError: It is damaged.
    """
    start, whole = _content(message, 0)
    _, at = _content(message, start)
    tag = message[at]
    if tag == _REFERENCE:
        return None
    start, end = _content(message, at)
    start, at = _content(message, start)
    code = int.from_bytes(message[start:at])
    _, at = _content(message, at)
    start, at = _content(message, at)
    if at > end:
        raise IndexError(at)
    return LdapReply(tag, code, message[start:at].decode(errors="replace"), _controls(message, end, whole))


def _controls(message: bytes, at: int, whole: int) -> Mapping[str, bytes]:
    """Return the values of the controls that begin at a place, if there are any."""
    if at == whole or message[at] != _CONTROLS:
        return {}
    found = {}
    at, end = _content(message, at)
    while at < end:
        start, at = _content(message, at)
        identifier, *rest = elements(message, start, at)
        found[identifier[1].decode()] = next((value for tag, value in rest if tag == _OCTET_STRING), b"")
    return found


def elements(message: bytes, at: int, end: int) -> list[tuple[int, bytes]]:
    """Return the elements between two places, each with its tag.

    Raises:

        IndexError: One of them is damaged.
    """
    found = []
    while at < end:
        tag = message[at]
        start, at = _content(message, at)
        found.append((tag, message[start:at]))
    return found


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
