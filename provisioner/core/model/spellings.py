"""The forms of a text after programs have quoted, escaped or encoded it.

The product masks secrets in these forms, the contract searches for them in the output of plug-ins, and the tests search
for them in files, logs and processes. They use the same list, so that all of them find the same.

Upper and lower case make no difference. Forms that no program produces, such as a reversed text, are not included: code
that hides a secret intentionally can't be detected.
"""

from __future__ import annotations

import json
import re
import unicodedata
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import quote, quote_plus

#: Shorter derived forms are not searched for: they occur in texts by chance.
SHORTEST = 8

#: The same for the text itself.
SHORTEST_CLEAR = 3

#: No hint is shorter, except that of a text which is shorter itself.
HINT = 4

Spell = Callable[[str], Iterable[bytes]]

_RUN = re.compile(rb"[A-Za-z0-9]+")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base64(data: bytes) -> Iterator[bytes]:
    """Yield the characters that represent only *data*, at each position at which it can start in a longer text."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        encoded = b2a_base64(bytes(before) + data, newline=False)[first:last]
        yield encoded
        yield encoded.translate(_URL_SAFE)


def _json(text: str) -> set[str]:
    spelled = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return spelled | {spelling.replace("/", "\\/") for spelling in spelled}


def _html(text: str) -> Iterator[str]:
    import html

    named = html.escape(text, quote=False)
    for double in ('"', "&quot;", "&#34;"):
        for single in ("'", "&#x27;", "&#39;", "&apos;"):
            yield named.replace('"', double).replace("'", single)
    yield from _numbered(text)


def _numbered(text: str) -> Iterator[str]:
    """Yield forms with a number in place of each character."""
    yield "".join(f"&#{ord(sign)};" for sign in text)
    yield "".join(f"&#x{ord(sign):x};" for sign in text)
    yield "".join(f"\\u{ord(sign):04x}" for sign in text)
    for before in ("\\x", "%"):
        yield "".join(f"{before}{byte:02x}" for byte in _bytes(text))


def _backslashes(text: str) -> Iterator[str]:
    yield from (repr(text)[1:-1], ascii(text)[1:-1], repr(_bytes(text))[2:-1])
    yield text.encode("unicode_escape").decode()
    yield "".join(sign if sign.isalnum() else f"\\{sign}" for sign in text)
    yield "".join(sign if sign.isalnum() else f"\\{ord(sign):02x}" for sign in text)


def _quoted(text: str) -> Iterator[str]:
    """Yield how shells, databases and mails quote quotes."""
    import quopri
    import shlex

    yield from (shlex.quote(text).strip("'"), text.replace("'", "''"), text.replace('"', '""'))
    yield quopri.encodestring(_bytes(text), quotetabs=True).decode().replace("=\n", "")


def _url(text: str) -> Iterator[str]:
    data = _bytes(text)
    yield from (quote(data, safe=""), quote(data), quote_plus(data))


def _cases(text: str) -> Iterator[str]:
    for variant in (text, text.lower(), text.upper(), text.swapcase()):
        yield from (variant, unicodedata.normalize("NFC", variant), unicodedata.normalize("NFD", variant))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _wide(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _utf_8(texts: Iterable[str]) -> set[bytes]:
    return set(map(_bytes, texts))


#: The forms of a text, by name.
FORMS: Mapping[str, Spell] = {
    "utf-8": lambda text: _utf_8(_cases(text)),
    "utf-16-le": lambda text: [_wide(text)],
    "utf-16-be": lambda text: [text.encode("utf-16-be", "surrogatepass")],
    "base64": lambda text: {
        spelling for data in {*_utf_8([text, *_json(text)]), _wide(text)} for spelling in _base64(data)
    },
    "hex": lambda text: [_bytes(text).hex().encode(), _wide(text).hex().encode()],
    "url": lambda text: _utf_8(_url(text)),
    "json": lambda text: _utf_8(_json(text)),
    "backslash": lambda text: _utf_8(_backslashes(text)),
    "html": lambda text: _utf_8(_html(text)),
    "quoted": lambda text: _utf_8(_quoted(text)),
}

#: Forms in which a text is a part of one word. The rest of the word belongs to what was encoded.
_IN_WORDS = frozenset({"base64", "hex"})
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-")


def spellings(clear: str) -> dict[str, set[bytes]]:
    """Return the forms of a text that are long enough to search for, in lower case, by name."""
    return {
        form: {spelling.lower() for spelling in spell(clear) if len(spelling) >= SHORTEST}
        for form, spell in FORMS.items()
    }


def find(clear: str, data: bytes) -> set[str]:
    """Return the names of the forms in which *data* contains a text."""
    lowered = data.lower()
    found = {form for form, spelled in spellings(clear).items() if any(spelling in lowered for spelling in spelled)}
    return found | {"utf-8"} if len(clear) >= SHORTEST_CLEAR and _bytes(clear) in data else found


def masked(clear: str, text: str, mask: str) -> str:
    """Return *text* with *mask* in place of a text, in every form.

    Args:

        clear: The text to mask, if it is long enough.

        text: The text to search.

        mask: The replacement.
    """
    data = _bytes(text)
    if len(clear) >= SHORTEST_CLEAR:
        data = data.replace(_bytes(clear), mask.encode())
    for form, spelled in spellings(clear).items():
        for spelling in sorted(spelled, key=len, reverse=True):
            data = _without(spelling, data, mask.encode(), whole_word=form in _IN_WORDS)
    with suppress(UnicodeDecodeError):
        return data.decode(errors="surrogatepass")
    # A form ended in the middle of a character; what is left of the character is not worth losing the message.
    return data.decode(errors="replace")


def _without(spelling: bytes, data: bytes, mask: bytes, *, whole_word: bool) -> bytes:
    lowered, kept, end = data.lower(), [], 0
    while (start := lowered.find(spelling, end)) >= 0:
        first, last = start, start + len(spelling)
        while whole_word and first > end and data[first - 1] in _WORD:
            first -= 1
        while whole_word and last < len(data) and data[last] in _WORD:
            last += 1
        kept += [data[end:first], mask]
        end = last
    return b"".join([*kept, data[end:]])


def hints(clear: str) -> tuple[bytes, ...]:
    """Return a few substrings, in lower case, of which every form of a text contains at least one.

    They are fast to create and to search for, so that few texts have to be searched for all forms. Most are made from
    the longest run of ASCII letters and digits, because programs quote, escape and encode the characters around it.
    """
    data = _bytes(clear if clear.isascii() else unicodedata.normalize("NFC", clear))
    run = max(_RUN.findall(data), key=len, default=b"")
    if len(run) < HINT:
        pieces = {spelling for spelled in spellings(clear).values() for spelling in spelled}
    else:
        wide = b"\0".join(run[start : start + 1] for start in range(len(run)))
        pieces = {run, wide, run.hex().encode(), wide.hex().encode()}
        pieces.update(_base64(run), _base64(wide + b"\0"), _numbered_run(run[:HINT]))
    if SHORTEST_CLEAR <= len(clear) < SHORTEST:
        pieces.add(_bytes(clear))
    return tuple({piece.lower() for piece in pieces})


def _numbered_run(run: bytes) -> Iterator[bytes]:
    """Yield the result of :func:`_numbered` for ASCII letters and digits."""
    percent = b"%" + run.hex("%").encode()
    yield percent
    for before in (b"\\x", b"\\u00", b";&#x"):
        yield percent.replace(b"%", before).lstrip(b";")
    yield b";".join(b"&#%d" % number for number in run)
