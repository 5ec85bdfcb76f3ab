"""Groups whose commands are imported when they are used, so that ``--help`` is quick."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from provisioner.cli.help import localized
from provisioner.cli.session import Session


class CommandSpec(NamedTuple):
    """One command that is not imported yet."""

    #: One line for the help of its group.
    help: str
    #: Where the click command is, as ``package.module:attribute``.
    location: str


class CommandGroup(NamedTuple):
    """A group of commands."""

    help: str
    commands: Mapping[str, CommandSpec]
    #: What is meant when none of these is named, as in ``handover LOGIN`` beside ``handover list``.
    default: CommandSpec | None = None


def load(location: str) -> click.Command:
    """Import the click command at ``package.module:attribute``.

    If the process has collected no garbage so far, it begins to do so, but never searches what was imported.
    """
    module, _, attribute = location.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    return command


class LazyGroup(click.Group):
    """A group that knows the names and the help of its commands without importing them.

    Args:

        table: The commands, by name, in the order in which they are listed.

        find_other: Finds a command that is not in the table.
    """

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, CommandSpec | CommandGroup],
        find_other: Callable[[click.Context, str], click.Command | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        self.find_other = find_other

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        command = self._find(ctx, cmd_name)
        return localized(command) if command else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. If there is none, the error names the one that was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise
        except click.UsageError as error:
            from difflib import get_close_matches

            for meant in get_close_matches(args[0], self.table, n=1):
                hint = ctx.ensure_object(Session).output.text("Did you mean '{command}'?", command=meant)
                raise click.UsageError(f"{error.message} {hint}", ctx) from None
            raise

    def _find(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        match self.table.get(cmd_name):
            case CommandSpec() as entry:
                return load(entry.location)
            case CommandGroup(help=text, commands=table, default=CommandSpec() as entry):
                return DefaultGroup(cmd_name, help=text, table=table, default=entry)
            case CommandGroup() as family:
                return LazyGroup(cmd_name, help=family.help, table=family.commands)
        return self.find_other(ctx, cmd_name) if self.find_other else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """List the commands with the help in the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.table.items()])


class DefaultGroup(LazyGroup):
    """A group that does something itself when none of its commands is named.

    Args:

        default: What it then does.
    """

    def __init__(self, *args: Any, default: CommandSpec, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put an empty name, which nobody can have typed, before what is not for one of the commands."""
        own = args and args[0] not in {*self.table, *ctx.help_option_names}
        return super().parse_args(ctx, ["", *args] if own else args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; the empty name is that of the default."""
        return super().get_command(ctx, cmd_name) if cmd_name else localized(load(self._default.location))

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say how the default is used, and how the commands are."""
        formatter.write_usage(ctx.command_path, " ".join(load(self._default.location).collect_usage_pieces(ctx)))
        super().format_usage(ctx, formatter)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Describe the default."""
        load(self._default.location).format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options of the default before the commands."""
        load(self._default.location).format_options(ctx, formatter)
        self.format_commands(ctx, formatter)
