"""Everything the plug-in says is there in Turkish."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import provisioner_pys
from tests.translations import turkish

PACKAGE = Path(provisioner_pys.__file__).parent
CATALOGUE = turkish(PACKAGE)


def templates() -> Iterator[str]:
    """Yield the literal first argument and the ``cure`` of each error and text, and the warnings."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and is_message(node.func):
                cures = [keyword.value for keyword in node.keywords if keyword.arg == "cure"]
                for argument in (*node.args[:1], *cures):
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "in_the_clear":
                yield ast.literal_eval(node.value)


def is_message(function: ast.expr) -> bool:
    name = ast.unparse(function)
    return name.endswith("Error") or name in {"Text", "kind", "output.note", "output.text"}


def places(template: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def helps() -> Iterator[str]:
    """Yield what the help of the commands may say: every text of their module, by paragraphs."""
    for node in ast.walk(ast.parse((PACKAGE / "cli.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (" ".join(paragraph.split()) for paragraph in node.value.split("\n\n"))


def test_nothing_is_untranslated_and_nothing_is_left_over() -> None:
    messages = set(templates())

    assert messages <= CATALOGUE.keys()
    assert CATALOGUE.keys() - messages <= set(helps())


def test_the_places_are_the_same() -> None:
    assert {key: places(key) for key in CATALOGUE} == {key: places(value) for key, value in CATALOGUE.items()}
