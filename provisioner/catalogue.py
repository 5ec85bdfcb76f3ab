"""Messages in the reader's language. English is in the code, Turkish in the ``tr.toml`` of each package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec

import attrs

#: Where the product's own messages are: those of its parts that have a file of their own, and all others.
PARTS = (".", "store", "demo", "rules")

_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)[^{}]*\}")


@attrs.frozen(eq=False)
class Catalogue:
    """Looks up message templates in one language; what it does not know stays English.

    Args:

        templates: The translations, by English template.
    """

    templates: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @classmethod
    def of(cls, language: str, plugins: Iterable[str] = ()) -> Catalogue:
        """Return the catalogue of a language.

        Args:

            language: ``tr`` or ``en``.

            plugins: The plug-ins whose messages are wanted too, by the names of their entry points.
        """
        return _load(language, tuple(plugins))

    def __call__(self, template: str, /) -> str:
        """Return the template in this language."""
        return self.templates.get(template, template)

    def sentence(self, text: str) -> str:
        """Return a sentence in this language. A single word stays: it may be a name."""
        return self(text) if " " in text else text


@cache
def _load(language: str, plugins: tuple[str, ...]) -> Catalogue:
    if language == "en":
        return Catalogue()
    own = resources.files("provisioner")
    folders = [*(own / part for part in PARTS), *map(resources.files, _packages(plugins))]
    return Catalogue({english: said for folder in folders for english, said in _read(folder / f"{language}.toml")})


def _read(file: Traversable) -> Iterator[tuple[str, str]]:
    """Yield what can be used of a file: whoever is being told of an error must not meet another one in its words."""
    with suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        for english, said in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if isinstance(said, str) and _places(english) == _places(said):
                yield english, said


def _packages(plugins: tuple[str, ...]) -> Iterator[str]:
    from importlib.metadata import entry_points

    from provisioner.core.gateways.plugins import ENTRY_POINT_GROUP

    for entry in entry_points(group=ENTRY_POINT_GROUP) if plugins else ():
        package = entry.module.partition(".")[0]
        if entry.name in plugins and find_spec(package):
            yield package


def _places(template: str) -> set[str]:
    return {place.group() for place in _PLACE.finditer(template)}
