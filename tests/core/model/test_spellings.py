"""Whatever a program makes of a password, it is found and masked; and ordinary text is left as it is."""

from __future__ import annotations

import base64
import json
import urllib.parse
import xml.sax.saxutils

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from provisioner.core.model.spellings import FORMS, HINT, find, hints, masked, spellings

#: A password with everything that some form writes differently.
CANARY = "k\"T7&x<9+é/%\\~Q'z"
PLAIN = "Kx7mPq2vRt9w"
MASK = "<secret>"

#: Passwords as people and programs make them.
PASSWORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=8, max_size=24)


def quoted_by_a_program(clear: str) -> list[str]:
    """Return what programs make of a password, by other means than the product's list."""
    data = clear.encode()
    return [
        clear.upper(),
        urllib.parse.quote_plus(clear).lower(),
        urllib.parse.urlencode({"password": clear}),
        json.dumps({"password": clear}),
        str({"password": clear}),
        str(data),
        xml.sax.saxutils.quoteattr(clear, {"'": "&apos;"}),
        base64.b64encode(f"user:{clear}".encode()).decode(),
        base64.urlsafe_b64encode(f"ab{clear}cd".encode()).decode(),
        base64.b64encode(json.dumps({"p": clear}).encode()).decode(),
        base64.b64encode(f'"{clear}"'.encode("utf-16-le")).decode(),
        data.hex().upper(),
        f"'{clear.replace(chr(39), chr(39) * 2)}'",
        clear.encode("unicode_escape").decode(),
    ]


@pytest.mark.parametrize("clear", [CANARY, PLAIN])
def test_what_programs_write_is_found_and_masked(clear: str) -> None:
    for text in quoted_by_a_program(clear):
        said = masked(clear, f"refused: {text} (again)", MASK)

        assert find(clear, text.encode()), text
        assert MASK in said, text
        assert not find(clear, said.encode()), text
        assert said.startswith("refused: "), text
        assert said.endswith(" (again)"), text


@pytest.mark.parametrize("form", ["utf-16-le", "utf-16-be"])
def test_what_windows_programs_write_is_found(form: str) -> None:
    """A log file that is looked through may be in UTF-16; a search for the bytes of UTF-8 would call it clean."""
    clear = "Şk7-İPq2-ğvRt"

    assert find(clear, f"user: {clear}\r\n".encode(form)) == {form}


@given(PASSWORDS, st.text(), st.text())
@example("abcdefg\u0301h", "", "")
@example("\xa00000000", "", "")
def test_every_spelling_is_masked_inside_any_text(clear: str, before: str, after: str) -> None:
    for spell in FORMS.values():
        for spelling in spell(clear):
            text = f"{before} {spelling.decode('latin-1')} {after}"
            assume(len(spelling) >= 8)

            assert not find(clear, masked(clear, text, MASK).encode(errors="surrogatepass"))


@given(PASSWORDS)
@example("aaaa-bbbb-cccc")
@example("abcdefg\u0301h")
@example("12345678")
def test_every_spelling_has_a_hint(clear: str) -> None:
    pieces = hints(clear)

    for form, spelled in spellings(clear).items():
        for spelling in spelled:
            assert any(piece in spelling for piece in pieces), form
    assert all(len(piece) >= HINT for piece in pieces)


@pytest.mark.parametrize("clear", ["x", "ab", "1234", "admin7", CANARY, PLAIN])
def test_ordinary_text_stays_as_it_is(clear: str) -> None:
    """A mask in every line would say nothing, and would show how short a password is."""
    text = "uid=kmarasmem,ou=units,dc=meb: 3 of 40 answered in 0.25 s; b8a3-4f (Işık Öğüş)"

    assert masked(clear, text, MASK) == text
    assert not find(clear, text.encode())


def test_the_rest_of_an_encoded_word_goes_with_it() -> None:
    """The letters before and after hold parts of the password, and who is who."""
    header = base64.b64encode(f"user:{PLAIN}".encode()).decode()

    assert masked(PLAIN, f"Authorization: Basic {header}, sent", MASK) == "Authorization: Basic <secret>, sent"


def test_a_short_secret_is_masked_letter_by_letter_only() -> None:
    assert masked("abc", "abc ABC YWJj 616263", MASK) == "<secret> ABC YWJj 616263"
