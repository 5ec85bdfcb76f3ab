"""What templates do to the text of a placeholder: ``{unit_name|ascii|lower}``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

#: Letters that have no decomposition into a letter of ASCII and a mark.
_FOLDED = str.maketrans({"ı": "i", "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d"})

#: The letters whose case is different in Turkish.
_TURKISH_LOWER, _TURKISH_UPPER = str.maketrans({"I": "ı", "İ": "i"}), str.maketrans({"i": "İ", "ı": "I"})

#: What separates the words of an identifier.
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def ascii_(text: str) -> str:
    """Return letters without marks, and ``i`` for ``ı``. What has no likeness in ASCII is left out."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLDED))
    return decomposed.encode("ascii", "ignore").decode()


def lower(text: str) -> str:
    """Return text in lower case, by the rules of Turkish: ``ı`` for ``I``."""
    return unicodedata.normalize("NFC", text).translate(_TURKISH_LOWER).lower()


def upper(text: str) -> str:
    """Return text in upper case, by the rules of Turkish: ``İ`` for ``i``."""
    return unicodedata.normalize("NFC", text).translate(_TURKISH_UPPER).upper()


def slug(text: str) -> str:
    """Return the words of a text in small letters of ASCII, with hyphens between them."""
    return _BETWEEN_WORDS.sub("-", ascii_(text).lower()).strip("-")


#: All filters by their names in templates.
FILTERS: Mapping[str, Callable[[str], str]] = {"ascii": ascii_, "lower": lower, "upper": upper, "slug": slug}

#: The same for a text that was reduced to ASCII: case follows the rules of English.
_OF_ASCII: Mapping[str, Callable[[str], str]] = {**FILTERS, "lower": str.lower, "upper": str.upper}


def filtered(text: str, names: Sequence[str]) -> str:
    """Return what filters make of a text, one after the other.

    After ``ascii``, ``lower`` and ``upper`` follow the rules of English: ``ı`` would not be ASCII.

    Args:

        text: The text.

        names: The names of the filters.
    """
    table = FILTERS
    for name in names:
        text = table[name](text)
        if name in {"ascii", "slug"}:
            table = _OF_ASCII
    return text
