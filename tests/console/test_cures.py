"""Pages never tell people to run a command."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from string import Formatter

from babel.messages.pofile import read_po

import provisioner
from provisioner.console.cures import _ON_PAGES, on_page
from provisioner.core.model.text import Text

PRODUCT = Path(provisioner.__file__).parent / "locale/tr/LC_MESSAGES/provisioner.po"


def _templates() -> set[str]:
    with PRODUCT.open("rb") as file:
        return set(chain.from_iterable([one.id] if isinstance(one.id, str) else one.id for one in read_po(file)))


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
