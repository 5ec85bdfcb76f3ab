"""The addresses to which a gateway sends the delivery reports of one message, or of one part of it.

Each address has a token that follows from a secret and the ID of the message. Therefore the addresses of messages that
an earlier process sent stay valid, and a person who sees one can report on that message only.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import Self
from urllib.parse import quote

import attrs

from provisioner.core.model.secret import Secret
from provisioner_sms.settings import ReportSettings

#: What the receiver answers to a request for its root, so that a check recognises it.
SERVICE = "sms-reports"

#: The number of hexadecimal digits of a token: 128 bits.
TOKEN_LENGTH = 32

#: What begins the path of an address for a part of a message.
PART = "part"

#: What the token of a whole message follows from, beside its ID.
_WHOLE = "report"


@attrs.frozen
class ReportAddresses:
    """The addresses of one channel.

    Args:

        base: The address of the receiver.

        secret: What the tokens follow from.
    """

    base: str
    _secret: Secret = attrs.field(repr=False)

    @classmethod
    def of(cls, settings: ReportSettings) -> Self:
        """Return the addresses that the settings describe."""
        return cls(settings.address, settings.secret)

    def address(self, delivery_id: str) -> str:
        """Return the address for the reports of one message, in which Kannel fills in the kind of the report."""
        return f"{self.base}/{escaped(delivery_id)}/{self._token(_WHOLE, delivery_id)}?type=%d"

    def part_address(self, part: str) -> str:
        """Return the address for the reports of one part of a message; see :meth:`address`.

        Args:

            part: The ID of the part.
        """
        return f"{self.base}/{PART}/{escaped(part)}/{self._token(PART, part)}?type=%d"

    def is_genuine(self, delivery_id: str, token: str) -> bool:
        """Whether a token is the one of a message."""
        return hmac.compare_digest(token.encode(), self._token(_WHOLE, delivery_id).encode())

    def is_genuine_part(self, part: str, token: str) -> bool:
        """Whether a token is the one of a part of a message."""
        return hmac.compare_digest(token.encode(), self._token(PART, part).encode())

    def _token(self, of: str, name: str) -> str:
        key = self._secret.reveal().encode()
        return hmac.new(key, f"{of}:{name}".encode(), "sha256").hexdigest()[:TOKEN_LENGTH]


def part_ids(delivery_id: str, count: int) -> Sequence[str]:
    """Return the IDs of the parts of a message. Each attempt to send it has parts of its own.

    Args:

        delivery_id: The ID of the message.

        count: How many parts it has.
    """
    return _part_ids(f"{delivery_id}.{secrets.token_hex(4)}", count)


def message_of(part: str) -> tuple[str, Sequence[str]]:
    """Return the ID of the message to which a part belongs, and the IDs of all of its parts.

    Args:

        part: The genuine ID of the part.
    """
    attempt, count, _ = part.rsplit(".", 2)
    return attempt.rpartition(".")[0], _part_ids(attempt, int(count))


def _part_ids(attempt: str, count: int) -> Sequence[str]:
    return [f"{attempt}.{count}.{number}" for number in range(1, count + 1)]


def escaped(delivery_id: str) -> str:
    """Return an ID as it stands in an address for Kannel, which fills in what begins with a percent sign."""
    return quote(delivery_id, safe="").replace("%", "%%")
