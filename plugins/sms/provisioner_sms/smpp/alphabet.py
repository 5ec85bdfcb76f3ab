"""Texts as they travel: in septets of the GSM 7-bit alphabet, one in each octet, and split where one part is full."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from gsm0338 import Codec

from provisioner.core.model.secret import Secret
from provisioner_sms.texts import part_header, pieces

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
    found = list(pieces(text.reveal()))
    if len(found) == 1:
        return [TextPart(encoded(text.reveal()))]
    return [
        TextPart(part_header(reference, number, len(found)) + encoded(piece.reveal()), has_header=True)
        for number, piece in enumerate(found, 1)
    ]
