"""``--help`` and usage errors in the reader's language: our texts, and those of click."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from inspect import cleandoc
from typing import Any

import click

from provisioner.cli.session import Session

Translate = Callable[[str], str]

#: Names of values, such as FILE in ``--config FILE``.
VALUE_NAMES = re.compile(r"(?<![\w%$-])[A-Z](?:[A-Z-]*[A-Z])?\b")

#: The first quoted word of an error: the parameter that it is about.
_QUOTED = re.compile(r"'[^']*'")

#: Where click looks its texts up.
_MODULES = (
    click.core,
    click.decorators,
    click.exceptions,
    click.formatting,
    click.parser,
    click.termui,
    click.types,
)

#: What tells click to keep the lines of a paragraph.
_UNWRAPPED = "\b\n"

#: A text that click keeps once it was asked for. The formatter translates it.
_KEPT = "Show this message and exit."


class Formatter(click.HelpFormatter):
    """Writes help in the reader's language.

    Args:

        translate: Returns a text in that language, or the text itself.
    """

    def __init__(self, translate: Translate, **more: Any) -> None:
        super().__init__(**more)
        self._translate = translate

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is used, with the names of its values translated."""
        super().write_usage(prog, value_names(args, self._translate), prefix)

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        super().write_heading(self._translate(heading))

    def write_text(self, text: str) -> None:
        """Write paragraphs, each of which is one text of the catalogue, and examples as they are."""
        super().write_text("\n\n".join(self._paragraph(paragraph) for paragraph in paragraphs(text)))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write options or commands with their help."""
        said = [(value_names(names, self._translate), self._help(text)) for names, text in rows]
        super().write_dl(said, col_max, col_spacing)

    def _paragraph(self, text: str) -> str:
        return f"{_UNWRAPPED}{text}" if is_example(text) else self._translate(text)

    def _help(self, text: str) -> str:
        """Return a help text; what click added to it in brackets is translated already."""
        own, gap, added = text.rpartition("  [")
        return f"{self._translate(own)}{gap}{added}" if gap else self._translate(text)


class Context(click.Context):
    """The context of every command; its help is in the language of the session."""

    @property
    def command_path(self) -> str:
        """The names of the command and of the groups above it, without the empty name of a group's default."""
        return " ".join(super().command_path.split())

    def make_formatter(self) -> click.HelpFormatter:
        """Return what writes the help."""
        translate = self.ensure_object(Session).help_text
        return Formatter(translate, width=self.terminal_width, max_width=self.max_content_width)


def localized(command: click.Command) -> click.Command:
    """Make a command, and all below it, show help in the language of the session."""
    command.context_class = Context
    command.short_help = command.short_help or next(iter(paragraphs(command.help or "")), None)
    for below in getattr(command, "commands", {}).values():
        localized(below)
    return command


def speak(translate: Translate, choose: Callable[[str, str, int], str]) -> None:
    """Let click say its own texts in the reader's language.

    click looks them up in the gettext domain of the whole process, whose language is in environment variables that
    other programs inherit. Replacing the look-up needs neither.

    Args:

        translate: Returns a text in that language.

        choose: Returns the text for a number, of the one for one and the one for many.
    """

    def one(text: str) -> str:
        return text if text == _KEPT else translate(text)

    for module in _MODULES:
        vars(module).update(_=one, ngettext=choose)


def value_names(text: str, translate: Translate) -> str:
    """Return *text* with the names of values in it translated."""
    return VALUE_NAMES.sub(lambda name: translate(name.group()), text)


def error_message(error: click.ClickException, translate: Translate) -> str:
    """Return what a usage error says, with the name of the parameter translated."""
    message = error.format_message().replace("\t", "  ")
    if isinstance(error, click.BadParameter):
        return _QUOTED.sub(lambda found: value_names(found.group(), translate), message, count=1)
    return message


def paragraphs(text: str) -> Sequence[str]:
    """Return the paragraphs of a help text, each on one line. Indented paragraphs are examples and keep their lines."""
    return [
        paragraph if is_example(paragraph) else " ".join(paragraph.split())
        for paragraph in cleandoc(text).split("\n\n")
        if paragraph.strip()
    ]


def is_example(paragraph: str) -> bool:
    """Tell whether a paragraph consists of command lines, which are the same in every language."""
    return paragraph.startswith(" ")
