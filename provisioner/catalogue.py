"""Messages in the reader's language. English is in the code, Turkish in the ``locale`` folder of each package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Self

import attrs

_OWN = Path(__file__).parent
_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)[^{}]*\}")


@attrs.frozen(eq=False)
class Catalogue:
    """Looks up message templates in one language; what it does not know stays English.

    Args:

        translations: Where it looks.
    """

    translations: NullTranslations = attrs.field(factory=NullTranslations, repr=False)

    @classmethod
    def of(cls, language: str, plugins: Iterable[str] = ()) -> Self:
        """Return the messages of the product in a language.

        Args:

            language: ``tr`` or ``en``.

            plugins: The plug-ins whose messages are wanted too, by the names of their entry points.
        """
        return cls(_messages(language, tuple(plugins)))

    @classmethod
    def of_help(cls, language: str) -> Self:
        """Return the texts of ``--help`` and of usage errors in a language, those of click included."""
        return cls(_help_texts(language))

    def gettext(self, template: str, /) -> str:
        """Return the template in this language."""
        said = self.translations.gettext(template) if template else ""
        return said if _places(said) <= _places(template) else template

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """Return the template in this language that fits *count*."""
        said = self.translations.ngettext(singular, plural, count)
        english = singular if count == 1 else plural
        return said if _places(said) <= _places(plural) else english

    def sentence(self, text: str) -> str:
        """Return a sentence in this language. A single word stays: it may be a name."""
        return self.gettext(text) if " " in text else text


@cache
def _messages(language: str, plugins: tuple[str, ...]) -> NullTranslations:
    found = _read(_OWN, "provisioner", language)
    if plugins and language != "en":
        found.add_fallback(_PluginMessages(language, plugins))
    return found


class _PluginMessages(NullTranslations):
    """The messages of plug-ins, which are looked up when one is not the product's: to find plug-ins takes long."""

    def __init__(self, language: str, plugins: tuple[str, ...]) -> None:
        super().__init__()
        self._language, self._plugins = language, plugins

    @cached_property
    def _found(self) -> NullTranslations:
        found = NullTranslations()
        for package in _packages(self._plugins):
            found.add_fallback(_read(_folder(package), package, self._language))
        return found

    def gettext(self, message: str) -> str:
        return self._found.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self._found.ngettext(msgid1, msgid2, n)


@cache
def _help_texts(language: str) -> NullTranslations:
    return _read(_OWN, "help", language)


def is_compiled(language: str) -> bool:
    """Tell whether the messages and the help of the product are there in a language other than English."""
    return all(_file(_OWN, domain, language).is_file() for domain in ("provisioner", "help"))


def _file(package: Path, domain: str, language: str) -> Path:
    return package / "locale" / language / "LC_MESSAGES" / f"{domain}.mo"


def _read(package: Path, domain: str, language: str) -> NullTranslations:
    """Return what the folder of a package has in a language: nothing, where there is no file or it is damaged.

    Somebody is being told of an error, and another one must not hide it.
    """
    try:
        with _file(package, domain, language).open("rb") as stream:
            return GNUTranslations(stream)
    except Exception:
        return NullTranslations()


def _packages(plugins: tuple[str, ...]) -> Iterator[str]:
    from importlib.metadata import entry_points

    from provisioner.core.gateways.plugins import ENTRY_POINT_GROUP

    for entry in entry_points(group=ENTRY_POINT_GROUP):
        package = entry.module.partition(".")[0]
        if entry.name in plugins and package != _OWN.name:
            yield package


def _folder(package: str) -> Path:
    """Return where a package is, without importing it."""
    from importlib.util import find_spec

    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else Path(package)


@lru_cache(maxsize=256)
def _places(template: str) -> frozenset[str]:
    return frozenset(place.group() for place in _PLACE.finditer(template))
