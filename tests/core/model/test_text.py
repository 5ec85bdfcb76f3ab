"""Text of others is shown, and does nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.model.masking import MASK, mask_all
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import (
    DEEPEST,
    LONGEST_VALUE,
    Lines,
    Text,
    Texts,
    as_text,
    printable_json,
    storable,
    visible,
)
from tests.translations import Spoken

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


@given(ANYTHING)
def test_shown_text_is_one_line_of_characters_that_can_be_encoded(text: str) -> None:
    shown = visible(text)

    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert visible(shown) == shown


@given(st.dictionaries(ANYTHING, ANYTHING, max_size=2))
def test_json_means_the_same_and_is_one_line(value: object) -> None:
    document = printable_json(json.dumps(value, ensure_ascii=False))

    assert json.loads(document) == value
    assert len(document.splitlines()) == 1
    assert document.encode().decode() == document


def test_lines_keep_their_own_line_feeds_only() -> None:
    assert Lines.of(["a\nb", "c"]) == "a\\nb\nc"


def restored(text: Text) -> Text:
    """Return *text* after it was stored as JSON and read again."""
    document: dict[str, object] = json.loads(json.dumps(attrs.asdict(storable(text))))
    return as_text(document)


def test_a_message_inside_a_message_is_said_in_the_same_language() -> None:
    turkish = {"{a}: {b}": "{a}; {b}", "it is gone": "gitmiş", "no way": "yol yok"}
    text = Text("{a}: {b}", {"a": Text("it is gone"), "b": Texts([Text("no way"), Text("no way")])})

    assert text.said(Spoken(turkish)) == "gitmiş; yol yok\nyol yok"


class TestCountedMessages:
    """Messages about a number of things."""

    @pytest.mark.parametrize(("count", "said"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys"), (21, "21 keys")])
    def test_have_the_form_of_their_number(self, count: int, said: str) -> None:
        assert str(Text.counted("{count} key", "{count} keys", count=count)) == said

    def test_are_said_in_the_form_that_the_language_has(self) -> None:
        turkish = Spoken({"{count} keys of {who}": "{who}: {count} anahtar"})

        for count in (1, 5):
            text = Text.counted("{count} key of {who}", "{count} keys of {who}", count=count, who="pys")
            assert text.said(turkish) == f"pys: {count} anahtar"

    def test_are_stored_with_both_forms(self) -> None:
        """The number alone decides, also where only one form shows it."""
        text = Text.counted("the key of {who}", "{count} keys of {who}", count=1, who="pys")

        assert restored(text) == text
        assert restored(Text("{inner}", {"inner": text})) == Text("{inner}", {"inner": text})
        assert attrs.asdict(storable(Text("a key"))).keys() == {"template", "values"}

    def test_of_earlier_versions_have_one_form(self) -> None:
        assert str(as_text({"template": "{count} key(s)", "values": {"count": 1}})) == "1 key(s)"

    @pytest.mark.parametrize(
        "stored",
        [
            {"template": "{count} key", "plural": "{lost} keys", "values": {"count": 1}},
            {"template": "{count} key", "plural": "{count", "values": {"count": 1}},
            {"template": "{count} key", "plural": "{count} keys", "values": {}},
        ],
    )
    def test_that_cannot_be_filled_are_shown_as_they_are(self, stored: dict[str, object]) -> None:
        """Another language may want the form that English does not want for this number."""
        assert str(as_text(stored)) == stored["template"]

    def test_keep_their_number_when_secrets_are_masked(self) -> None:
        """A number that became text would be said in the form for many."""
        secret = Secret("Geheim-12345")
        text = Text.counted("{count} key of {who}", "{count} keys of {who}", count=1, who=secret.reveal())

        assert str(mask_all(text)) == f"1 key of {MASK}"


class TestStoredMessages:
    """A message as it is kept in tables and in the audit log."""

    def test_keep_the_template_and_the_values(self) -> None:
        text = Text("{count} of {login}", {"count": 3, "login": "birim0"})

        assert restored(text) == text

    def test_keep_messages_inside_them(self) -> None:
        text = Text("{error}: {lines}", {"error": Text("{a} is down", {"a": "pys"}), "lines": Texts([Text("x y")])})

        assert restored(text) == text

    def test_say_the_same_as_before(self) -> None:
        at = datetime(2026, 3, 1, 12, 30, 0, 999, tzinfo=UTC)
        text = Text("{at} {none} {yes} {none!s}", {"at": at, "none": None, "yes": True})

        assert str(restored(text)) == str(text) == "2026-03-01 12:30:00+00:00 None True None"

    @given(ANYTHING)
    def test_of_earlier_versions_are_finished_sentences(self, sentence: str) -> None:
        """Braces in them come from another system, and are no places."""
        assert str(as_text(sentence)) == sentence

    def test_keep_no_value_that_they_do_not_show(self) -> None:
        """A cure has the values of its message too, which may be long."""
        text = Text("start {host}", {"host": "a", "detail": "a long answer"})

        assert storable(text).values == {"host": "a"}

    def test_do_not_grow_with_what_another_system_says(self) -> None:
        text = storable(Text("{detail}", {"detail": "x" * 10_000_000}))

        assert len(str(text)) == LONGEST_VALUE
        assert str(text).endswith("x…")

    def test_do_not_grow_with_a_template_that_a_plugin_fills_itself(self) -> None:
        text = storable(Text("x{{" * 5000))

        assert len(str(text)) == LONGEST_VALUE
        assert str(restored(text)) == str(text)

    def test_have_no_endless_depth(self) -> None:
        text = Text("a place")
        for _ in range(50):
            text = Text("in {place}", {"place": text})

        depth, kept = 0, storable(text)
        while isinstance(place := kept.values["place"], Text):
            depth, kept = depth + 1, place
        assert (depth, str(storable(text))) == (DEEPEST, str(text))

    @pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400 // 10**100, -(2**60)])
    def test_have_no_number_that_json_readers_change(self, value: float) -> None:
        assert storable(Text("{value}", {"value": value})).values == {"value": str(value)}

    @pytest.mark.parametrize(
        "stored",
        [
            {"template": "{lost} place", "values": {}},
            {"template": "{open", "values": {"open": 1}},
            {"template": "{a.b.c}", "values": {"a": "x"}},
        ],
    )
    def test_that_cannot_be_filled_are_shown_as_they_are(self, stored: dict[str, object]) -> None:
        """A list of operations must not fail at one row."""
        assert str(as_text(stored)) == stored["template"]

    @pytest.mark.parametrize("stored", [{"template": 1, "values": {}}, {"values": {}}, {}])
    def test_of_an_unknown_form_are_shown_all_the_same(self, stored: dict[str, object]) -> None:
        assert str(as_text(stored)) == str(stored)
