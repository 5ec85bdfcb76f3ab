"""The names of units, persons, actors, targets and rule sets. Every identifier is validated here.

Identifiers are compared, typed and printed, so two that look alike must be the same. Only the letters of European Latin
alphabets, including Turkish, and the digits 0 to 9 are allowed. A Cyrillic letter that looks like the ``i`` of
``il-mem``, or an Arabic digit in a staff number, would name another unit or person. Invisible characters are not
allowed, so that no identifier changes how the surrounding text is displayed.
"""

from __future__ import annotations

import re
import unicodedata

from provisioner.core.model.text import Text, visible

#: The maximum length of an identifier.
LONGEST = 64

#: ASCII letters, and those of Latin-1 Supplement and Latin Extended-A that are not two letters in one character.
_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e"

_WORD = re.compile(rf"[{_LETTERS}0-9_][{_LETTERS}0-9_.-]*")
_NAME = re.compile(rf"[!-~{_LETTERS}]+")
_OTHER = re.compile(rf"[^\x00-\x7f{_LETTERS}]")


def code_objection(value: str) -> Text | None:
    """Return why *value* can't be the code of a unit or the ID of a person; ``None`` if it can."""
    if not value:
        return Text("it is missing")
    if objection := _strangeness(value):
        return objection
    if not _WORD.fullmatch(value):
        return Text("it must be one word of letters, digits, '.', '-' and '_'")
    return None


def name_objection(value: str) -> Text | None:
    r"""Return why *value* can't name an actor, a target, a channel or a rule set; ``None`` if it can.

    Names of users of an operating system may have more characters than codes, for example ``OFFICE\ayse``.
    """
    if not value:
        return Text("it is missing")
    if objection := _strangeness(value):
        return objection
    if not _NAME.fullmatch(value):
        return Text("it must be one printable word: {value}", {"value": visible(value)})
    return None


def _strangeness(value: str) -> Text | None:
    """Return what is not allowed in any identifier: too many characters, or one of another alphabet."""
    if len(value) > LONGEST:
        return Text("it is longer than {longest} characters", {"longest": LONGEST})
    found = _OTHER.search(value)
    if found is None or found[0].isspace():
        return None
    name = unicodedata.name(found[0], f"U+{ord(found[0]):04X}")
    return Text("it contains a character of another alphabet, or an invisible one: {name}", {"name": name})
