"""Generates ``docs/reference/cli.md`` from the click commands."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

from docs.commands import DocumentedCommand, documented, options
from docs.docstrings import comments, table
from provisioner.cli.exits import ExitCode
from provisioner.cli.help import is_example, paragraphs
from provisioner.cli.root import root


def page() -> str:
    """Return the whole page."""
    meanings = comments(ExitCode)
    parts = [
        "# Command line",
        "<!-- Generated from the commands by `python -m docs`; change those. -->",
        *paragraphs(root.help or ""),
        _code("provisioner [OPTIONS] COMMAND …"),
        (
            "Scripts can rely on the names of commands and options, the exit codes and the JSON. [JSON](json.md) "
            "describes the documents that `--json` prints. You can repeat commands that change something: they skip "
            "work that is already done. `account rotate` and `target rotate-credential` set a new password each time."
        ),
        "## Options before the command",
        _table(options(root)),
        "## Exit codes",
        table(("code", "meaning"), *((str(code.value), meanings[code.name]) for code in ExitCode)),
        *(part for command in documented() for part in _command(command)),
    ]
    return "\n\n".join(parts) + "\n"


def _command(command: DocumentedCommand) -> Iterator[str]:
    level = "##" if " " not in command.path else "###"
    yield f"{level} {command.path}"
    yield from (_example(text) if is_example(text) else text for text in command.description)
    yield _code(command.usage)
    if command.options:
        yield _table(command.options)


def _example(paragraph: str) -> str:
    return _code(dedent(paragraph))


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _table(rows: list[tuple[str, str]]) -> str:
    return table(("option", "meaning"), *((f"`{names}`", text) for names, text in rows))
