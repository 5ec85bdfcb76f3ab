from __future__ import annotations

import pytest

from provisioner.core.api.errors import MisconfiguredError, RefusedError
from provisioner_sms import numbers
from provisioner_sms.numbers import parse, written
from provisioner_sms.settings import NumberFormat


@pytest.mark.parametrize(
    "number",
    [
        "0532 123 45 67",
        "5321234567",
        "+90 (532) 123-45-67",
        "00905321234567",
        "90532 1234567",
        "\u0660\u0665\u0663\u0662\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
        "  0532.123.45.67\t",
    ],
)
def test_every_way_to_write_a_mobile_number_is_the_same_number(number: str) -> None:
    assert parse(number, ("TR",)) == "+905321234567"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (None, "no mobile number is registered"),
        (" ", "no mobile number is registered"),
        ("0344 225 12 34", "the registered number is a landline"),
        ("0850 123 45 67", "the registered number is not a mobile number"),
        ("0512 345 67 89", "the registered number is not a mobile number"),
        ("444 1 444", "the registered number is not a mobile number"),
        ("+49 151 23456789", "the registered number is a foreign number"),
        ("0532 123 45 67 x5", "the registered number has an extension"),
        ("05321234567;ext=5", "the registered number has an extension"),
        ("112", "the registered number is not a valid phone number"),
        ("0532 123 45", "the registered number is not a valid phone number"),
        ("0532 123 45 67 / 0533 123 45 67", "the registered number is not a valid phone number"),
        ("5321234567, 5339999999", "the registered number is not a valid phone number"),
        ("0532-CALL-ME-1", "the registered number is not a valid phone number"),
        ("0532 123 45 67 (esi)", "the registered number is not a valid phone number"),
        ("yok", "the registered number is not a valid phone number"),
        ("532123456.0", "the registered number is not a valid phone number"),
        ("53212345.67", "the registered number is not a valid phone number"),
        ("532123456 7", "the registered number is not a valid phone number"),
        ("+90 5.32123456e+09", "the registered number is not a valid phone number"),
    ],
)
def test_a_password_goes_to_no_number_but_a_mobile_one(number: str | None, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse(number, ("TR",))

    assert str(refused.value) == reason
    assert str(refused.value.cure)


def test_a_foreign_mobile_is_reached_only_where_the_configuration_allows_its_country() -> None:
    assert parse("+49 151 23456789", ("TR", "DE")) == "+4915123456789"


def test_a_country_that_numbers_mobiles_like_landlines_can_be_allowed() -> None:
    assert parse("+1 202 555 0123", ("US",)) == "+12025550123"


def test_a_mistyped_country_is_not_taken_for_a_wrong_number() -> None:
    with pytest.raises(MisconfiguredError, match="there is no country XX"):
        parse("0532 123 45 67", ("TR", "XX"))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (NumberFormat.E164, "+905321234567"),
        (NumberFormat.DIGITS, "905321234567"),
        (NumberFormat.NATIONAL, "5321234567"),
    ],
)
def test_each_gateway_gets_the_number_in_its_own_form(form: NumberFormat, expected: str) -> None:
    assert written("+905321234567", form, "TR") == expected


@pytest.mark.parametrize(
    ("number", "form"),
    [
        ("+15305550123", NumberFormat.NATIONAL),
        ("+12025550123", NumberFormat.NATIONAL),
        ("+4915123456789", NumberFormat.NATIONAL),
        ("+5351234567", NumberFormat.DIGITS),
    ],
)
def test_a_password_for_a_number_abroad_goes_to_the_turkish_phone_with_the_same_digits(
    number: str, form: NumberFormat
) -> None:
    with pytest.raises(RefusedError, match="another number") as caught:
        written(number, form, "TR")

    assert "e164" in str(caught.value.cure)
    assert number.strip("+") not in str(caught.value)


@pytest.mark.parametrize("number", ["+15305550123", "+4915123456789", "+994501234567", "+905321234567"])
def test_a_number_that_no_gateway_mistakes_is_refused(number: str) -> None:
    assert written(number, NumberFormat.DIGITS, "TR") == number.removeprefix("+")
    assert written(number, NumberFormat.E164, "TR") == number


@pytest.mark.parametrize(("country", "code", "digits"), [("TR", 90, 10), ("DE", 49, 11), ("HU", 36, 9), ("US", 1, 10)])
def test_a_number_that_is_read_quickly_is_the_one_that_the_library_reads(country: str, code: int, digits: int) -> None:
    """The library knows the kind of a number by its first digits."""
    plain = 0
    for first in range(1000):
        number = f"+{code}{first:03}{7_123_456_789 % 10 ** (digits - 3):0{digits - 3}}"
        if numbers._is_plain_mobile(number, country):
            plain += 1
            assert numbers._parse(number, (country,)) == number
        elif country == "TR":
            with pytest.raises(RefusedError):
                numbers._parse(number, (country,))
    assert (plain > 0) == (country != "US")  # which shares its code with Canada


@pytest.mark.parametrize(
    "number",
    ["+905121234567", "+9005321234567", "+90532123456", "+9053212345678", "+905321234567\n", "+90532123456\u0667"],
)
def test_only_a_plain_mobile_number_is_read_quickly(number: str) -> None:
    assert not numbers._is_plain_mobile(number, "TR")
