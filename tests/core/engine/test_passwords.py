from __future__ import annotations

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.messages import CharacterClass, PasswordPolicy
from provisioner.core.engine.passwords import PasswordMaker, combine, count_words
from provisioner.core.governance.directives import Defaults
from provisioner.core.model.secret import Secret

#: The basic GSM alphabet, without the characters that cost two septets.
GSM_BASIC = set("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡¿ÄÖÑÜ§äöñüà") | set(
    string.ascii_letters
)


def letters(name: str, characters: str, at_least: int = 1) -> CharacterClass:
    return CharacterClass(name=name, characters=characters, at_least=at_least)


@pytest.fixture(name="maker", scope="module")
def _maker() -> PasswordMaker:
    return PasswordMaker.of([Defaults().password_policy()])


def test_default_passwords_have_letters_digits_and_signs(maker: PasswordMaker) -> None:
    for _ in range(200):
        word = maker.make().reveal()

        assert any(one.islower() for one in word)
        assert any(one.isupper() for one in word)
        assert any(one.isdigit() for one in word)
        assert any(not one.isalnum() for one in word)


def test_default_passwords_carry_at_least_72_bits(maker: PasswordMaker) -> None:
    assert maker.bits >= 72


def test_default_passwords_have_no_look_alikes_and_fit_the_basic_gsm_alphabet(maker: PasswordMaker) -> None:
    alphabet = set("".join(cls.characters for cls in maker.policy.classes))

    assert not alphabet & set("0Oo1lI|5S") - set("oS5")
    assert alphabet <= GSM_BASIC
    assert set("".join(maker.make().reveal() for _ in range(500))) == alphabet


def test_no_two_passwords_are_the_same(maker: PasswordMaker) -> None:
    assert len({maker.make().reveal() for _ in range(1000)}) == 1000


@given(length=st.integers(0, 5), small=st.integers(0, 3), digits=st.integers(0, 3))
def test_count_words_counts_what_enumeration_counts(length: int, small: int, digits: int) -> None:
    classes = [letters("small", "abc", small), letters("digits", "12", digits)]
    words = itertools.product("abc12", repeat=length)
    good = [w for w in words if sum(c in "abc" for c in w) >= small and sum(c in "12" for c in w) >= digits]

    assert count_words(length, classes) == len(good)


def test_policies_are_combined_so_that_all_hold() -> None:
    one = PasswordPolicy(source="one", classes=(letters("small", "abcd", 1),), minimum_length=4, excluded="a")
    other = PasswordPolicy(
        source="other", classes=(letters("small", "abce", 2),), maximum_length=9, forbidden_words=("bb",)
    )

    merged = combine([one, other])

    assert merged.classes == (letters("small", "bc", 2),)
    assert (merged.minimum_length, merged.maximum_length) == (4, 9)
    assert merged.forbidden_words == ("bb",)


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ([], "there is no password policy"),
        ([PasswordPolicy(source="a", minimum_length=9), PasswordPolicy(source="b", maximum_length=8)], "a and b"),
        (
            [
                PasswordPolicy(source="a", classes=(letters("small", "ab"),)),
                PasswordPolicy(source="b", classes=(letters("small", "cd"),)),
            ],
            "no character in the class small",
        ),
        (
            [PasswordPolicy(source="a", classes=(letters("small", "abc"), letters("vowels", "aeiou")))],
            "'a' in both class small and class vowels",
        ),
        (
            [PasswordPolicy(source="a", classes=(letters("digits", "123"),), maximum_length=8, minimum_bits=72)],
            "no password of at most 8 characters has 72 bits",
        ),
    ],
)
def test_policies_that_contradict_each_other_are_found_at_load(policies: list[PasswordPolicy], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        PasswordMaker.of(policies)


def test_forbidden_words_are_never_made() -> None:
    policy = PasswordPolicy(
        source="a", classes=(letters("small", "ab"),), minimum_length=3, maximum_length=3, forbidden_words=("AB",)
    )
    maker = PasswordMaker.of([policy])

    assert {maker.make().reveal() for _ in range(200)} == {"aaa", "bbb", "baa", "bba"}


@pytest.mark.parametrize(
    ("password", "objection"),
    [
        ("Ab3!", "it must have 12 to 64 characters"),
        ("abcdefgh3456!", "it needs more capital letters"),
        ("Abcdefgh3456!ş", "it contains characters that are not allowed"),
    ],
)
def test_objections_say_what_is_wrong_without_quoting(maker: PasswordMaker, password: str, objection: str) -> None:
    found = [str(objection) for objection in maker.objections(Secret(password))]

    assert objection in found
    assert not any(password in one for one in found)
