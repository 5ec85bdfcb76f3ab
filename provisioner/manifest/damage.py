"""Text that another program has damaged: letters that are lost, or replaced with those of another encoding."""

from __future__ import annotations

import re
import unicodedata

from provisioner.core.model.text import Text

#: What stands in a text for a letter that a program could not read.
LOST = "\N{REPLACEMENT CHARACTER}"

#: What spreadsheets show in place of a value that cannot be computed or does not fit.
_ERRORS = re.compile(
    r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|YOK|BAŞV!|DEĞER!|AD\?|SAYI/0!|SAYI!|BOŞ!|#+)", re.IGNORECASE
)


def _signs_of_trailing_bytes(first: int) -> str:
    """Return how the bytes that continue a letter in UTF-8 look in the single-byte encodings of Windows.

    Args:

        first: The smallest of these bytes.
    """
    signs = {
        bytes([byte]).decode(encoding, "ignore")
        for byte in range(first, 0xC0)
        for encoding in ("cp1252", "cp1254", "latin-1")
    }
    return re.escape("".join(sorted(signs - {""})))


#: ``Ã¼`` is ü, ``ÅŸ`` is ş and ``Ä±`` is ı, in UTF-8 that was read as Windows-1252 or Windows-1254. After ``Â``,
#: smaller bytes would be control characters, and ``Â’`` is how a Turkish name ends before a suffix.
_READ_AS_WINDOWS = f"[ÃÄÅ][{_signs_of_trailing_bytes(0x80)}]|Â[{_signs_of_trailing_bytes(0xA0)}]"
#: The same read as Macintosh Roman: ``√º``, ``≈ü`` and ``ƒ±``.
_READ_AS_MACINTOSH = r"[√≈ƒ]\S"
#: Turkish Windows text that was read as Western European: ``ð`` is ğ, ``þ`` is ş and ``ý`` is ı.
_READ_AS_WESTERN = "[ðþýÐÞÝ]"
#: DOS and Macintosh text that was read as Windows text has signs inside words: ``Ay§e``.
_SIGN_IN_WORD = r"[^\W\d_][^\x00-\x7f\w\s\u00b7\u2010-\u2026][^\W\d_]"
_DAMAGED = re.compile(f"{_READ_AS_WINDOWS}|{_READ_AS_MACINTOSH}|{_READ_AS_WESTERN}|{_SIGN_IN_WORD}")
#: ``Ay?e``, ``?smail``: the letter was replaced with a question mark.
_QUESTION_MARK = re.compile(r"\?(?=\w)")


#: Signs of which something below may be made. Nearly all lines have none, and lists are long.
_UNUSUAL = re.compile("[^0-9A-Za-zçğıöşüÇĞİÖŞÜâîûÂÎÛ_ !\"$%&'()*+,./:;<=>@-]")


def is_plain(text: str) -> bool:
    """Whether a text has nothing that :func:`objection`, :func:`suspicion` or a printer could mind."""
    return not _UNUSUAL.search(text)


def objection(value: str) -> Text | None:
    """Return why a value cannot be used because a program has damaged it; ``None`` if that cannot be seen."""
    if LOST in value:
        return Text("a letter was lost: another program replaced it with {sign}; export the list again", {"sign": LOST})
    if value.startswith("#") and _ERRORS.fullmatch(value):
        return Text("it is an error value of a spreadsheet")
    return None


def suspicion(value: str) -> Text | None:
    """Return why the letters of a value may not be those that were typed; ``None`` if they look right."""
    if "?" in value and _QUESTION_MARK.search(value):
        return Text("a letter may be lost, with '?' in its place: {value}", {"value": value})
    if not value.isascii() and _DAMAGED.search(value):
        return Text("the characters look garbled by a wrong encoding: {value}", {"value": value})
    return None


def strangeness(text: str) -> int:
    """Return how many signs a Turkish list would not have, to compare readings of the same bytes."""
    letters = sum(1 for sign in text if not sign.isascii() and sign not in _EXPECTED)
    return letters + len(_CAPITAL_IN_WORD.findall(text))


#: What Turkish lists have beside ASCII.
_EXPECTED = frozenset("çğıöşüÇĞİÖŞÜâîûÂÎÛ\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00a0")
_CAPITAL_IN_WORD = re.compile("[a-zçğıöşü][ÇĞİÖŞÜ]")


def composed(text: str) -> str:
    """Return a text with composed letters: a Macintosh writes ş as s and a cedilla."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
