"""Messages that can be said in more than one language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs


class Catalogue(Protocol):
    """Looks up a message template in one language."""

    def __call__(self, template: str, /) -> str:
        """Return the template in the catalogue's language, or *template* itself if it has none."""


@attrs.frozen
class Text:
    """An English template and the values that fill it.

    The template is the key of the translation, so it is always a literal in the code; everything that varies, above
    all text that came from another system, is a value.
    """

    #: An English sentence with ``{named}`` places, without a final full stop.
    template: str
    #: What fills the places. Never a secret.
    values: Mapping[str, object] = attrs.field(factory=dict)

    def said(self, catalogue: Catalogue) -> str:
        """Return the sentence in the language of *catalogue*."""
        return catalogue(self.template).format_map(self.values)

    def __str__(self) -> str:
        return self.template.format_map(self.values)
