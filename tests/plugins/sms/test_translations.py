from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import provisioner_sms
from provisioner.core.api import errors
from tests.translations import turkish

PACKAGE = Path(provisioner_sms.__file__).parent
TRANSLATIONS = turkish(PACKAGE)


def literals(node: ast.AST) -> list[str]:
    """The text of a node if it is a literal, or the literals in a conditional or a list."""
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def messages() -> Iterator[str]:
    """Every template that the package raises, answers with or warns of."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: text
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
            for text in literals(node.value)[:1]
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from said_by(node, node.func.id, constants)
            if isinstance(node, ast.FunctionDef) and (node.name == "check" or "warnings" in node.name):
                # A warning says what is wrong and what to do about it.
                yield from (text for text in literals(node) if "; " in text and not text.endswith("."))


def said_by(node: ast.Call, name: str, constants: dict[str, str]) -> Iterator[str]:
    if name.endswith("Error") and hasattr(errors, name):
        yield literals(node.args[0])[0]
    for keyword in node.keywords:
        if keyword.arg == "cure" or (keyword.arg == "detail" and name in {"DeliveryReceipt", "Reply"}):
            if isinstance(keyword.value, ast.Constant):
                yield from literals(keyword.value)
            elif isinstance(keyword.value, ast.Name) and keyword.value.id.isupper():
                yield constants[keyword.value.id]


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_every_message_can_be_said_in_turkish() -> None:
    assert sorted({message for message in messages() if message} - TRANSLATIONS.keys()) == []


def test_no_translation_is_left_of_a_message_that_is_gone() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    every = set(literals(ast.parse(source.replace("from __future__ import annotations", ""))))
    paragraphs = {" ".join(paragraph.split()) for text in every for paragraph in text.split("\n\n")}

    assert sorted(TRANSLATIONS.keys() - every - paragraphs) == []


@pytest.mark.parametrize("template", TRANSLATIONS)
def test_a_translation_has_the_places_of_its_message(template: str) -> None:
    assert places(TRANSLATIONS[template]) == places(template)
