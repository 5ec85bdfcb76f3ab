"""Pages never tell people to run a command."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from string import Formatter

from babel.messages.pofile import read_po

import provisioner
from provisioner.catalogue import Catalogue
from provisioner.console.cures import _ON_PAGES, as_on_pages, on_page
from provisioner.console.visit import PagePhrasing
from provisioner.core.model.text import Text

PACKAGE = Path(provisioner.__file__).parent

#: Whose messages pages show.
SHOWN = ("core", "services", "store", "net")

#: Modules whose messages no page shows.
NOT_SHOWN = (
    "core/gateways/password_practice.py",
    "core/reconcile/adoption.py",
    "services/credentials.py",
    "services/deliveries.py",
    "services/health_check/",
    "services/persons.py",
)

#: Names of what holds cures or notices, and doesn't say so.
CURES = ("_ask", "_LATER", "_DIGEST")

PRODUCT = Path(provisioner.__file__).parent / "locale/tr/LC_MESSAGES/provisioner.po"


def _templates() -> set[str]:
    with PRODUCT.open("rb") as file:
        return set(chain.from_iterable([one.id] if isinstance(one.id, str) else one.id for one in read_po(file)))


def _messages() -> Iterator[tuple[Path, str]]:
    """Yield the strings of modules whose messages pages show which name a command, without cures and docstrings."""
    for file in sorted(one for folder in SHOWN for one in (PACKAGE / folder).rglob("*.py")):
        if file.relative_to(PACKAGE).as_posix().startswith(NOT_SHOWN):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        aside = {id(one) for found in ast.walk(tree) for one in ast.walk(found) if _is_aside(found)}
        yield from (
            (file, one.value)
            for one in ast.walk(tree)
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in aside
            if _names_a_command(one.value)
        )


def _is_aside(node: ast.AST) -> bool:
    """Whether a node holds a cure, or a docstring."""
    match node:
        case ast.keyword(arg="cure"):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return "cure" in name.lower() or name in CURES
        case ast.FunctionDef(name=name):
            return "cure" in name or name in CURES
        case ast.Expr(value=ast.Constant()):
            return True
    return False


def _names_a_command(text: str) -> bool:
    return "'provisioner " in text or " --" in text or "command again" in text


def test_no_message_on_a_page_names_a_command() -> None:
    """People with pages couldn't run it."""
    shown = [(file.name, text, as_on_pages(_filled(text))) for file, text in _messages()]

    assert [(name, text) for name, text, message in shown if _names_a_command(str(message))] == []


def test_a_message_inside_another_one_is_said_for_pages_too() -> None:
    """An error of a channel quotes why it may not send to a person."""
    inner = Text("{person} has no other mobile number; import one with 'provisioner person import'", {"person": "7"})
    phrasing = PagePhrasing(catalogue=Catalogue.of("en", ()), time=str)

    assert phrasing.text(Text("{reason}", {"reason": inner})) == "7 has no other mobile number"


def _filled(template: str) -> Text:
    return Text(template, {name: "x" for _, name, _, _ in Formatter().parse(template) if name})


def test_no_cure_on_a_page_is_a_command() -> None:
    shown = [str(on_page(_filled(template))) for template in _templates()]

    assert [text for text in shown if "'provisioner " in text or " --" in text] == []


def test_cures_for_pages_replace_messages_that_exist() -> None:
    """A cure with new words would have no replacement any more, and nobody would notice."""
    assert _ON_PAGES.keys() <= _templates()


def test_a_cure_without_a_command_stays() -> None:
    cure = Text("it can be done by {people}", {"people": "provisioner.example"})

    assert on_page(cure) == cure
