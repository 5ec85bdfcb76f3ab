"""The glossary names what exists, and the pages use its words."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from docs.commands import documented
from provisioner.core.api import hookspecs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS, _, RETIRED = PAGE.partition("## Words that are no longer used")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TERMS.splitlines() if line.startswith("| ")][
    1:
]

#: Retired words that have no other use in prose.
WORDS = re.compile(
    r"\b(?:trails?|logbook|held back|hold(?:s|ing)? back|left alone|passed over|driv(?:e|es|en|ing) on|unwind"
    r"|tak(?:e|es|en|ing) back|who(?:so)?ever|herald|answerable|stand(?:s|ing)?[- ]in for|stand-in|anew|mend(?:s|ed)?"
    r"|sightings?|himself|herself)\b",
    re.IGNORECASE,
)
#: The folders of which the prose is checked.
FOLDERS = ("provisioner", "plugins", "examples", "docs")
PAGES = [
    page
    for page in (
        *sorted(ROOT.glob("*.md")),
        *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("*.md"))),
    )
    if page.name != "glossary.md"
]
MODULES = [module for folder in FOLDERS for module in sorted((ROOT / folder).rglob("*.py"))]
CATALOGUES = [catalogue for folder in FOLDERS for catalogue in sorted((ROOT / folder).rglob("*.po"))]


def docstrings(module: Path) -> Iterator[str]:
    """Yield the docstrings of a module and of all that is in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def comments(module: Path) -> Iterator[str]:
    """Yield the comments of a module."""
    with module.open("rb") as stream:
        yield from (token.string for token in tokenize.tokenize(stream.readline) if token.type == tokenize.COMMENT)


def retired(text: str) -> list[str]:
    """Return the retired words in a text, without those in code."""
    return WORDS.findall(re.sub(r"```.*?```|``?[^`]*``?", "", text, flags=re.DOTALL))


def classes() -> set[str]:
    """The names of all classes of the product."""
    return {
        node.name
        for path in (ROOT / "provisioner").rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }


def test_terms_are_sorted_and_unique() -> None:
    terms = [row[0] for row in ROWS]

    assert len(terms) > 50
    assert terms == sorted(set(terms), key=str.casefold)


def test_every_term_has_a_meaning_in_both_languages() -> None:
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []


def test_no_word_has_two_meanings_in_turkish() -> None:
    turkish = [row[1] for row in ROWS]

    assert len(turkish) == len(set(turkish))


def test_every_class_command_and_hook_exists() -> None:
    paths = {f"provisioner {command.path}" for command in documented()}
    known = classes() | paths | set(vars(hookspecs)) | {"--actor", "--dry-run"}

    assert [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[3]) if name not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_no_retired_word(page: Path) -> None:
    assert retired(page.read_text(encoding="utf-8")) == []


def test_docstrings_and_comments_use_no_retired_word() -> None:
    found = [
        (str(module.relative_to(ROOT)), word)
        for module in MODULES
        for text in (*docstrings(module), *comments(module))
        for word in retired(text)
    ]

    assert found == []


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: catalogue.stem)
def test_messages_and_help_use_no_retired_word(catalogue: Path) -> None:
    with catalogue.open("rb") as stream:
        messages = [message.id for message in read_po(stream) if message.id]

    assert [
        text for message in messages for text in ((message,) if isinstance(message, str) else message) if retired(text)
    ] == []


def test_the_checks_can_fail() -> None:
    assert retired("Whoever carries on anew") == ["Whoever", "anew"]
    assert len(MODULES) > 200
    assert len(CATALOGUES) > 4
