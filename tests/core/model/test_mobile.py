"""A value that is not one phone number is never read as one: its password would go to a stranger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.model.mobile import E164, masked, objection

DECIMAL = "it is a decimal number from a spreadsheet, not a phone number"
SEVERAL = "it contains more than one phone number"
OTHER = "it is not a single phone number; use 0532 123 45 67 or +90 532 123 45 67"


@pytest.mark.parametrize(
    "number",
    [
        "5321234567",
        "05321234567",
        "905321234567",
        "00905321234567",
        "+905321234567",
        "+90 532 123 45 67",
        "+90 (532) 123-45-67",
        "+90 (0) 532 123 45 67",
        "(+90) 532 123 45 67",
        "00 90 532 123 45 67",
        "0 532 123 45 67",
        "0 (532) 123 45 67",
        "0(532)1234567",
        "(0532) 123 45 67",
        "0532/123 45 67",
        "0532 / 123 45 67",
        "0532.123.45.67",
        "0532.1234567",
        "0532 123 4567",
        "0532 – 123 45 67",
        "0532 - 123 - 45 - 67",
        " 0532\u00a0123\t45 67 ",
        "90.532.123.45.67",
        "444 1 444",
        "+1 202 555 0123",
        "+7 912 345-67-89",
        "+49 151 23456789",
        "\u0660\u0665\u0663\u0662\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
    ],
)
def test_what_people_write_is_one_number(number: str) -> None:
    assert objection(number) is None


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("532123456.0", DECIMAL),
        ("5321234567.0", DECIMAL),
        ("53212345.60", DECIMAL),
        ("5321234567,00", DECIMAL),
        ("532123456,0", DECIMAL),
        ("5321234567.", DECIMAL),
        ("5.32E+09", DECIMAL),
        ("5,32123E+09", DECIMAL),
        ("5.32123456e9", DECIMAL),
        ("5E+09", DECIMAL),
        ("0532 123 45 67 / 0533 123 45 67", SEVERAL),
        ("05321234567/05331234567", SEVERAL),
        ("5321234567, 5339999999", SEVERAL),
        ("5321234567;5339999999", SEVERAL),
        ("0532 123 45 67 veya 0533 123 45 67", SEVERAL),
        ("+905321234567+905331234567", SEVERAL),
        ("0532 123 45 67 0533 123 45 67", OTHER),
        ("05321234567 05331234567", OTHER),
        ("0532 123 45 67/8", OTHER),
        ("0532/123/45/67", OTHER),
        ("0532 123 45 67 x5", OTHER),
        ("0532 123 45 67 dahili 5", OTHER),
        ("05321234567;ext=5", OTHER),
        ("tel:+905321234567", OTHER),
        ("0532-CALL-ME-1", OTHER),
        ("0532 123 45 67 (esi)", OTHER),
        ("0532 123 45 67 (8)", OTHER),
        ("5.321.234.567", OTHER),
        ("5.321234567", DECIMAL),
        ("0.5321234567", DECIMAL),
        ("53.21234567", DECIMAL),
        ("532123 4.56", OTHER),
        ("532 123 456 0", OTHER),
        ("532123456 0", OTHER),
        ("-5321234567", OTHER),
        ("++905321234567", OTHER),
        ("90+5321234567", OTHER),
        ("0532..1234567", OTHER),
        ("0532 123 45 6a", OTHER),
        ("#05321234567", OTHER),
        ("112", OTHER),
        ("yok", OTHER),
        ("", OTHER),
        ("2026-11-28 00:00:00", OTHER),
    ],
)
def test_anything_else_is_refused_and_not_quoted(number: str, why: str) -> None:
    assert str(objection(number)) == why


@given(
    st.floats(min_value=1e5, max_value=1e12).filter(lambda value: not value.is_integer()) | st.integers(10**6, 10**11)
)
def test_no_decimal_number_is_ever_a_phone_number(value: float) -> None:
    """However many digits stand behind the mark: every spreadsheet and every language writes them in its own way."""
    for text in {repr(float(value)), f"{value:.1f}", f"{value:.2f}", f"{value:e}", f"{value:.1f}".replace(".", ",")}:
        assert objection(text) is not None


@given(st.text(alphabet="0123456789 ()+-./,;x", max_size=30))
def test_what_is_accepted_has_the_digits_of_one_number(text: str) -> None:
    if objection(text) is None:
        assert 7 <= sum(sign.isdigit() for sign in text) <= 17
        assert not set(text) & set(",;x")


@pytest.mark.parametrize(
    "number", ["05321234567", "+90 5321234567", "+905321234567 ", "905321234567", "+0532123456", "+٩٠٥٣٢"]
)
def test_only_e164_may_reach_a_gateway(number: str) -> None:
    assert E164.fullmatch("+905321234567")
    assert not E164.fullmatch(number)


def test_a_masked_number_shows_its_last_two_digits_and_other_text_nothing() -> None:
    """Pages and the command line had their own masks, and one showed a value that was no number."""
    assert masked("+905321234567") == "***********67"
    assert [masked("12"), masked("<b>Ayşe</b>"), masked("")] == ["****", "****", ""]
    assert masked(None) is None
