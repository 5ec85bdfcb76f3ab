"""Which numbers may get a password: the registered mobile number of a person, and nothing else (001 ¶5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberDesc, PhoneNumberFormat, PhoneNumberType

from provisioner.core.api.errors import MisconfiguredError, RefusedError
from provisioner.core.model import Person, mobile
from provisioner.core.model.text import Text
from provisioner_sms.settings import NumberFormat

#: Some countries, the United States for one, number their mobile phones like their landlines.
_MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})

_CURE = "have the number corrected where it is registered"


def parse(number: str | None, regions: tuple[str, ...]) -> str:
    """Return a registered number in the form ``+905321234567``.

    Args:

        number: As it was typed by a person.

        regions: The countries whose numbers are allowed. Without a country code it is a number of the first.

    Raises:

        RefusedError: It is not the number of a mobile phone in one of these countries; the message says why.

        MisconfiguredError: There is no such country.
    """
    _verify(regions)
    if number and any(_is_plain_mobile(number, region) for region in regions):
        return number
    return _parse(number, regions)


@lru_cache(maxsize=10_000)  # a number is looked at before a run, and again with each message
def _parse(number: str | None, regions: tuple[str, ...]) -> str:
    """Do what :func:`parse` says, for all notations and countries."""
    if not number or not number.strip():
        raise RefusedError("no mobile number is registered", cure=_CURE)
    parsed = _parsed(number, regions[0])
    if parsed.extension:
        raise RefusedError("the registered number has an extension", cure=_CURE)
    # The library would read letters as the keys they stand on, and the digits behind a decimal point like all others.
    kind = phonenumbers.number_type(parsed)
    if mobile.objection(number) or kind == PhoneNumberType.UNKNOWN:
        raise RefusedError("the registered number is not a valid phone number", cure=_CURE)
    if phonenumbers.region_code_for_number(parsed) not in regions:
        raise RefusedError("the registered number is a foreign number", cure=_CURE)
    if kind == PhoneNumberType.FIXED_LINE:
        raise RefusedError("the registered number is a landline", cure=_CURE)
    if kind not in _MOBILE:
        raise RefusedError("the registered number is not a mobile number", cure=_CURE)
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def _is_plain_mobile(number: str, region: str) -> bool:
    """Whether a number is written like ``+905321234567``, and is a mobile number of this country and nothing else.

    Most registered numbers are. The library needs fifty times as long to say the same.
    """
    pattern = _plain_mobile(region)
    return pattern is not None and pattern.fullmatch(number) is not None


@cache
def _plain_mobile(region: str) -> re.Pattern[str] | None:
    """Return what plain mobile numbers of a country look like, made from the rules by which the library knows them.

    ``None`` if there is no such country, or it shares its country code with others.
    """
    code = phonenumbers.country_code_for_region(region) if region in phonenumbers.SUPPORTED_REGIONS else 0
    known = PhoneMetadata.metadata_for_region(region, None) if code else None
    if known is None or known.mobile is None or phonenumbers.region_codes_for_country_code(code) != (region,):
        return None
    others = (
        known.premium_rate, known.toll_free, known.shared_cost, known.voip, known.personal_number,
        known.pager, known.uan, known.voicemail, known.fixed_line,
    )  # fmt: skip
    not_these = [_of_kind(other) for other in others if other is not None]
    if known.national_prefix_for_parsing:  # after a country code, the library drops it
        not_these.append(known.national_prefix_for_parsing)
    excluded = "".join(f"(?!{pattern})" for pattern in not_these)
    these = "".join(f"(?={_of_kind(kind)})" for kind in (known.general_desc, known.mobile) if kind is not None)
    return re.compile(rf"\+{code}{excluded}{these}\d+", re.ASCII)


def _of_kind(kind: PhoneNumberDesc) -> str:
    """Return a pattern for what follows the country code in numbers of this kind, up to the end of the number."""
    lengths = "|".join(rf"\d{{{length}}}" for length in kind.possible_length)
    return rf"(?=(?:{lengths})\Z)(?:{kind.national_number_pattern})\Z"


def unreachable(persons: Iterable[Person], regions: tuple[str, ...]) -> dict[str, Text]:
    """Return for each of these persons without an allowed number why it isn't one, by ID.

    Raises:

        MisconfiguredError: There is no such country.
    """
    found = {}
    for person in persons:
        try:
            parse(person.mobile, regions)
        except RefusedError as error:
            found[person.id] = error.text
    return found


def written(number: str, form: NumberFormat, country: str) -> str:
    """Return a number in the form a gateway wants.

    Args:

        number: A number that :func:`parse` returned.

        form: The form.

        country: The country of whose numbers the gateway needs no country code.

    Raises:

        RefusedError: The gateway would take it for another number, and send the password to a stranger.
    """
    if form is NumberFormat.E164:  # with its country code, it is read as no other number
        return number
    text = _written(number, form)
    reading = phonenumbers.parse(text, country)
    is_same = phonenumbers.format_number(reading, PhoneNumberFormat.E164) == number
    if not is_same and (form is NumberFormat.NATIONAL or phonenumbers.is_valid_number(reading)):
        raise RefusedError(
            "the gateway would take the registered foreign number for another number",
            cure='reach this country over another gateway, or set number_format = "e164" if the gateway is json',
        )
    return text


def _written(number: str, form: NumberFormat) -> str:
    if form is NumberFormat.NATIONAL:
        return phonenumbers.national_significant_number(phonenumbers.parse(number))
    return number.removeprefix("+")


@cache
def _verify(regions: tuple[str, ...]) -> None:
    if unknown := set(regions) - phonenumbers.SUPPORTED_REGIONS:
        raise MisconfiguredError(
            "there is no country {region}", cure="correct regions", region=", ".join(sorted(unknown))
        )


def _parsed(number: str, region: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        raise RefusedError("the registered number is not a valid phone number", cure=_CURE) from None
