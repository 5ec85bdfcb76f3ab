"""What may name a unit, a person, an actor, a target or a rule set. Every identifier is checked here.

An identifier is compared, typed and printed, so two that look alike must be the same. Only the letters of European
Latin alphabets, Turkish included, and the digits 0 to 9 are accepted: a Cyrillic letter that looks like the ``i`` of
``il-mem``, or an Arabic digit in a staff number, would name somebody else. Nothing invisible is accepted, so that no
identifier can change how the text around it is shown.
"""

from __future__ import annotations

import re
import unicodedata

from provisioner.core.model.text import Text, visible

#: The longest identifier.
LONGEST = 64

#: ASCII letters, and those of Latin-1 Supplement and Latin Extended-A that are not two letters in one character.
_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e"

_WORD = re.compile(rf"[{_LETTERS}0-9_][{_LETTERS}0-9_.-]*")
_NAME = re.compile(rf"[!-~{_LETTERS}]+")
_OTHER = re.compile(rf"[^\x00-\x7f{_LETTERS}]")


def code_objection(value: str) -> Text | None:
    """Return why *value* cannot be the code of a unit or the id of a person; ``None`` if it can."""
    if not value:
        return Text("it is missing")
    if objection := _strangeness(value):
        return objection
    if not _WORD.fullmatch(value):
        return Text("it is no single word of letters, digits, '.', '-' and '_'")
    return None


def name_objection(value: str) -> Text | None:
    r"""Return why *value* cannot name an actor, a target, a channel or a rule set; ``None`` if it can.

    Names of users of an operating system may have more signs than codes, for example ``OFFICE\ayse``.
    """
    if not value:
        return Text("it is missing")
    if objection := _strangeness(value):
        return objection
    if not _NAME.fullmatch(value):
        return Text("it is no single word that can be printed: {value}", {"value": visible(value)})
    return None


def _strangeness(value: str) -> Text | None:
    """Return what no identifier may have: too many characters, or one of another alphabet."""
    if len(value) > LONGEST:
        return Text("it is longer than {longest} characters", {"longest": LONGEST})
    found = _OTHER.search(value)
    if found is None or found[0].isspace():
        return None
    name = unicodedata.name(found[0], f"U+{ord(found[0]):04X}")
    return Text("it has a character of another alphabet, or one that cannot be seen: {name}", {"name": name})
