"""Every ``--help`` in both languages, as a person reads it who sees it for the first time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from contextlib import chdir

import click
import pytest

from docs.commands import documented
from provisioner.cli.exits import ExitCode
from provisioner.cli.help import is_example
from provisioner.cli.root import root
from tests.cli.conftest import typed
from tests.docs.test_glossary import RETIRED
from tests.translations import turkish
from update_messages import DOMAINS

COMMANDS = list(documented())
PATHS = ["", *(command.path for command in COMMANDS)]
SUMMARIES = {command.path: command.summary for command in COMMANDS}
EXAMPLES = [
    line.strip()
    for command in COMMANDS
    for paragraph in command.description
    if is_example(paragraph)
    for line in paragraph.splitlines()
]

#: Options that say the same wherever they are.
SHARED = ("--json", "--dry-run", "--state", "--login LOGIN")

#: The words in the first column of the glossary's table of retired words, without those that are common in help.
RETIRED_WORDS = {
    word
    for cell in re.findall(r"^\| ([^|]+) \| [^|]+ \|$", RETIRED, re.MULTILINE)
    for word in cell.split(", ")
    if word not in {"not", "---", "sign", "work", "cause"}
}

Pages = Mapping[tuple[str, str], str]


@pytest.fixture(name="pages", scope="module")
def _pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """What ``--help`` prints, by language and command, on a terminal of 80 columns."""
    with chdir(tmp_path_factory.mktemp("empty")):
        return {(language, path): _page(language, path) for language in ("en", "tr") for path in PATHS}


def _page(language: str, path: str) -> str:
    answer = typed("--lang", language, *path.split(), "--help", env={"COLUMNS": "80"})
    assert answer.code == 0, (path, answer.err)
    return answer.out


def _words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[^\W\d_]{2,}", text)}


def _names(page: str) -> set[str]:
    """Return the words that are the same in every language: those of options, commands, choices and examples."""
    examples = re.findall(r"^ {6}provisioner .*", page, re.MULTILINE)
    options = re.findall(r"--[\w-]+", page)
    choices = re.findall(r"\[[\w|-]+\|[\w|-]+\]", page)
    return _words(" ".join([*PATHS, *options, *choices, *examples]))


def test_lines_fit_the_terminal(pages: Pages) -> None:
    too_long = [(path, line) for (_, path), page in pages.items() for line in page.splitlines() if len(line) > 80]

    assert len(pages) > 120
    assert too_long == []


def test_turkish_has_no_english_word(pages: Pages) -> None:
    """Neither one of ours, nor one of click's."""
    shown = [domain for domain in DOMAINS if domain.name != "provisioner"]
    ours = _words(" ".join(text for domain in shown for text in turkish(domain.package, domain.name).values()))
    english = {
        path: words
        for path in PATHS
        if (words := _words(pages["en", path]) & _words(pages["tr", path]) - ours - _names(pages["en", path]))
    }

    assert english == {}


@pytest.mark.parametrize("path", PATHS)
def test_has_no_retired_word(path: str, pages: Pages) -> None:
    page = pages["en", path]
    found = [word for word in RETIRED_WORDS if re.search(rf"\b{word}\b", page, re.IGNORECASE)]

    assert set(found) <= _names(page)


@pytest.mark.parametrize("path", SUMMARIES)
def test_begins_with_one_short_sentence(path: str) -> None:
    summary = SUMMARIES[path]

    assert re.fullmatch(r"[A-Z][a-z]+,? [^.]+\.", summary)
    assert summary.split()[0] not in {"The", "It", "This", "These", "Each"}
    assert len(summary) <= 62, "one line in the list of commands"


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_front_page_names_every_exit_code(language: str, pages: Pages) -> None:
    _, _, codes = pages[language, ""].rpartition(": 0")

    assert [0, *map(int, re.findall(r"\d+", codes))] == [code.value for code in ExitCode]


@pytest.mark.parametrize("option", SHARED)
def test_an_option_says_the_same_everywhere(option: str) -> None:
    assert len({text for command in COMMANDS for names, text in command.options if names.split(" [")[0] == option}) == 1


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_typed(example: str) -> None:
    program, *words = shlex.split(example)
    command: click.Command = root
    context = root.make_context(program, words, obj=None)
    while isinstance(command, click.Group):
        name, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None
        command, context = below, below.make_context(name, rest, parent=context)
