from __future__ import annotations

import struct
from typing import Any

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.model import MessageState
from provisioner_sms.smpp.pdus import PartReport, Pdu, octets_of

ID, STATE, PAYLOAD, VENDOR = 0x001E, 0x0427, 0x0424, 0x1400


def deliver_sm(text: str = "", *, esm_class: int = 0x04, tlvs: dict[int, bytes] | None = None) -> Pdu:
    """Return what an operator sends."""
    message: Any = smpp34.DeliverSm(
        "905321234567",
        "KURUM",
        text.encode(),
        esm_class=esm_class,
        tlvs=[smpp34.Tlv(tag, value) for tag, value in (tlvs or {}).items()],
        sequence_number=3,
    )
    return Pdu.of(message.encode())


TEXT = "id:{} sub:001 dlvrd:001 submit date:2611291400 done date:2611291401 stat:{} err:000 text:hello"


@pytest.mark.parametrize(
    ("pdu", "expected"),
    [
        (deliver_sm(TEXT.format("12ab", "DELIVRD")), PartReport("12ab", MessageState.DELIVERED)),
        (deliver_sm(TEXT.format("12ab", "UNDELIV")), PartReport("12ab", MessageState.REJECTED)),
        (deliver_sm("ID:12ab STAT:delivrd"), PartReport("12ab", MessageState.DELIVERED)),
        (deliver_sm("id: 12ab stat: EXPIRED"), PartReport("12ab", MessageState.EXPIRED)),
        (deliver_sm(tlvs={ID: b"12ab\0", STATE: b"\x02"}), PartReport("12ab", MessageState.DELIVERED)),
        (deliver_sm(tlvs={ID: b"12ab", STATE: b"\x08"}), PartReport("12ab", MessageState.REJECTED)),
        (deliver_sm(tlvs={ID: b"12ab\0", VENDOR: b"x", STATE: b"\x05"}), PartReport("12ab", MessageState.REJECTED)),
        (deliver_sm(TEXT.format("9", "ACCEPTD"), tlvs={ID: b"12ab\0"}), PartReport("12ab", MessageState.ACCEPTED)),
        (deliver_sm(tlvs={PAYLOAD: TEXT.format("7", "DELETED").encode()}), PartReport("7", MessageState.REJECTED)),
        (deliver_sm("id:12ab stat:NONSENSE"), None),
        (deliver_sm("stat:DELIVRD"), None),
        (deliver_sm(TEXT.format("12ab", "DELIVRD"), esm_class=0), None),
        (deliver_sm(TEXT.format("12ab", "DELIVRD"), esm_class=0x20), None),
    ],
)
def test_a_report_says_something_else(pdu: Pdu, expected: PartReport | None) -> None:
    assert pdu.command == "deliver_sm"
    assert pdu.report == expected


@given(body=st.binary(max_size=300), command=st.sampled_from([0x05, 0x80000004, 0x15, 0x7777]))
def test_what_an_operator_sends_ends_the_program(body: bytes, command: int) -> None:
    pdu = Pdu.of(struct.pack(">LLLL", 16 + len(body), command, 0, 1) + body)

    assert isinstance(pdu.message_id, str)
    assert pdu.report is None or pdu.report.part


def test_an_answer_without_a_body_is_not_read() -> None:
    assert Pdu.of(struct.pack(">LLLL", 16, 0x80000004, 0x58, 9)).message_id == ""
    pdu = Pdu.of(struct.pack(">LLLL", 20, 0x80000004, 0, 9) + b"abc\0")
    assert (pdu.command, pdu.is_answer, pdu.sequence, pdu.message_id) == ("submit_sm_resp", True, 9, "abc")


def test_a_pdu_shows_what_it_carries() -> None:
    octets = octets_of("submit_sm", 1, short_message=b"canary")

    assert b"canary" in octets
    assert "canary" not in repr(Pdu.of(octets))
