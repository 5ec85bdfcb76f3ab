"""Two identifiers that look alike are the same, and none changes how the text around it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.model.identifiers import code_objection, name_objection
from provisioner.core.model.text import visible

GOOD = ["il-mem", "46_tem.1", "754321", "şçğıöü-ŞÇĞİÖÜ", "âîû", "José", "_x"]
#: Ends of alphabets and signs that look like those of a code, or cannot be seen.
BAD = [
    "\u0456l-mem",  # a Cyrillic letter
    "\u0441\u043e\u0435",  # a whole word in Cyrillic that reads "coe"
    "\u0391R-GE",  # Greek Alpha
    "\u0661\u0662\u0663",  # Arabic digits
    "100\u06f1",  # an extended Arabic digit
    "\uff11001",  # a full-width digit
    "\u0251rge",  # Latin alpha of phonetics
    "1001\u00b2",
    "mu\u0308du\u0308r",  # the same as "müdür", in other characters
    "1001\u200b",
    "1001\u202e",
    "il\u00admem",
    "1001\x9b",
    "10\U000e0041",
    "\udcff",
    "x" * 65,
    "",
]


@pytest.mark.parametrize("value", GOOD)
def test_words_of_turkish_and_its_neighbours_are_codes(value: str) -> None:
    assert code_objection(value) is None
    assert name_objection(value) is None


@pytest.mark.parametrize("value", [*BAD, "two words", "\n", "1001\n", "-x", "a@b", "a\u2028b", "a\u00a0b"])
def test_what_looks_like_another_code_or_is_none_is_refused(value: str) -> None:
    assert code_objection(value) is not None


@pytest.mark.parametrize("value", [*BAD, "two words", "1001\n", "a\u2028b", "a\u00a0b", "a\tb"])
def test_what_looks_like_another_name_or_forges_lines_is_refused(value: str) -> None:
    assert name_objection(value) is not None


@pytest.mark.parametrize("value", ["OFFICE\\ayse", "ayse@meb.gov.tr", "policy:renew", "www-data", "$svc"])
def test_users_of_systems_are_names(value: str) -> None:
    assert name_objection(value) is None


def test_the_objection_says_which_character_it_is() -> None:
    assert "CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I" in str(code_objection("\u0456l-mem"))
    assert "U+0085" not in str(code_objection("ok\u0085"))  # a line feed of its own: the value is no single word


@given(st.text(min_size=1))
def test_what_is_accepted_is_shown_as_it_is_and_its_refusal_can_be_shown(value: str) -> None:
    for objection in (code_objection(value), name_objection(value)):
        assert value.isprintable() if objection is None else visible(str(objection)) == str(objection)
