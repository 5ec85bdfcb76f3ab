"""The messages of SMPP 3.4, which it calls PDUs: written and read by smpplib, without its client.

That client loses what it has read when a wait ends in the middle of a PDU, verifies no certificate by name, and logs
each PDU with its passwords. Here, smpplib gets and gives octets only.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from typing import Self

import attrs
from smpplib import command_codes, consts, smpp
from smpplib.client import SimpleSequenceGenerator
from smpplib.command import DeliverSM, Param, SubmitSMResp
from smpplib.ptypes import ostr

from provisioner.core.model import MessageState

#: The length of the header, and the length above which a PDU is invalid.
HEADER, LONGEST = 16, 64 * 1024

#: What an answer to a report says if the report couldn't be stored: send it again later.
NOT_NOW = 0x64

#: What ``generic_nack`` says about a request that is not known here.
UNKNOWN_COMMAND = 0x03

#: The bits of ``esm_class`` that say what a message to us is, and those of a delivery report.
_KIND, _REPORT = 0x3C, 0x04

#: The bit of a command that says that it is an answer.
_ANSWER = 0x80000000

_NAMES = {code: name for name, code in command_codes.commands.items()}

#: The states of a message, as the field ``message_state`` and as the word in the text of a report. After UNKNOWN,
#: nothing more is reported.
_STATES = {
    1: MessageState.ACCEPTED,
    2: MessageState.DELIVERED,
    3: MessageState.EXPIRED,
    4: MessageState.REJECTED,
    5: MessageState.REJECTED,
    6: MessageState.ACCEPTED,
    7: MessageState.UNKNOWN,
    8: MessageState.REJECTED,
}
_WORDS = {
    "ENROUTE": MessageState.ACCEPTED,
    "ACCEPTD": MessageState.ACCEPTED,
    "DELIVRD": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "DELETED": MessageState.REJECTED,
    "UNDELIV": MessageState.REJECTED,
    "REJECTD": MessageState.REJECTED,
    "UNKNOWN": MessageState.UNKNOWN,
}


class _Received(DeliverSM):  # type: ignore[misc] # smpplib has no types
    """A message to us. Some operators omit the zero after the ID, and smpplib would cut its last digit."""

    params = DeliverSM.params | {"receipted_message_id": Param(type=ostr, max=65)}


@attrs.frozen
class Pdu:
    """A PDU that arrived."""

    #: Its name, such as ``submit_sm_resp``; empty if it is not known.
    command: str
    status: int
    sequence: int
    is_answer: bool
    _octets: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, octets: bytes) -> Self:
        """Return what the header says."""
        code, status, sequence = struct.unpack_from(">LLL", octets, 4)
        return cls(_NAMES.get(code, ""), status, sequence, bool(code & _ANSWER), octets)

    @property
    def message_id(self) -> str:
        """The ID in an answer to a message; empty if it has none."""
        answer = SubmitSMResp("submit_sm_resp")
        _read(answer, self._octets)
        return _text(answer.message_id)

    @property
    def report(self) -> PartReport | None:
        """What a message to us reports; ``None`` if it is no delivery report."""
        received = _Received("deliver_sm", need_sequence=False, allow_unknown_opt_params=True)
        _read(received, self._octets)
        if (received.esm_class or 0) & _KIND != _REPORT:
            return None
        text = _text(received.short_message or received.message_payload)
        part = _text(received.receipted_message_id) or _found(r"\bid:\s*(\S+)", text)
        state = _STATES.get(received.message_state) or _WORDS.get(_found(r"\bstat:\s*(\w+)", text).upper())
        return PartReport(part, state) if part and state else None


@attrs.frozen
class PartReport:
    """What an operator reports on one part of a message."""

    #: Its ID, as the operator writes it there.
    part: str
    state: MessageState


def octets_of(command: str, sequence: int, status: int = consts.SMPP_ESME_ROK, /, **fields: object) -> bytes:
    """Return a PDU as it is sent.

    Args:

        command: Its name.

        sequence: The number that the answer repeats.

        status: What an answer says; a request has none.

        fields: The rest, by the names of SMPP.
    """
    pdu = smpp.make_pdu(command, client=SimpleSequenceGenerator(), status=status, **fields)
    pdu.sequence = sequence
    octets: bytes = pdu.generate()
    return octets


def meaning_of(status: int) -> str:
    """Return a status for people."""
    words = consts.DESCRIPTIONS.get(status, "")
    return f"0x{status:02X} {words if words.isascii() and '<' not in words else ''}".strip()


def _read(pdu: object, octets: bytes) -> None:
    """Let smpplib read a PDU as far as it can; whatever follows an unknown field is optional."""
    with suppress(Exception):
        pdu.parse(octets)  # type: ignore[attr-defined]


def _text(octets: object) -> str:
    return octets.decode("latin-1").partition("\0")[0].strip() if isinstance(octets, bytes) else ""


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.IGNORECASE)
    return found[1] if found else ""
