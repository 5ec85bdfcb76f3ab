"""Messages that can be said in more than one language, and text of others that is safe to show.

Text that other systems and people supply may hold characters that a terminal, a log collector or a browser obeys
instead of showing them: control characters, directional marks, line separators. :func:`visible` and
:func:`printable_json` replace them wherever text leaves the program.

A message is stored as its template and its values, so that it can be shown in any language later; :func:`storable`
prepares it, and :func:`as_text` reads it back.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from gettext import NullTranslations
from string import Formatter
from typing import Protocol, Self

import attrs

#: How many characters of a value are stored.
LONGEST_VALUE = 2000

#: How many levels of messages inside messages are stored as messages; deeper ones become plain text.
DEEPEST = 4

_ENGLISH = NullTranslations()

#: JSON readers may not keep integers beyond this exact.
_LARGEST = 2**53


class Translator(Protocol):
    """Looks up message templates in one language, as the classes of :mod:`gettext` do."""

    def gettext(self, template: str, /) -> str:
        """Return the template in that language, or *template* itself if it is not translated."""

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """Return the template that fits *count* in that language, or else the English one."""


@attrs.frozen
class Text:
    """An English template and the values that fill it.

    The template is the key of the translation, so it is always a literal in the code; everything that varies, above
    all text that came from another system, is a value.
    """

    #: An English sentence with ``{named}`` places, without a final full stop.
    template: str
    #: What fills the places. Never a secret.
    values: Mapping[str, object] = attrs.field(factory=dict, hash=False)

    def said(self, catalogue: Translator) -> str:
        """Return the sentence in the language of *catalogue*."""
        values = {name: _said(value, catalogue) for name, value in self.values.items()}
        return (self.template and catalogue.gettext(self.template)).format_map(values)

    def __str__(self) -> str:
        return self.said(_ENGLISH)


class Texts(tuple[Text, ...]):
    """Several messages, one on each line."""

    __slots__ = ()

    def __str__(self) -> str:
        return Lines.of(map(str, self))


def in_zone(time: datetime, zone: tzinfo = UTC) -> str:
    """Return a time as messages have it: to the second, and in UTC where nobody knows yet who reads it."""
    return time.astimezone(zone).isoformat(sep=" ", timespec="seconds")


def _said(value: object, catalogue: Translator) -> object:
    match value:
        case Text():
            return value.said(catalogue)
        case Texts():
            return Lines.of(line.said(catalogue) for line in value)
        case datetime():
            return in_zone(value)
    return value


def as_text(message: str | Text | Mapping[str, object]) -> Text:
    """Return a message that was stored.

    Args:

        message: A template and its values, as JSON has them, or a finished sentence, as earlier versions stored it.
            Braces in a sentence mean nothing.
    """
    match message:
        case Text():
            return message
        case {"template": str(template), "values": dict(values)}:
            text = Text(template, {str(name): _read(value) for name, value in values.items()})
            return text if _is_complete(text) else literal(template)
        case _:
            return literal(str(message))


def literal(sentence: str) -> Text:
    """Return a finished sentence as a message; there is nothing in it to fill."""
    return Text("{sentence}", {"sentence": sentence}) if sentence else Text("")


def storable(text: Text, depth: int = DEEPEST) -> Text:
    """Return *text* as JSON can hold it.

    The values that its template names are kept, as numbers, bounded strings and messages of the same form.

    Args:

        text: The message.

        depth: How many levels of messages inside it are stored as messages.
    """
    if len(text.template) > LONGEST_VALUE:
        return literal(_shortened(str(text)))
    places = _places(text.template)
    return Text(text.template, {name: _storable(text.values[name], depth) for name in text.values if name in places})


def _places(template: str) -> set[str]:
    return {re.split(r"[.\[]", field)[0] for _, field, *_ in Formatter().parse(template) if field}


def _storable(value: object, depth: int) -> object:
    match value:
        case Text() if depth:
            return storable(value, depth - 1)
        case Texts() if depth:
            return Texts(storable(line, depth - 1) for line in value)
        case datetime():
            return in_zone(value)
        case int() | float() if math.isfinite(value) and abs(value) <= _LARGEST:
            return value
    return _shortened(str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _read(value: object) -> object:
    match value:
        case dict():
            return _as_line(value)
        case list():
            return Texts(map(_as_line, value))
        case str() | int() | float():
            return value
    return str(value)


def _as_line(value: object) -> Text:
    return as_text(value if isinstance(value, dict) else str(value))


def _is_complete(text: Text) -> bool:
    """Whether every place of the template can be filled."""
    try:
        str(text)
    except (LookupError, ValueError, TypeError, AttributeError):
        return False
    return True


class Lines(str):
    """Several lines of one message, whose line feeds are the product's own. Make it with :meth:`of`."""

    __slots__ = ()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Self:
        """Return these lines as one text; what is in them is made visible."""
        return cls("\n".join(map(visible, lines)))


def visible(text: str) -> str:
    r"""Return *text* with each character that is not shown as itself written as an escape such as ``\u202e``.

    Blanks of all widths stay; line feeds, tabs and everything else that has no shape do not.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def printable_json(document: str) -> str:
    """Return a JSON document that means the same and has no character that is not shown as itself.

    Args:

        document: JSON on one line, in which only strings hold such characters.
    """
    return document if document.isprintable() else "".join(map(_json_escape, document))


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _visible(sign: str) -> str:
    return sign if _is_shown(sign) else sign.encode("unicode_escape").decode()


def _json_escape(sign: str) -> str:
    if _is_shown(sign):
        return sign
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
