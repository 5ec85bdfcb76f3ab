"""Filters of templates fold Turkish letters, and give names no character that means something in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner_ldap.filters import ascii_, filtered, lower, slug, upper

TURKISH = "abcçdefgğhıijklmnoöprsştuüvyzABCÇDEFGĞHIİJKLMNOÖPRSŞTUÜVYZâîûÂÎÛ"
TEXTS = st.text() | st.text(alphabet=TURKISH + " ,+-.'\"")


def test_turkish_letters_become_the_letters_without_marks() -> None:
    assert ascii_("çğıİöşü ÇĞIİÖŞÜ") == "cgiIosu CGIIOSU"
    assert ascii_("Âli Kâmil Hâlâ") == "Ali Kamil Hala"


def test_a_letter_of_two_characters_is_folded_too() -> None:
    """Files from a Mac have ``ş`` as ``s`` and a mark."""
    assert ascii_("s\N{COMBINING CEDILLA}I\N{COMBINING DOT ABOVE}") == "sI"
    assert lower("I\N{COMBINING DOT ABOVE}L") == "il"


def test_case_follows_turkish() -> None:
    assert lower("IŞIK İLKOKULU") == "ışık ilkokulu"
    assert upper("ışık ilkokulu") == "IŞIK İLKOKULU"


@pytest.mark.parametrize("names", [("ascii", "lower"), ("lower", "ascii"), ("slug",), ("slug", "lower")])
def test_case_and_folding_give_ascii_in_any_order(names: tuple[str, ...]) -> None:
    """``lower`` after ``ascii`` must not make an ``ı`` of ``I``."""
    assert filtered("IŞIK", names) == "isik"


def test_words_of_an_identifier_are_separated_by_hyphens() -> None:
    assert slug(" 12 Şubat İlkokulu (Merkez)! ") == "12-subat-ilkokulu-merkez"


@given(TEXTS)
def test_folding_is_idempotent_and_ascii(text: str) -> None:
    folded = ascii_(text)

    assert folded.isascii()
    assert ascii_(folded) == folded


@given(TEXTS)
def test_an_identifier_has_nothing_that_a_name_or_an_address_would_have_to_escape(text: str) -> None:
    found = slug(text)

    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", found)
    assert slug(found) == found


@given(st.text(alphabet=TURKISH))
def test_case_of_turkish_text_comes_back(text: str) -> None:
    assert upper(lower(text)) == upper(text)
    assert lower(upper(text)) == lower(text)
