"""Whatever the store says can be said in Turkish."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import provisioner.store

FOLDER = Path(provisioner.store.__file__).parent
TURKISH: dict[str, str] = tomllib.loads((FOLDER / "tr.toml").read_text(encoding="utf-8"))


def templates() -> Iterator[str]:
    """Yield what the store says: the messages and cures of its errors, and its findings."""
    for module in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id.endswith(("Error", "Text")):
                texts = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "cure")]
                yield from (str(text.value) for text in texts if isinstance(text, ast.Constant))


def places(template: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_text_is_translated_and_no_other() -> None:
    assert set(templates()) == set(TURKISH)


def test_translations_have_the_same_places() -> None:
    assert {english: places(english) for english in TURKISH} == {
        english: places(turkish) for english, turkish in TURKISH.items()
    }
