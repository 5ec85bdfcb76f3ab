from __future__ import annotations

import pytest

from provisioner import Secret
from provisioner_sms.smpp.alphabet import encoded, split
from provisioner_sms.texts import BASIC, EXTENDED, parts

#: 3GPP TS 23.038, 6.2.1: the characters by their septets, row by row. 0x1B is the escape.
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

#: 6.2.1.1: what follows an escape.
EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip


def test_a_character_has_another_septet_than_in_the_standard() -> None:
    assert len(TABLE) == 128
    assert set(TABLE) - {"\x1b"} == BASIC
    assert EXTENSION.keys() == EXTENDED
    for septet, character in enumerate(TABLE):
        if character != "\x1b":
            assert encoded(character) == bytes([septet]), character
    for character, septet in EXTENSION.items():
        assert encoded(character) == bytes([0x1B, septet]), character


@pytest.mark.parametrize("character", "`ğŞıİ中")
def test_a_character_that_no_phone_shows_is_sent_as_another_one(character: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        encoded(character)


@pytest.mark.parametrize("text", ["a" * 160, "a" * 161, "a" * 152 + "€a", "€" * 80, "€" * 81, "a" + "€" * 200], ids=len)
def test_parts_are_counted_in_another_way_than_before_sending(text: str) -> None:
    found = split(Secret(text), 7)

    assert len(found) == parts(text)
    assert all(len(part.octets) <= (159 if part.has_header else 160) for part in found)
    assert b"".join(part.octets[6:] if part.has_header else part.octets for part in found) == encoded(text)
    if len(found) > 1:
        assert [part.octets[:6] for part in found] == [
            bytes((5, 0, 3, 7, len(found), number)) for number in range(1, len(found) + 1)
        ]


def test_a_part_shows_its_text() -> None:
    assert "canary" not in repr(split(Secret("canary" * 50), 1))
