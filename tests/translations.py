"""What translators wrote, and catalogues of a test's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages.catalog import Message


def turkish(package: Path, domain: str = "") -> dict[str, str]:
    """Return the Turkish texts of a package, by the English ones."""
    from babel.messages.pofile import read_po  # the tests of the core also run without it

    file = package / "locale" / "tr" / "LC_MESSAGES" / f"{domain or package.name}.po"
    with file.open("rb") as stream:
        return {english: said for message in read_po(stream) for english, said in _pairs(message)}


def _pairs(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each English text of a message with the Turkish one, which is the same for all numbers."""
    for english in (message.id,) if isinstance(message.id, str) else message.id:
        if english:
            yield english, message.string if isinstance(message.string, str) else (message.string or ("",))[0]


class Spoken(NullTranslations):
    """A language that knows a few messages.

    Args:

        texts: What they are called in it.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def gettext(self, message: str) -> str:
        """Return what *message* is called."""
        return self._texts.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return what *msgid2* is called, whatever the number is."""
        return self._texts.get(msgid2) or super().ngettext(msgid1, msgid2, n)
