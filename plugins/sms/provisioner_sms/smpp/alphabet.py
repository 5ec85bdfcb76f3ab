"""Texts as they travel: in septets of the GSM 7-bit alphabet, one in each octet, and split where one part is full.

A part of a longer text begins with a header that tells the phone how to join the parts (3GPP TS 23.040, 9.2.3.24.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from gsm0338 import Codec

from provisioner.core.model.secret import Secret
from provisioner_sms.texts import PART, parts

#: How many texts in several parts a phone can tell apart at once.
REFERENCES = 256

_CODEC = Codec()


@attrs.frozen
class TextPart:
    """What one message of a text carries."""

    octets: bytes = attrs.field(repr=False)
    #: Whether it begins with a header, because the text has several parts.
    has_header: bool = False


def encoded(text: str) -> bytes:
    """Return a sendable text in the GSM 7-bit alphabet; what takes two septets begins with an escape."""
    octets: bytes = _CODEC.encode(text)[0]
    return octets


def split(text: Secret, reference: int) -> Sequence[TextPart]:
    """Return the parts of a sendable text.

    Args:

        text: The text.

        reference: Tells the parts of this text from those of another one to the same phone.
    """
    if parts(text.reveal()) == 1:
        return [TextPart(encoded(text.reveal()))]
    pieces = list(_pieces(text.reveal()))
    return [
        TextPart(bytes((5, 0, 3, reference % REFERENCES, len(pieces), number)) + piece, has_header=True)
        for number, piece in enumerate(pieces, 1)
    ]


def _pieces(text: str) -> Iterator[bytes]:
    """Yield what fits each part. A character of two septets is never split."""
    piece = b""
    for character in map(encoded, text):
        if len(piece) + len(character) > PART:
            yield piece
            piece = b""
        piece += character
    yield piece
