"""Messages in the reader's language. English is in the code, Turkish in the ``tr.toml`` of each package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec

import attrs

#: Where the product's own messages are: those of its parts that have a file of their own, and all others.
PARTS = (".", "store", "demo", "rules")

#: How many characters of its own a template needs to be recognised in a message that was filled in.
LEAST_TELLING = 8

_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)[^{}]*\}")


@attrs.frozen(eq=False, slots=False)
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

    def again(self, message: str) -> str:
        """Return a message that was filled in and stored in English, such as a step's error, in this language."""
        for pattern, template in self._patterns:
            if found := pattern.fullmatch(message):
                return template.format_map({name: self.again(value) for name, value in found.groupdict().items()})
        return message

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """What each filled-in template looks like, the most telling first. A single word may be a name."""
        telling = {template: len(_PLACE.sub("", template)) for template in self.templates if " " in template}
        ordered = sorted(
            (one for one in telling if telling[one] >= LEAST_TELLING), key=telling.__getitem__, reverse=True
        )
        return [(_pattern(english), self.templates[english]) for english in ordered]


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


def _pattern(template: str) -> re.Pattern[str]:
    pieces: list[str] = []
    names: set[str] = set()
    end = 0
    for place in _PLACE.finditer(template):
        pieces += [re.escape(template[end : place.start()]), _place_pattern(place, names)]
        end = place.end()
    return re.compile("".join([*pieces, re.escape(template[end:])]), re.DOTALL)


def _place_pattern(place: re.Match[str], names: set[str]) -> str:
    name = place.group(1)
    if name is None:
        return re.escape(place.group()[0])
    if name in names:
        return f"(?P={name})"
    names.add(name)
    return f"(?P<{name}>.*)"
