"""Checks that a number is not shown go red when it is, and only then."""

from __future__ import annotations

import pytest

from tests.words import has_word


@pytest.mark.parametrize(
    "text", ["1002", '"holder": "1002",', "(1002)", "1002'ye", "nobody knows 1002.", "│1002│", "a/1002", r"lines\n1002"]
)
def test_a_number_is_found(text: str) -> None:
    assert has_word(text, "1002")


@pytest.mark.parametrize(
    "text",
    [
        "f1c41002-7f0e-4f43-9a51-0b6d8a1f3c77",
        "f1c47f0e-1002-4f43-9a51-0b6d8a1f3c77",
        "10027f0e-4f43-4f43-9a51-0b6d8a1f3c77",
        "2026-03-04T22:30:00.100217Z",
        "2026-03-04T22:30:00.001002Z",
        "0b6d8a1f31002c77",
    ],
)
def test_digits_of_ids_hashes_and_times_are_no_number(text: str) -> None:
    assert not has_word(text, "1002")
