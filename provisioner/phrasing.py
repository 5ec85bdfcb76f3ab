"""Says messages in one language, with times as people write them where they are, for terminals and for pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.catalogue import Catalogue
from provisioner.core.model.text import Lines, Text, Texts, visible

#: A time in a message that was stored, as :func:`provisioner.core.model.text.in_zone` writes it.
_TIME = re.compile(r"(?<![\w/.:-])\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:Z|\+00:00)(?![\w/:-])")

#: Values that are one of our own words, such as the state of an account.
_WORDS = frozenset({"kind", "state"})


@attrs.frozen(kw_only=True)
class Phrasing:
    """Says messages in one language.

    Args:

        catalogue: The messages in that language.

        time: Returns a time as people write it where they are.
    """

    catalogue: Catalogue
    time: Callable[[datetime], str]

    def text(self, template: str | Text, /, **values: object) -> str:
        """Return a sentence: of a template and its values, or of a message. What the values hold is made visible."""
        if isinstance(template, Text):
            return self.said(template)
        shown = {name: one if isinstance(one, (int, float)) else self._shown(one) for name, one in values.items()}
        return Text(template, shown).said(self.catalogue)

    def said(self, text: Text) -> str:
        """Return a message, with what it quotes of our own. Its values are made visible."""
        values = {name: self._said_value(name, value) for name, value in text.values.items()}
        return attrs.evolve(text, values=values).said(self.catalogue)

    def translated(self, sentence: str) -> str:
        """Return a sentence that a message quotes, with times where people are."""
        said = self.catalogue.sentence(sentence)
        return _TIME.sub(lambda time: self.time(datetime.fromisoformat(time.group())), said)

    def word(self, value: StrEnum) -> str:
        """Return a state or a kind."""
        return self.catalogue.gettext(value.value).replace("_", " ")

    def _shown(self, value: object) -> str:
        return self.time(value) if isinstance(value, datetime) else visible(str(value))

    def _said_value(self, name: str, value: object) -> str | int:
        if isinstance(value, Lines):
            return Lines.of(map(self.translated, value.split("\n")))
        if isinstance(value, Texts):
            return Lines.of(map(self.said, value))
        if isinstance(value, Text):
            return self.said(value)
        if isinstance(value, datetime):
            return self.time(value)
        if isinstance(value, int):
            return value
        return visible(self.catalogue.gettext(str(value)) if name in _WORDS else self.translated(str(value)))
