"""Text of others is shown, and does nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.core.model.text import Lines, printable_json, visible

ANYTHING = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Işık Öğüş\u00a0Şubesi", "Işık Öğüş\u00a0Şubesi"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J\x9b2J", "\\x1b[2J\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\x85d"),
        ("\U000e0041\udcff", "\\U000e0041\\udcff"),
    ],
)
def test_what_has_no_shape_is_written_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@settings(deadline=None)
@given(ANYTHING)
def test_shown_text_is_one_line_of_characters_that_can_be_encoded(text: str) -> None:
    shown = visible(text)

    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert visible(shown) == shown


@settings(deadline=None)
@given(st.dictionaries(ANYTHING, ANYTHING, max_size=2))
def test_json_means_the_same_and_is_one_line(value: object) -> None:
    document = printable_json(json.dumps(value, ensure_ascii=False))

    assert json.loads(document) == value
    assert len(document.splitlines()) == 1
    assert document.encode().decode() == document


def test_lines_keep_their_own_line_feeds_only() -> None:
    assert Lines.of(["a\nb", "c"]) == "a\\nb\nc"
