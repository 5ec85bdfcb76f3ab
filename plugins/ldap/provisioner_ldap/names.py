"""Distinguished names, written as RFC 4514 says."""

from __future__ import annotations

#: What stands behind a backslash wherever it occurs. ``=`` needs none, and gets one because RFC 4514 allows it.
SPECIAL = frozenset('"+,;<>\\=')


def entry_dn(attribute: str, value: str, base: str) -> str:
    """Return the name of the entry below *base* whose naming *attribute* has this *value*."""
    return f"{attribute}={escaped(value)},{base}"


def escaped(value: str) -> str:
    """Return *value* as it stands in a distinguished name (RFC 4514, section 2.4)."""
    last = len(value) - 1
    return "".join(
        _escaped(character, first=position == 0, last=position == last) for position, character in enumerate(value)
    )


def _escaped(character: str, *, first: bool, last: bool) -> str:
    if character < " " or character == "\x7f":
        return f"\\{ord(character):02x}"
    if character in SPECIAL or (character == " " and (first or last)) or (character == "#" and first):
        return f"\\{character}"
    return character
