"""Distinguished names, written as RFC 4514 says."""

from __future__ import annotations

import re

from provisioner.core.api.errors import RefusedError

#: What stands behind a backslash wherever it occurs. ``=`` needs none, and gets one because RFC 4514 allows it.
SPECIAL = frozenset('"+,;<>\\=')

#: What separates the parts of a name, with the blanks around it, which count nothing.
_SEPARATOR = re.compile(r"\s*([,+=])\s*")

#: Characters with a backslash before them: as they are, or as the bytes of their encoding.
_ESCAPED = re.compile(r"(?:\\[0-9a-fA-F]{2})+|\\(.)")

#: The first part of a name: everything before a comma that has no backslash before it.
_FIRST_PART = re.compile(r"(?:[^,\\]|\\.)*")

#: The longest value that directories take for certain (RFC 4519 gives the upper bounds of X.520).
LONGEST = 256


def entry_dn(attribute: str, value: str, base: str) -> str:
    """Return the name of the entry below *base* whose naming *attribute* has this *value*."""
    return f"{attribute}={escaped(value)},{base}"


def expect_unmistakable(login: str) -> None:
    """See that a directory takes *login* for no other one: blanks at the ends and characters nobody sees count nothing.

    Raises:

        RefusedError: It would (RFC 4518, sections 2.2 and 2.6.1), or it is too long to be a name.
    """
    if login != login.strip(" ") or "  " in login or not login.isprintable() or len(login) > LONGEST:
        raise RefusedError(
            "an account cannot be named {login} in a directory",
            cure="give the account a login of letters, digits, '.', '-' and '_'",
            login=ascii(login[:40]),
        )


def escaped(value: str) -> str:
    """Return *value* as it stands in a distinguished name (RFC 4514, section 2.4)."""
    last = len(value) - 1
    return "".join(
        _escaped(character, first=position == 0, last=position == last) for position, character in enumerate(value)
    )


def rdn_of(dn: str) -> str:
    """Return the first part of a name: the attribute and the value."""
    return _split(dn)[0]


def container_of(dn: str) -> str:
    """Return the name of the entry above one."""
    return _split(dn)[1]


def has_name(dn: str, attribute: str, value: str) -> bool:
    """Whether an entry is named by this value, in any container and any spelling."""
    return canonical(rdn_of(dn)) == canonical(f"{attribute}={escaped(value)}")


def _split(dn: str) -> tuple[str, str]:
    """Return the first part of a distinguished name, and what is above it."""
    found = _FIRST_PART.match(dn)
    end = found.end() if found else len(dn)
    return dn[:end], dn[end + 1 :].lstrip()


def canonical(dn: str) -> str:
    """Return what is the same for all spellings of a distinguished name: case, blanks and backslashes."""
    return _SEPARATOR.sub(r"\1", _ESCAPED.sub(_with_one_spelling, dn.strip())).casefold()


def _with_one_spelling(escape: re.Match[str]) -> str:
    text = escape[1] or bytes.fromhex(escape[0].replace("\\", "")).decode(errors="replace")
    return "".join(f"\\{ord(character):02x}" if character in ",+\\" else character for character in text)


def _escaped(character: str, *, first: bool, last: bool) -> str:
    if character < " " or character == "\x7f":
        return f"\\{ord(character):02x}"
    if character in SPECIAL or (character == " " and (first or last)) or (character == "#" and first):
        return f"\\{character}"
    return character
