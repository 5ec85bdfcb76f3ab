"""Every command that the documentation shows exists, with its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs.commands import DocumentedCommand, documented
from provisioner.cli.lazy import CommandGroup
from provisioner.cli.root import root
from provisioner.cli.table import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for pattern in ("*.md", "docs/**/*.md", "plugins/**/*.md", "examples/**/*.md", "provisioner/**/*.md")
    for page in sorted(ROOT.glob(pattern))
]
KNOWN = {command.path: command for command in documented()}

#: Pages about the past, in which commands may have other names.
PAST = {"CHANGELOG.md"}


def _shown(page: Path) -> Iterator[str]:
    """The command lines in code spans and blocks of a page, from the name of the program on."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```(?:console|sh|text|ini)[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}(provisioner .*)", text, re.MULTILINE)
    spans = re.findall(r"`(provisioner [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [
        *(line for block in blocks for line in block.splitlines()),
        *indented,
        *(" ".join(span.split()) for span in spans),
    ]:
        if found := re.search(r"^[^#]*?(?<![^ /])(provisioner (?:-|[a-z]).*)", line):
            yield re.split(r" [|&>#]+ | \|\| |; |…", found[1])[0]


def _words(line: str) -> list[str]:
    """The words after the name of the program and the options before the command."""
    words = [word.strip("[]()") for word in line.replace("'", "").split()[1:]]
    while words and words[0].startswith("-"):
        takes_value = words[0] in {"--config", "--actor", "--lang"}
        words = words[2 if takes_value else 1 :]
    return words


def _options(command: click.Command | None) -> set[str]:
    parameters = [*(command.params if command else ()), *root.params]
    return {name for option in parameters for name in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}


def _command(words: list[str]) -> DocumentedCommand | None:
    """The command that the words name; ``None`` if there is no such command."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    group = COMMANDS.get(first)
    if f"{first} {second}" in KNOWN or not isinstance(group, CommandGroup):
        return KNOWN.get(f"{first} {second}") or KNOWN.get(first)
    is_group_alone = not second or second.startswith("-") or not second.islower()
    return KNOWN[first] if group.default or is_group_alone else None


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in PAST], ids=lambda page: str(page.relative_to(ROOT))
)
def test_exists(page: Path) -> None:
    wrong = []
    for line in _shown(page):
        words = _words(line)
        if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
            continue
        command = _command(words)
        if command is None:
            wrong.append(line)
            continue
        options = {word.partition("=")[0].strip("[]…,.") for word in words if word.startswith("--")}
        if unknown := options - _options(command.click):
            wrong.append(f"{line}: {unknown}")

    assert wrong == []


def test_the_pages_show_commands() -> None:
    assert sum(len(list(_shown(page))) for page in PAGES) > 150
