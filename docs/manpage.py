"""Generates the man page ``docs/provisioner.1`` from the click commands. The wheel installs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docs.commands import DocumentedCommand, documented, options
from docs.docstrings import comments
from provisioner.cli.exits import ExitCode
from provisioner.cli.help import is_example, paragraphs
from provisioner.cli.root import root


def page() -> str:
    """Return the whole page, as roff."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield '.\\" Generated from the commands by python -m docs; change those.'
    yield '.TH PROVISIONER 1 "" "provisioner" "User Commands"'
    yield from _section("NAME", ["provisioner \\- manage the accounts of organisational units on several systems"])
    yield from _section("SYNOPSIS", [".B provisioner", "[OPTIONS] COMMAND [ARGS]..."])
    yield from _section(
        "DESCRIPTION", [line for text in paragraphs(root.help or "") for line in (*_paragraph(text), ".PP")]
    )
    yield from _section("OPTIONS", _list(options(root)))
    yield from _section("COMMANDS", [line for command in documented() for line in _command(command)])
    yield from _section("EXIT STATUS", _list((str(code.value), comments(ExitCode)[code.name]) for code in ExitCode))
    yield from _section("ENVIRONMENT", _list([("PROVISIONER_CONFIG", "The configuration file.")]))
    yield from _section("FILES", _list([("./provisioner.toml", "The configuration file if no other is named.")]))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f'.SH "{title}"'
    yield from lines


def _command(command: DocumentedCommand) -> Iterator[str]:
    yield f'.SS "{_text(command.usage)}"'
    for paragraph in command.description:
        yield from (*_paragraph(paragraph), ".PP")
    yield from _list(command.options)


def _paragraph(paragraph: str) -> Iterator[str]:
    if is_example(paragraph):
        yield from (".EX", *(f"  {_text(line)}" for line in paragraph.splitlines()), ".EE")
    else:
        yield _text(paragraph)


def _list(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in rows:
        yield from (".TP", f"\\fB{_text(term)}\\fR", _text(text))


def _text(text: str) -> str:
    """Return running text as roff: characters that mean something to roff stand for themselves."""
    escaped = " ".join(text.replace("`", "").split()).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
