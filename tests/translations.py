"""What translators wrote, and catalogues of a test's own."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import NullTranslations
from pathlib import Path


def turkish(package: Path, domain: str = "") -> dict[str, str]:
    """Return the Turkish texts of a package, by the English ones."""
    from babel.messages.pofile import read_po  # the tests of the core also run without it

    file = package / "locale" / "tr" / "LC_MESSAGES" / f"{domain or package.name}.po"
    with file.open("rb") as stream:
        return {str(message.id): str(message.string) for message in read_po(stream) if message.id}


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
