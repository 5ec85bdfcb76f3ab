"""Codes of units and ids of persons as a spreadsheet rewrites them: as decimal numbers, in exponents, as dates.

Such a value is a word like any other, and would name somebody else: ``754321.0`` is not unit ``754321``.
"""

from __future__ import annotations

import re

from provisioner.core.model.identifiers import LONGEST, code_objection
from provisioner.core.model.text import Text

#: ``754321.0``: a whole number that became a decimal one. ``46.1`` may be a code, so a fraction of its own only counts
#: behind a number that is longer than the parts of such codes.
_DECIMAL = re.compile(r"[+-]?(\d+[.,]0+|\d{5,}[.,]\d+)")
_EXPONENT = re.compile(r"[+-]?(\d+[.,]\d+e[+-]?\d+|\d+e[+-]\d+)", re.IGNORECASE)
#: ``1,002``
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+")

_DAY = r"(0?[1-9]|[12]\d|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_YEAR = r"(19|20)\d\d"
#: Names of months as a spreadsheet writes them: ``12.Mar``, ``02-Oca``.
_NAME_OF_MONTH = "Oca|Şub|Mar|Nis|May|Haz|Tem|Ağu|Eyl|Eki|Kas|Ara|Jan|Feb|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = re.compile(
    rf"{_DAY}[./-]{_MONTH}[./-]{_YEAR}( .*)?|{_YEAR}-{_MONTH}-{_DAY}([ T].*)?|{_DAY}[./-]({_NAME_OF_MONTH})"
)


def objection(value: str) -> Text | None:
    """Return why a value cannot be the code of a unit or the id of a person; ``None`` if it can."""
    if value.isascii() and value.isalnum() and len(value) <= LONGEST:
        return None  # nearly all of them, and lists are long
    return rewriting(value) or code_objection(value)


def rewriting(value: str) -> Text | None:
    """Return how a spreadsheet has rewritten a value; ``None`` if that cannot be seen."""
    if _DECIMAL.fullmatch(value) or _EXPONENT.fullmatch(value) or _GROUPED.fullmatch(value):
        return Text("a spreadsheet changed the number; format the column as text and enter the value again")
    if _DATE.fullmatch(value):
        return Text("a spreadsheet changed it into a date; format the column as text and enter the value again")
    return None
