"""Walks through the click commands, for the pages about the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from gettext import NullTranslations

import attrs
import click

from provisioner.cli import extensions
from provisioner.cli.help import paragraphs, speak
from provisioner.cli.lazy import CommandGroup, CommandSpec, load
from provisioner.cli.table import COMMANDS
from provisioner.services.installed_plugins import installed


@attrs.frozen(kw_only=True)
class DocumentedCommand:
    """One command with all that its ``--help`` shows."""

    #: The words that call it, without the name of the program.
    path: str
    #: One line about it.
    summary: str
    #: The command that takes its options; ``None`` for a group that does nothing by itself.
    click: click.Command | None

    @property
    def usage(self) -> str:
        """The command line, with its arguments."""
        if self.click is None:
            return f"provisioner {self.path} COMMAND"
        pieces = self.click.collect_usage_pieces(click.Context(self.click))
        return " ".join(["provisioner", self.path, *pieces])

    @property
    def description(self) -> Sequence[str]:
        """The paragraphs of its help."""
        return paragraphs((self.click.help if self.click else None) or self.summary)

    @property
    def options(self) -> list[tuple[str, str]]:
        """Each option with its help."""
        return options(self.click) if self.click else []


def options(command: click.Command) -> list[tuple[str, str]]:
    """Return the options of a command with their help, as ``--help`` shows them in English."""
    speak(str, NullTranslations().ngettext)
    context = click.Context(command)
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    return [record for record in records if record]


def documented() -> Iterator[DocumentedCommand]:
    """Yield every command of the product and of the plug-ins that come with it, groups before their commands."""
    for name, entry in COMMANDS.items():
        yield from _of_group(name, entry) if isinstance(entry, CommandGroup) else [_of_spec(name, entry)]
    for plugin in filter(extensions.is_ours, installed()):
        for command in extensions.commands(plugin.name):
            yield from _of_click(command.name, load(command.location))


def _of_group(name: str, group: CommandGroup) -> Iterator[DocumentedCommand]:
    default = load(group.default.location) if group.default else None
    yield DocumentedCommand(path=name, summary=group.help, click=default)
    for below, spec in group.commands.items():
        yield _of_spec(f"{name} {below}", spec)


def _of_spec(path: str, spec: CommandSpec) -> DocumentedCommand:
    return DocumentedCommand(path=path, summary=spec.help, click=load(spec.location))


def _of_click(path: str, command: click.Command) -> Iterator[DocumentedCommand]:
    below = command.commands if isinstance(command, click.Group) else {}
    yield DocumentedCommand(path=path, summary=command.get_short_help_str(200), click=None if below else command)
    for name, child in below.items():
        yield from _of_click(f"{path} {name}", child)
