"""Encodes the four requests that every account needs (RFC 4511): ldap3 takes a millisecond for them.

Lengths have their shortest form, as those of ldap3 have; a test compares both, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from provisioner_ldap.entry import Attributes, Control
from provisioner_ldap.ppolicy import PASSWORD_MODIFY

_INTEGER, _OCTET_STRING, _ENUMERATED, _SEQUENCE, _SET = 0x02, 0x04, 0x0A, 0x30, 0x31
_FALSE = bytes.fromhex("010100")

#: The operations, ``[APPLICATION n]``.
_BIND, _SEARCH, _ADD, _EXTENDED = 0x60, 0x63, 0x68, 0x77

#: The tags with which the results of the operations begin, by those of the operations.
ANSWERS = {_BIND: 0x61, _SEARCH: 0x65, _ADD: 0x69, _EXTENDED: 0x78}

#: ``[CONTEXT n]``: simple in a choice or with a value, constructed where it has parts.
_CONTEXT, _CONSTRUCTED = 0x80, 0xA0

#: A length below this is its own octet.
_LONG = 0x80

_VERSION = bytes.fromhex("020103")

#: The filter ``(objectClass=*)``.
_PRESENT = 7

#: The scope of the entry itself, aliases never followed, and no limits of size and time.
_ENTRY_ITSELF = bytes.fromhex("0a0100 0a0100 020100 020100")


def message(number: int, operation: bytes, controls: Iterable[Control] = ()) -> bytes:
    """Return a request as it is sent.

    Args:

        number: Its number, which the answer repeats.

        operation: What is asked, encoded.

        controls: What else is asked, by its identifier and value; the server may ignore it.
    """
    encoded = b"".join(map(_control, controls))
    rest = _element(_CONSTRUCTED, encoded) if encoded else b""
    return _element(_SEQUENCE, _integer(number), operation, rest)


def bind(dn: str, password: bytes) -> bytes:
    """Return a log-in with a name and a password."""
    return _element(_BIND, _VERSION, _text(dn), _element(_CONTEXT, password))


def search_entry(dn: str, attributes: Iterable[str]) -> bytes:
    """Return the question for one entry, and for these of its attributes."""
    names = _element(_SEQUENCE, *map(_text, attributes))
    present = _element(_CONTEXT + _PRESENT, b"objectClass")
    return _element(_SEARCH, _text(dn), _ENTRY_ITSELF, _FALSE, present, names)


def add(dn: str, attributes: Attributes) -> bytes:
    """Return what makes an entry with these attributes. Those without a value are left out."""
    present = [_attribute(name, values) for name, values in attributes.items() if values]
    return _element(_ADD, _text(dn), _element(_SEQUENCE, *present))


def modify_password(dn: str, password: bytes) -> bytes:
    """Return what sets a password, which the server hashes (RFC 3062)."""
    value = _element(_SEQUENCE, _element(_CONTEXT, dn.encode()), _element(_CONTEXT + 2, password))
    return _element(_EXTENDED, _element(_CONTEXT, PASSWORD_MODIFY.encode()), _element(_CONTEXT + 1, value))


def _control(control: Control) -> bytes:
    identifier, value = control
    return _element(_SEQUENCE, _text(identifier), b"" if value is None else _element(_OCTET_STRING, value))


def _attribute(name: str, values: Iterable[bytes]) -> bytes:
    return _element(_SEQUENCE, _text(name), _element(_SET, *(_element(_OCTET_STRING, value) for value in values)))


def _text(text: str) -> bytes:
    return _element(_OCTET_STRING, text.encode())


def _integer(number: int) -> bytes:
    """Encode a number that is not negative."""
    return _element(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def _element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    length = len(content)
    if length < _LONG:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, _LONG + len(octets))) + octets + content
