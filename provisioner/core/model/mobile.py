"""Decides what is a single phone number in a usual notation.

A registered number is text that a person typed, or that a spreadsheet changed. ``532123456.0`` has the ten digits of a
Turkish mobile number, but its password would go to another person. Therefore a value is a number only if its digits are
grouped as people group them. The channel determines the country and the kind of phone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise

from provisioner.core.model.text import Text

#: Returns the mark of a mobile number: the same for the same number. The number can't be derived from it.
MobileMark = Callable[[str | None], str | None]


class NumberKind(StrEnum):
    """Which of a person's numbers a channel sends to."""

    #: The registered mobile number.
    MOBILE = "mobile"
    #: The other mobile number, if it was confirmed.
    OTHER = "other"


#: The form in which a gateway accepts a number (ITU-T E.164). With a space in it, Kannel would send to several phones.
E164 = re.compile(r"\+[1-9][0-9]{6,14}")

#: How many digits of a masked number can be read.
SHOWN_DIGITS = 2

#: The number of digits of a number, including prefixes.
SHORTEST = 7
LONGEST = 17

#: The start of a country code or an area code: ``+90``, ``0``, ``(0532)``, ``+90 (0) 532``.
_PARENTHESES = re.compile(r"\(\s*(\+?\d{1,5})\s*\)")
_GROUPED = re.compile(r"\+?(\d+)((?:\s*[\s.–-]\s*\d+)*)")
_GROUP = re.compile(r"\s*([\s.–-])\s*(\d+)")
#: A slash is also used between an area code and the rest.
_AREA_SLASH = re.compile(r"^(\+?\d{3,4}) ?/ ?(?=\d)")

_DECIMAL = re.compile(r"[+-]?\d+[.,]\d*(e[+-]?\d+)?|[+-]?\d+e[+-]?\d+", re.IGNORECASE)
_LONG_RUN = re.compile(rf"\d(?:[\s()-]*\d){{{SHORTEST - 1},}}")

#: The number of digits before a dot between groups; before the only dot, as many as an area code has.
_BEFORE_DOTS = range(2, 5)
_BEFORE_ONLY_DOT = range(3, 5)


def objection(number: str) -> Text | None:
    """Return why a value is not a single phone number in a usual notation; ``None`` if it is one.

    The message doesn't quote the value. The function has no side effects.
    """
    text = " ".join(number.split())
    if _is_one(text):
        return None
    if _DECIMAL.fullmatch(text):
        return Text("it is a decimal number from a spreadsheet, not a phone number")
    if len(_LONG_RUN.findall(text)) > 1:
        return Text("it contains more than one phone number")
    return Text("it is not a single phone number; use 0532 123 45 67 or +90 532 123 45 67")


def masked(number: str | None) -> str | None:
    """Return a number of which only the last two digits can be read; ``None`` if there is none.

    A value that is no number isn't shown at all.
    """
    if number is None or objection(number) is not None:
        return number and "****"
    return "*" * (len(number) - SHOWN_DIGITS) + number[-SHOWN_DIGITS:]


def _is_one(text: str) -> bool:
    if E164.fullmatch(text):  # one group: most numbers are stored like this
        return True
    if text.isascii() and text.isdigit():  # one group as well: most numbers in lists are written like this
        return SHORTEST <= len(text) <= LONGEST
    plain = _PARENTHESES.sub(r" \1 ", text).strip()
    plain = _AREA_SLASH.sub(r"\1 ", plain)
    match = _GROUPED.fullmatch(" ".join(plain.split()))
    if match is None:
        return False
    groups = [("", match[1]), *_GROUP.findall(match[2])]
    return SHORTEST <= sum(len(digits) for _, digits in groups) <= LONGEST and _is_grouped(groups)


def _is_grouped(groups: Sequence[tuple[str, str]]) -> bool:
    """Whether no group is the fraction of a decimal number: a single digit at the end, or the digits after a dot."""
    before_dots = [len(digits) for (_, digits), (separator, _) in pairwise(groups) if separator == "."]
    usual = _BEFORE_ONLY_DOT if len(before_dots) == 1 else _BEFORE_DOTS
    return len(groups[-1][1]) > 1 and all(count in usual for count in before_dots)
