"""The command ``provisioner`` itself: the options before the commands, and how everything ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from provisioner.cli.help import Context, speak
from provisioner.cli.lazy import LazyGroup
from provisioner.cli.session import Session
from provisioner.cli.table import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path


#: What the shell sets when it asks for completions.
_COMPLETION = "_PROVISIONER_COMPLETE"


class Root(LazyGroup):
    """Turns the end of every command into an exit code, and every exception into a message."""

    context_class = Context

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> NoReturn:
        """Run a command line, and exit.

        Args:

            args: What comes after the name of the program; by default, what this process was given.

            more: For click.

            extra: For click.
        """
        from provisioner.cli.stdio import guarded

        given = sys.argv[1:] if args is None else list(args)
        session = Session()
        session.look_ahead(given)
        speak(session.help_text, session.counted_help_text)
        extra |= {"prog_name": "provisioner", "standalone_mode": False, "obj": session}
        with guarded():
            code = self._run(given, session, more, extra)
        sys.exit(code if isinstance(code, int) else 0)

    def _run(self, given: list[str], session: Session, more: tuple[Any, ...], extra: dict[str, Any]) -> Any:
        from provisioner.cli.exits import ExitCode

        try:
            _require_text(given)
            _report_missing_messages(session)
            return super().main(given, *more, **extra)
        except SystemExit as error:  # of a plug-in's command; with a text, the interpreter would print that as it is
            if error.code is None or isinstance(error.code, int):
                return error.code
            session.output.error_line(str(error.code))
            return ExitCode.DEFECT
        except Exception as error:  # the last resort of the program
            from provisioner.cli.failures import report

            session.json = session.json or not {"--json", "--jsonl"}.isdisjoint(given)  # maybe before it was parsed
            return report(error, session)


def _require_text(arguments: Sequence[str]) -> None:
    """Check that what was typed can be stored and shown. Names of files may consist of any bytes.

    Raises:

        InputError: An argument is not text.
    """
    for argument in arguments:
        if argument.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in argument):
            continue
        from pathlib import Path

        if not Path(argument).exists():
            from provisioner.core.api.errors import InputError, Problem
            from provisioner.core.model.text import Text

            message = Text("{argument} is not valid UTF-8", {"argument": argument})
            raise InputError([Problem(field="argument", message=message)])


def _report_missing_messages(session: Session) -> None:
    """Say on a terminal why Turkish is missing. Scripts and the completion of the shell read no such line."""
    if session.language == "en" or _COMPLETION in os.environ or not sys.stderr.isatty():
        return
    from provisioner.catalogue import is_compiled

    if not is_compiled(session.language):
        session.output.error_line(
            "the Turkish messages are not compiled; run 'make messages' in a working copy, or install the package again"
        )


def _kept(attribute: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return a callback that keeps the value of an option in the session."""

    def keep(ctx: click.Context, _: click.Parameter, value: Any) -> Any:
        setattr(ctx.ensure_object(Session), attribute, value)
        return value

    return keep


def _keep_path(ctx: click.Context, _: click.Parameter, value: str | None) -> Path | None:
    if value is None:
        return None
    from pathlib import Path

    path = ctx.ensure_object(Session).config_file = Path(value)
    return path


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"provisioner, {ctx.ensure_object(Session).help_text('version')} {version('unit-provisioner')}")
        ctx.exit()


def _plugin_command(ctx: click.Context, name: str) -> click.Command | None:
    from provisioner.cli.extensions import find_command

    return find_command(ctx.ensure_object(Session), name)


_EPILOG = """\
Plug-ins can add commands. To list them, run 'provisioner plugins'.

Exit codes: 0 done, 1 program error, 2 wrong input, 3 denied, 4 incomplete, 5 unavailable, 6 held.
"""


@click.command(
    cls=Root,
    table=COMMANDS,
    find_other=_plugin_command,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.option(
    "--config",
    metavar="FILE",
    callback=_keep_path,
    help="Configuration file. Default: $PROVISIONER_CONFIG, then ./provisioner.toml.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_kept("json"),
    help="Print one JSON document to stdout and everything else to stderr.",
)
@click.option(
    "--actor",
    metavar="ID",
    callback=_kept("given_actor"),
    help="ID of the person who runs the command. The audit log records it. Default: the operating system user.",
)
@click.option(
    "--lang",
    type=click.Choice(["tr", "en"]),
    callback=_kept("given_language"),
    help="Language of messages and help. Default: from the configuration or the system.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    callback=_kept("verbose"),
    help="Log every action to stderr.",
)
@click.option(
    "--trace-hooks",
    is_flag=True,
    callback=_kept("trace_hooks"),
    help="Log every hook call to stderr, with its arguments, result and duration. Secrets are masked.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def root(**_: object) -> None:
    """Manage the accounts of organisational units on several systems.

    Open, close and hand over accounts and rotate their passwords, on all systems in one step. The audit log records
    every change.
    """
