"""The glossary names what exists, and the pages use its words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs.commands import documented
from provisioner.core.api import hookspecs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS, _, RETIRED = PAGE.partition("## Words that are no longer used")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TERMS.splitlines() if line.startswith("| ")][
    1:
]

#: Retired words that have no other use in a manual.
WORDS = re.compile(
    r"\b(?:trails?|logbook|held back|left alone|driv\w+ on|unwind|take[ns]? back|whoever|herald|answerable|stand-in)\b",
    re.IGNORECASE,
)
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if page.name != "glossary.md" and "Generated from" not in page.read_text(encoding="utf-8")[:300]
]


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
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert WORDS.findall(text) == []
