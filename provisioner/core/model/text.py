"""Messages in several languages, and external text that is safe to display.

Text from other systems and people can contain characters that a terminal, a log collector or a browser interprets
instead of displaying: control characters, directional marks, line separators. :func:`visible` and
:func:`printable_json` replace them wherever text leaves the program.

A message is stored as its template and its values, so that it can be shown in any language later. :func:`storable`
prepares it, and :func:`as_text` reads it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from gettext import NullTranslations
from string import Formatter
from typing import Protocol, Self

import attrs

#: The maximum number of characters of a stored value.
LONGEST_VALUE = 2000

#: The maximum number of levels of messages inside messages; deeper ones become plain text.
DEEPEST = 4

_ENGLISH = NullTranslations()

#: JSON readers may not keep larger integers exactly.
_LARGEST = 2**53


@lru_cache(maxsize=1024)
def _placeholders(template: str) -> frozenset[str]:
    """Return the names of the placeholders in a template."""
    names = (name for _, name, _, _ in Formatter().parse(template) if name is not None)
    return frozenset(re.split(r"[.\[]", name, maxsplit=1)[0] for name in names)


class Translator(Protocol):
    """Looks up message templates in one language, as the classes of :mod:`gettext` do."""

    def gettext(self, template: str, /) -> str:
        """Return the template in that language, or *template* itself if there is no translation."""

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """Return the plural form for *count* in that language, or else the English one."""


@attrs.frozen
class Text:
    """An English template and the values of its placeholders.

    The template is the key of the translation, so it is always a literal in the code. Everything that varies,
    especially text from another system, is a value.
    """

    #: An English sentence with ``{named}`` placeholders, without a final full stop.
    template: str
    #: The values of the placeholders. Never a secret.
    values: Mapping[str, object] = attrs.field(factory=dict, hash=False)

    def said(self, catalogue: Translator) -> str:
        """Return the sentence in the language of *catalogue*."""
        values = {name: _said(value, catalogue) for name, value in self.values.items()}
        return self._translated(catalogue).format_map(values)

    def __str__(self) -> str:
        return self.said(_ENGLISH)

    @staticmethod
    def counted(singular: str, plural: str, /, *, count: int, **values: object) -> CountedText:
        """Return a message about a number of things.

        Args:

            singular: The template for one, such as ``"{count} account is due"``.

            plural: The template for any other number, such as ``"{count} accounts are due"``.

            count: The number. It is also the value of the place ``{count}``.

            values: What fills the other places. Never a secret.
        """
        return CountedText(singular, {"count": count, **values}, plural=plural)

    @property
    def is_complete(self) -> bool:
        """Whether every placeholder has a value, also in the messages among the values."""
        names = self.values.keys()
        for template in self.templates:
            if not _placeholders(template) <= names:
                return False
        return all(value.is_complete for value in self.values.values() if isinstance(value, Text))

    @property
    def templates(self) -> tuple[str, ...]:
        """Every English template of the message."""
        return (self.template,)

    def changed(self, change: Callable[[str], str], values: Mapping[str, object]) -> Self:
        """Return the message with each template changed, and with these values."""
        return attrs.evolve(self, template=change(self.template), values=values)

    def _translated(self, catalogue: Translator) -> str:
        return self.template and catalogue.gettext(self.template)


@attrs.frozen
class CountedText(Text):
    """A message about a number of things, with a template for one and another for more."""

    #: The template for any other number than one.
    plural: str = attrs.field(kw_only=True)

    @property
    def templates(self) -> tuple[str, ...]:
        """Both English templates."""
        return (self.template, self.plural)

    def changed(self, change: Callable[[str], str], values: Mapping[str, object]) -> Self:
        """Return the message with both templates changed, and with these values."""
        return attrs.evolve(self, template=change(self.template), plural=change(self.plural), values=values)

    def _translated(self, catalogue: Translator) -> str:
        count = self.values.get("count")
        return catalogue.ngettext(self.template, self.plural, count if isinstance(count, int) else 0)


def marked(template: str) -> str:
    """Return a template as it is. Translators find it by this call, where no other call says that it is one."""
    return template


class Texts(tuple[Text, ...]):
    """Several messages, one on each line."""

    __slots__ = ()

    def __str__(self) -> str:
        return Lines.of(map(str, self))


def in_zone(time: datetime, zone: tzinfo = UTC) -> str:
    """Return a time for messages: to the second, and in UTC if the reader is not known."""
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

        message: A template and its values, as in JSON, or a formatted sentence, as earlier versions stored it. Braces
            in a sentence have no meaning.
    """
    match message:
        case Text():
            return message
        case {"template": str(template), "values": dict(values), **more}:
            text = Text(template, {str(name): _read(value) for name, value in values.items()})
            if isinstance(plural := more.get("plural"), str):
                text = CountedText(template, text.values, plural=plural)
            return text if _is_complete(text) else literal(template)
        case _:
            return literal(str(message))


def literal(sentence: str) -> Text:
    """Return a formatted sentence as a message without placeholders."""
    return Text("{sentence}", {"sentence": sentence}) if sentence else Text("")


def storable(text: Text, depth: int = DEEPEST) -> Text:
    """Return *text* in a form that JSON can contain.

    Keeps the values that its template names, as numbers, bounded strings and messages of the same form.

    Args:

        text: The message.

        depth: The number of levels of messages inside it that are stored as messages.
    """
    if max(map(len, text.templates)) > LONGEST_VALUE:
        return literal(_shortened(str(text)))
    places = _places(text)
    return attrs.evolve(
        text, values={name: _storable(text.values[name], depth) for name in text.values if name in places}
    )


def _places(text: Text) -> set[str]:
    fields = (field for template in text.templates for _, field, *_ in Formatter().parse(template) if field)
    own = {"count"} if isinstance(text, CountedText) else set()
    return own | {re.split(r"[.\[]", field)[0] for field in fields}


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
    """Whether every placeholder of the templates has a value."""
    try:
        for template in text.templates:
            template.format_map(text.values)
    except (LookupError, ValueError, TypeError, AttributeError):
        return False
    return True


class Lines(str):
    """Several lines of one message, whose line feeds belong to the product. Create it with :meth:`of`."""

    __slots__ = ()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Self:
        """Return these lines as one text; their content is made visible."""
        return cls("\n".join(map(visible, lines)))


def visible(text: str) -> str:
    r"""Return *text* with each invisible character as an escape such as ``\u202e``.

    Spaces of all widths are kept; line feeds, tabs and all other invisible characters are not.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def printable_json(document: str) -> str:
    """Return an equivalent JSON document without invisible characters.

    Args:

        document: JSON on one line, in which only strings contain such characters.
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
