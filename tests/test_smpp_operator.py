"""What the phone network of the tests says and does is what SMPP 3.4 says."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import attrs
import pytest
import smpp34

from provisioner.testing.kannel import wait_until
from tests.smpp_operator import (
    ANSWER,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    CUT_AFTER_ANSWER,
    CUT_BEFORE_ANSWER,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    HAS_HEADER,
    LOST_ANSWER,
    LOST_MESSAGE,
    REFUSED,
    REFUSED_LATER,
    REPORT_FIRST,
    SUBMIT_SM,
    THROTTLED,
    UNBIND,
    Ids,
    Reaction,
    SmppOperator,
    Status,
)

NUMBER = "+905321234567"
OTHER = "+905329990001"


@attrs.define
class Client:
    """A link, of which the test writes and reads each PDU."""

    connection: socket.socket
    _sequence: int = 0
    _reports: list[bytes] = attrs.field(factory=list)

    @classmethod
    @contextmanager
    def bound(cls, operator: SmppOperator, command: int = BIND_TRANSCEIVER) -> Iterator[Self]:
        with socket.create_connection(("127.0.0.1", operator.port), timeout=60) as connection:
            client = cls(connection)
            assert client.bind(operator.password, command) == (command | ANSWER, Status.OK, b"operator\0")
            yield client

    def bind(self, password: str, command: int = BIND_TRANSCEIVER) -> tuple[int, int, bytes]:
        self.send(command, b"provisioner\0" + password.encode() + b"\0\0\x34\0\0\0")
        return self.answer()

    def send(self, command: int, body: bytes = b"") -> None:
        self._sequence += 1
        self.connection.sendall(struct.pack(">IIII", 16 + len(body), command, 0, self._sequence) + body)

    def submit(self, text: bytes = b"hello", to: str = NUMBER, *, header: bytes = b"", coding: int = 0) -> str | int:
        """Return the ID of the message, or the status with which it was refused."""
        message = smpp34.SubmitSm(
            "KURUM",
            to.lstrip("+"),
            header + text,
            esm_class=HAS_HEADER if header else 0,
            data_coding=coding,
            registered_delivery=1,
        )
        self.send(SUBMIT_SM, message.encode()[16:])
        command, status, body = self.answer()
        return status if status or command != SUBMIT_SM | ANSWER else body.rstrip(b"\0").decode()

    def answer(self) -> tuple[int, int, bytes]:
        """Return command, status and body of the next answer."""
        while (pdu := self._read())[0] == DELIVER_SM:
            self._reports.append(pdu[2])
        return pdu

    def report(self, status: int = Status.OK) -> tuple[str, str]:
        """Return ID and state in the next report."""
        while not self._reports:
            command, _, body = self._read(status)
            assert command == DELIVER_SM
            self._reports.append(body)
        found = re.search(rb"id:(\S+) .* stat:(\S+)", self._reports.pop(0))
        assert found is not None
        return found[1].decode(), found[2].decode()

    def _read(self, acknowledged: int = Status.OK) -> tuple[int, int, bytes]:
        length, command, status, sequence = struct.unpack(">IIII", self._exactly(16))
        if command == DELIVER_SM:
            self.connection.sendall(struct.pack(">IIII", 16, DELIVER_SM | ANSWER, acknowledged, sequence))
        return command, status, self._exactly(length - 16)

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self.connection.recv(length - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data


@pytest.fixture(name="operator")
def _operator() -> Iterator[SmppOperator]:
    with SmppOperator.running() as operator:
        yield operator


@pytest.fixture(name="client")
def _client(operator: SmppOperator) -> Iterator[Client]:
    with Client.bound(operator) as client:
        yield client


def header(reference: int, index: int) -> bytes:
    """Return the header of one of two parts."""
    return bytes([5, 0, 3, reference, 2, index])


def test_a_message_is_lost_on_the_way_to_its_phone(operator: SmppOperator, client: Client) -> None:
    identity = client.submit()

    assert client.report() == (identity, "DELIVRD")
    assert (operator.phone(NUMBER), operator.phone(OTHER), operator.numbers()) == (["hello"], [], [NUMBER])


def test_a_text_is_misread(operator: SmppOperator, client: Client) -> None:
    client.submit(b"\x00 \x1b\x28 \x1b\x65")
    client.submit("şöyle".encode("utf-16-be"), coding=8)
    client.submit("öyle".encode("latin-1"), coding=3)
    wait_until(lambda: len(operator.phone(NUMBER)) == 3)

    assert operator.phone(NUMBER) == ["@ { €", "şöyle", "öyle"]


def test_parts_that_arrive_in_another_order_are_mixed_up(operator: SmppOperator, client: Client) -> None:
    client.submit(b"b", header=header(7, 2))
    client.submit(b"single")
    client.submit(b"c", header=header(8, 1))
    client.submit(b"a", header=header(7, 1))
    wait_until(lambda: len(operator.phone(NUMBER)) == 2)

    assert operator.phone(NUMBER) == ["single", "ab"]


def test_one_refused_part_of_two_leaves_half_a_text_on_the_phone(operator: SmppOperator, client: Client) -> None:
    operator.react(REFUSED, number=NUMBER, part=2)
    client.submit(b"a", header=header(7, 1))

    assert client.submit(b"b", header=header(7, 2)) == Status.INVALID_NUMBER
    client.report()
    assert operator.phone(NUMBER) == []


def test_a_reaction_is_for_another_message(operator: SmppOperator, client: Client) -> None:
    operator.react(THROTTLED, times=2, number=OTHER)
    operator.react(REFUSED)
    answers = [client.submit(to=to) for to in (NUMBER, OTHER, NUMBER, OTHER, OTHER)]

    assert [answers[0], answers[1], answers[3]] == [
        Status.INVALID_NUMBER,
        Status.THROTTLED,
        Status.THROTTLED,
    ]
    assert isinstance(answers[2], str)
    assert isinstance(answers[4], str)


def test_a_reaction_holds_after_it_was_taken_back(operator: SmppOperator, client: Client) -> None:
    operator.react(REFUSED, times=None)
    operator.forget()

    assert isinstance(client.submit(), str)


@pytest.mark.parametrize("state", ["EXPIRED", "UNDELIV", "REJECTD"])
def test_what_was_not_delivered_is_on_the_phone(operator: SmppOperator, client: Client, state: str) -> None:
    states = ("ENROUTE", "ACCEPTD", state)
    operator.react(Reaction(states=states))
    identity = client.submit()

    assert [client.report() for _ in states] == [(identity, each) for each in states]
    assert operator.phone(NUMBER) == []


def test_a_report_is_never_quicker_than_the_answer(operator: SmppOperator, client: Client) -> None:
    operator.react(REPORT_FIRST)
    client.send(SUBMIT_SM, smpp34.SubmitSm("KURUM", NUMBER, b"hello", registered_delivery=1).encode()[16:])
    identity, state = client.report()

    assert (state, client.answer()[2]) == ("DELIVRD", f"{identity}\0".encode())


def test_a_late_answer_is_overtaken_by_the_report(operator: SmppOperator, client: Client) -> None:
    operator.react(Reaction(answer_after=0.2))
    identity = client.submit()

    assert client._reports == []
    assert client.report() == (identity, "DELIVRD")


def test_a_refusal_is_never_later_than_the_answer(operator: SmppOperator, client: Client) -> None:
    operator.react(REFUSED_LATER)
    identity = client.submit()

    assert operator.unreported == 0
    assert client.report() == (identity, "REJECTD")


@pytest.mark.parametrize(("reaction", "texts"), [(LOST_ANSWER, ["hello"]), (LOST_MESSAGE, [])])
def test_a_lost_answer_arrives(operator: SmppOperator, client: Client, reaction: Reaction, texts: list[str]) -> None:
    operator.react(reaction)
    client.send(SUBMIT_SM, smpp34.SubmitSm("KURUM", NUMBER, b"hello").encode()[16:])
    client.send(ENQUIRE_LINK)

    assert client.answer()[0] == ENQUIRE_LINK | ANSWER
    assert operator.phone(NUMBER) == texts


def test_a_link_that_is_cut_after_the_answer_loses_it(operator: SmppOperator, client: Client) -> None:
    operator.react(CUT_AFTER_ANSWER)

    assert client.submit()
    with pytest.raises(ConnectionResetError):
        client.submit()


def test_a_link_that_is_cut_instead_of_the_answer_answers(operator: SmppOperator, client: Client) -> None:
    operator.react(CUT_BEFORE_ANSWER)

    with pytest.raises(ConnectionResetError):
        client.submit()


def test_a_report_is_lost_with_its_link(operator: SmppOperator, client: Client) -> None:
    with operator.holding_reports():
        identity = client.submit()
        wait_until(lambda: operator.unreported == 1)
        operator.cut()
    with Client.bound(operator, BIND_TRANSMITTER), Client.bound(operator, BIND_RECEIVER) as receiver:
        assert receiver.report() == (identity, "DELIVRD")
    wait_until(lambda: operator.unreported == 0)


def test_a_report_that_was_refused_is_not_sent_again(operator: SmppOperator, client: Client) -> None:
    with operator.holding_reports():
        identity = client.submit()

    assert [client.report(Status.SYSTEM_ERROR), client.report()] == [(identity, "DELIVRD")] * 2


def test_an_operator_that_is_unreachable_accepts_a_link(operator: SmppOperator, client: Client) -> None:
    with operator.unreachable(), pytest.raises(ConnectionRefusedError), Client.bound(operator):
        pass
    with Client.bound(operator):
        assert (operator.links, operator.binds) == (1, 2)


def test_a_wrong_password_binds(operator: SmppOperator) -> None:
    with socket.create_connection(("127.0.0.1", operator.port)) as connection:
        client = Client(connection)

        assert client.bind("wrong")[1] == Status.WRONG_PASSWORD
        assert client.submit() == Status.NOT_BOUND


def test_a_receiver_submits(operator: SmppOperator) -> None:
    with Client.bound(operator, BIND_RECEIVER) as client:
        assert client.submit() == Status.NOT_BOUND


def test_a_link_stays_after_it_was_unbound(operator: SmppOperator, client: Client) -> None:
    client.send(0x03, b"\0")
    assert client.answer()[:2] == (GENERIC_NACK, Status.INVALID_COMMAND)
    client.send(UNBIND)
    assert client.answer()[0] == UNBIND | ANSWER

    with pytest.raises(ConnectionResetError):
        client.submit()


@pytest.mark.parametrize(("ids", "bases"), [(Ids.DECIMAL_IN_REPORTS, (16, 10)), (Ids.HEXADECIMAL_IN_REPORTS, (10, 16))])
def test_ids_are_written_in_one_way(ids: Ids, bases: tuple[int, int]) -> None:
    with SmppOperator.running(ids=ids) as operator, Client.bound(operator) as client:
        answered, reported = str(client.submit()), client.report()[0]

    assert answered != reported
    assert int(answered, bases[0]) == int(reported, bases[1])


def test_more_messages_are_taken_than_the_rate_says(operator: SmppOperator, client: Client) -> None:
    operator.rate = 2
    answers = [client.submit() for _ in range(4)]

    assert Status.THROTTLED in answers
    assert len(operator.phone(NUMBER)) == 4 - answers.count(Status.THROTTLED)
