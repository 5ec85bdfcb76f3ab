"""A phone network that speaks SMPP 3.4, and does what a test tells it.

It accepts any number of links at once, answers ``bind_*``, ``submit_sm``, ``enquire_link`` and ``unbind``, and reports
by ``deliver_sm``. It keeps the reports that no link acknowledges, and sends them again over the next link that
receives. By default, each message is on its phone at once and is reported as delivered::

    with SmppOperator.running() as operator:
        client = open_client("127.0.0.1", operator.port, operator.system_id, operator.password)
        operator.react(THROTTLED, times=3)                               # the next three messages to any phone
        operator.react(Reaction(states=("REJECTD",), report_after=1.0), number="+905321234567")
        operator.react(REFUSED, number="+905321234567", part=2)          # the second part of the next one in parts
        operator.react(LOST_ANSWER, times=None)                          # all others, until forget()
        client.send("+905321234567", "hello")
        wait_until(lambda: operator.phone("+905321234567") == ["hello"])

What concerns the links and not one message: :meth:`~SmppOperator.cut`, :meth:`~SmppOperator.unreachable`,
:meth:`~SmppOperator.holding_reports`, :meth:`~SmppOperator.holding_answers`, :attr:`~SmppOperator.ids` and
:attr:`~SmppOperator.rate`.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum, IntEnum
from functools import partial
from typing import Self

import attrs
import smpp34

from provisioner.testing.kannel import wait_until
from provisioner.testing.ports import free_ports

#: How long the thread of the links may take to do what it is told, in seconds.
PATIENCE = 60.0

#: A longer PDU ends the link: it is none, but the beginning of a TLS handshake, for example.
LONGEST_PDU = 64 * 1024

#: How long after a refusal a report is sent again, in seconds.
PAUSE = 0.2

_HEADER = struct.Struct(">IIII")

# command_id of the requests that are answered; an answer has the highest bit set.
BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, DELIVER_SM, UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK = 1, 2, 4, 5, 6, 9, 21
ANSWER, GENERIC_NACK = 0x80000000, 0x80000000

# Tags of the TLVs of a report.
RECEIPTED_MESSAGE_ID, MESSAGE_STATE = 0x001E, 0x0427


class Status(IntEnum):
    """The command_status of an answer."""

    OK = 0x00
    INVALID_COMMAND = 0x03
    NOT_BOUND = 0x04
    SYSTEM_ERROR = 0x08
    INVALID_NUMBER = 0x0B
    WRONG_PASSWORD = 0x0E
    QUEUE_FULL = 0x14
    THROTTLED = 0x58


#: What is answered to a request that needs nothing else; messages need a link that is bound for them.
_REPLIES = {
    ENQUIRE_LINK: (ENQUIRE_LINK, Status.OK),
    UNBIND: (UNBIND, Status.OK),
    SUBMIT_SM: (SUBMIT_SM, Status.NOT_BOUND),
}

#: What a report says in its text, and the number that means the same in its TLV.
STATES: Mapping[str, int] = {
    "ENROUTE": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
}

#: Bits of esm_class: the text begins with a header; the message is a report.
HAS_HEADER, IS_REPORT = 0x40, 0x04

#: The GSM 7-bit alphabet (3GPP TS 23.038), one character for each septet, and what follows an escape.
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_ESCAPED = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip


class Ids(Enum):
    """How the ID of a message is written in the answer, and in its reports."""

    SAME = "{:08x}", "{:08x}"
    DECIMAL_IN_REPORTS = "{:x}", "{:010d}"
    HEXADECIMAL_IN_REPORTS = "{:d}", "{:08X}"
    ONE_FOR_ALL = "1", "1"


@attrs.frozen(kw_only=True)
class Reaction:
    """What the operator does with one message, or with one part of it."""

    #: The command_status of the answer. Anything but 0 refuses the message, and nothing else happens to it.
    status: Status = Status.OK
    #: Whether there is an answer, and how many seconds later.
    answers: bool = True
    answer_after: float = 0.0
    #: Whether the link is cut after the answer, or instead of it.
    cuts: bool = False
    #: What is reported, one after another; empty if nothing is.
    states: tuple[str, ...] = ("DELIVRD",)
    #: How many seconds after the answer, or after the moment at which it was due, the reports are sent.
    report_after: float = 0.0
    #: Whether the reports are sent before the answer, as soon as the message is there.
    reports_first: bool = False
    #: Whether the message gets to its phone, when the last report is sent; by default if that says so.
    arrives: bool | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the message gets to its phone."""
        return "DELIVRD" in self.states if self.arrives is None else self.arrives


DELIVERED = Reaction()
#: Refused at once, as for a number that does not exist.
REFUSED = Reaction(status=Status.INVALID_NUMBER)
#: Not taken now.
THROTTLED = Reaction(status=Status.THROTTLED)
QUEUE_FULL = Reaction(status=Status.QUEUE_FULL)
SYSTEM_ERROR = Reaction(status=Status.SYSTEM_ERROR)
#: Taken, and refused a second later.
REFUSED_LATER = Reaction(states=("REJECTD",), report_after=1.0)
#: On the phone, and the answer is lost; or neither.
LOST_ANSWER = Reaction(answers=False)
LOST_MESSAGE = Reaction(answers=False, states=())
#: On the phone, and the link is cut before or after the answer.
CUT_BEFORE_ANSWER = Reaction(answers=False, cuts=True)
CUT_AFTER_ANSWER = Reaction(cuts=True)
#: The report is quicker than the answer.
REPORT_FIRST = Reaction(reports_first=True, answer_after=0.2)


@attrs.frozen(kw_only=True)
class Part:
    """One ``submit_sm``: a message, or a part of one."""

    #: The number, with ``+``.
    number: str
    text: str = attrs.field(repr=False)
    #: What the parts of one message share; ``None`` if it has only one.
    reference: int | None = None
    index: int = 1
    total: int = 1
    #: The number from which the IDs in the answer and in the reports follow.
    id: int
    sender: str
    #: The registered_delivery that was asked for.
    registered: int
    reaction: Reaction


@attrs.define(eq=False)
class Link:
    """A connection. It receives reports once it is bound as a receiver or a transceiver."""

    _writer: asyncio.StreamWriter
    #: What it is bound as: the command_id of the request.
    bound_as: int | None = None
    #: The reports that it has not acknowledged, by the sequence number.
    unacknowledged: dict[int, Report] = attrs.field(factory=dict)

    @property
    def sends(self) -> bool:
        """Whether messages can be submitted over it."""
        return self.bound_as in {BIND_TRANSMITTER, BIND_TRANSCEIVER}

    @property
    def receives(self) -> bool:
        """Whether reports can be sent over it."""
        return self.bound_as in {BIND_RECEIVER, BIND_TRANSCEIVER} and not self._writer.is_closing()

    def send(self, pdu: bytes) -> None:
        """Send a PDU, if the link is still there."""
        if not self._writer.is_closing():
            self._writer.write(pdu)

    def answer(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        """Answer a request."""
        length = _HEADER.size + len(body)
        self.send(_HEADER.pack(length, command | ANSWER, status, sequence) + body)

    def close(self) -> None:
        """Close it, after what was sent."""
        self._writer.close()

    def cut(self) -> None:
        """Cut it, as a router that drops the connection."""
        self._writer.transport.abort()


@attrs.frozen
class Report:
    """A report on a message."""

    part: Part
    state: str


@attrs.define
class _Plan:
    """A reaction to later messages."""

    reaction: Reaction
    left: int | None
    number: str | None
    part: int | None

    def fits(self, number: str, index: int) -> bool:
        return self.left != 0 and self.number in {None, number} and self.part in {None, index}

    def use(self) -> Reaction:
        if self.left is not None:
            self.left -= 1
        return self.reaction


@attrs.define(eq=False, kw_only=True)
class SmppOperator:
    """A running operator. :meth:`running` makes one. Everything that happens to links happens in its own thread."""

    port: int
    system_id: str = "provisioner"
    password: str = attrs.field(default="operator", repr=False)
    #: How IDs of messages are written.
    ids: Ids = Ids.SAME
    #: How many messages are taken within a second; more are throttled. ``None`` takes all.
    rate: int | None = None
    #: Its certificate; ``None`` if it doesn't speak TLS.
    tls: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    #: How many PDUs of any kind arrived.
    pdus: int = attrs.field(default=0, init=False)
    #: Everything that was submitted, the oldest first, with what was done with it.
    submitted: list[Part] = attrs.field(factory=list, init=False)
    #: How often a link was bound.
    binds: int = attrs.field(default=0, init=False)
    _arrived: list[Part] = attrs.field(factory=list, init=False, repr=False)
    _plans: list[_Plan] = attrs.field(factory=list, init=False, repr=False)
    _links: set[Link] = attrs.field(factory=set, init=False, repr=False)
    #: The reports that no link has taken.
    _waiting: deque[Report] = attrs.field(factory=deque, init=False, repr=False)
    _holding: bool = attrs.field(default=False, init=False)
    #: The answers that are held; ``None`` if none are.
    _held_answers: list[Callable[[], None]] | None = attrs.field(default=None, init=False, repr=False)
    _taken: deque[float] = attrs.field(factory=deque, init=False, repr=False)
    _sequence: int = attrs.field(default=0, init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.new_event_loop, init=False, repr=False)
    _server: asyncio.Server | None = attrs.field(default=None, init=False, repr=False)

    @classmethod
    @contextmanager
    def running(
        cls, *, rate: int | None = None, ids: Ids = Ids.SAME, tls: ssl.SSLContext | None = None
    ) -> Iterator[Self]:
        """Run an operator on a free port of loopback for as long as the ``with`` block.

        Args:

            rate: How many messages it takes within a second; more are throttled.

            ids: How it writes the IDs of messages.

            tls: Its certificate; ``None`` if it doesn't speak TLS.
        """
        [port] = free_ports(1)
        operator = cls(port=port, rate=rate, ids=ids, tls=tls)
        thread = threading.Thread(target=operator._loop.run_forever, name="smpp-operator")
        thread.start()
        try:
            operator._listen()
            yield operator
        finally:
            operator._hang_up()
            operator._loop.call_soon_threadsafe(operator._loop.stop)
            thread.join()
            operator._loop.close()

    # -- what a test tells it --------------------------------------------------------------------------------------

    def react(
        self, reaction: Reaction, *, times: int | None = 1, number: str | None = None, part: int | None = None
    ) -> None:
        """Tell what to do with coming messages. What was told first is done first.

        Args:

            reaction: What to do.

            times: With how many ``submit_sm``; ``None`` for all.

            number: Only with messages to this number, with ``+``.

            part: Only with this part of a message.
        """
        self._plans.append(_Plan(reaction, times, number, part))

    def forget(self) -> None:
        """Take back all that :meth:`react` was told."""
        self._plans.clear()

    def cut(self) -> None:
        """Cut all links. New ones are accepted."""
        self._call(self._cut)

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Cut all links, and accept no connection until the end of the block."""
        self._hang_up()
        try:
            yield
        finally:
            self._listen()

    @contextmanager
    def holding_reports(self) -> Iterator[None]:
        """Keep all reports until the end of the block, also over new links."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            self._call(self._send_reports)

    @contextmanager
    def holding_answers(self) -> Iterator[None]:
        """Keep the answers to all messages until the end of the block."""
        self._held_answers = []
        try:
            yield
        finally:
            self._call(self._send_answers)

    # -- what a test sees ------------------------------------------------------------------------------------------

    def phone(self, number: str) -> list[str]:
        """Return the texts on a phone, in the order in which they arrived; a message in parts when all are there."""
        parts: dict[int, dict[int, str]] = {}
        texts = []
        for one in self._arrived.copy():
            if one.number != number:
                continue
            whole = {one.index: one.text} if one.reference is None else parts.setdefault(one.reference, {})
            whole[one.index] = one.text
            if len(whole) == one.total:
                texts.append("".join(whole[index] for index in sorted(whole)))
                whole.clear()
        return texts

    def numbers(self) -> list[str]:
        """Return the numbers of the phones to which something came, each once."""
        return list(dict.fromkeys(one.number for one in self._arrived.copy()))

    @property
    def links(self) -> int:
        """How many links are bound."""
        return sum(link.bound_as is not None for link in self._links.copy())

    @property
    def unreported(self) -> int:
        """How many reports no link has acknowledged."""
        return len(self._waiting) + sum(len(link.unacknowledged) for link in self._links.copy())

    # -- links -----------------------------------------------------------------------------------------------------

    def _call(self, action: Callable[[], None]) -> None:
        """Do something in the thread of the links, and wait for it."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(PATIENCE)

    def _listen(self) -> None:
        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(PATIENCE)

    def _hang_up(self) -> None:
        assert self._server is not None
        self._call(self._server.close)
        self._call(self._cut)
        wait_until(lambda: not self._links)

    def _cut(self) -> None:
        for link in self._links:
            link.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer)
        self._links.add(link)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readexactly(4)
                    length = int.from_bytes(head)
                    if length > LONGEST_PDU:
                        break
                    self._take(link, head + await reader.readexactly(length - len(head)))
        finally:
            self._links.discard(link)
            self._waiting.extendleft(reversed(link.unacknowledged.values()))
            link.close()
            self._send_reports()

    def _take(self, link: Link, pdu: bytes) -> None:
        self.pdus += 1
        _, command, status, sequence = _HEADER.unpack_from(pdu)
        if command & ANSWER:
            self._take_answer(link, command, status, sequence)
        elif command in {BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER}:
            self._bind(link, command, sequence, pdu[_HEADER.size :])
        elif command == SUBMIT_SM and link.sends:
            self._submit(link, sequence, pdu)
        else:
            link.answer(*_REPLIES.get(command, (GENERIC_NACK, Status.INVALID_COMMAND)), sequence)
        if command == UNBIND:
            link.close()

    def _take_answer(self, link: Link, command: int, status: int, sequence: int) -> None:
        report = link.unacknowledged.pop(sequence, None) if command == DELIVER_SM | ANSWER else None
        if report is not None and status != Status.OK:
            self._waiting.append(report)
            self._loop.call_later(PAUSE, self._send_reports)

    def _bind(self, link: Link, command: int, sequence: int, body: bytes) -> None:
        system_id, password = body.split(b"\0")[:2]
        if (system_id.decode(), password.decode()) != (self.system_id, self.password):
            link.answer(command, Status.WRONG_PASSWORD, sequence)
            return
        link.bound_as = command
        self.binds += 1
        link.answer(command, Status.OK, sequence, b"operator\0")
        self._send_reports()

    # -- messages --------------------------------------------------------------------------------------------------

    def _submit(self, link: Link, sequence: int, pdu: bytes) -> None:
        one = self._read(pdu)
        self.submitted.append(one)
        reaction = one.reaction
        if reaction.reports_first:
            self._process(one)
        self._later(reaction.answer_after, self._answer, link, sequence, one)
        if not reaction.reports_first:
            self._later(reaction.answer_after + reaction.report_after, self._process, one)

    def _later(self, delay: float, action: Callable[..., None], *values: object) -> None:
        """Do something after so many seconds; after nothing, at once."""
        if delay:
            self._loop.call_later(delay, action, *values)
        else:
            action(*values)

    def _send_answers(self) -> None:
        held, self._held_answers = self._held_answers or [], None
        for answer in held:
            answer()

    def _answer(self, link: Link, sequence: int, one: Part) -> None:
        if self._held_answers is not None:
            self._held_answers.append(partial(self._answer, link, sequence, one))
            return
        reaction = one.reaction
        if reaction.answers:
            body = f"{self._id(one, 0)}\0".encode() if reaction.status == Status.OK else b""
            link.answer(SUBMIT_SM, reaction.status, sequence, body)
        if reaction.cuts and reaction.answers:
            link.close()
        elif reaction.cuts:
            link.cut()

    def _process(self, one: Part) -> None:
        if one.reaction.status != Status.OK:
            return
        if one.reaction.is_delivered:
            self._arrived.append(one)
        if one.registered & 0x03:
            self._waiting.extend(Report(one, state) for state in one.reaction.states)
            self._send_reports()

    def _read(self, pdu: bytes) -> Part:
        submitted = smpp34.decode(pdu)
        assert isinstance(submitted, smpp34.SubmitSm)
        content, reference, index, total = bytes(submitted.short_message), None, 1, 1
        if submitted.esm_class & HAS_HEADER:
            header, content = content[: content[0] + 1], content[content[0] + 1 :]
            reference, total, index = header[3:6]
        number = f"+{submitted.destination_addr.lstrip('+')}"
        return Part(
            number=number,
            text=_decoded(content, submitted.data_coding),
            reference=reference,
            index=index,
            total=total,
            id=len(self.submitted) + 0x0A000001,
            sender=submitted.source_addr,
            registered=submitted.registered_delivery,
            reaction=self._reaction(number, index),
        )

    def _reaction(self, number: str, index: int) -> Reaction:
        if self.rate is not None and not self._within_rate(self.rate):
            return THROTTLED
        return next((plan.use() for plan in self._plans if plan.fits(number, index)), DELIVERED)

    def _within_rate(self, rate: int) -> bool:
        now = time.monotonic()
        while self._taken and self._taken[0] < now - 1:
            self._taken.popleft()
        if len(self._taken) >= rate:
            return False
        self._taken.append(now)
        return True

    # -- reports ---------------------------------------------------------------------------------------------------

    def _send_reports(self) -> None:
        link = next((link for link in self._links if link.receives), None)
        while link is not None and self._waiting and not self._holding:
            self._sequence += 1
            report = self._waiting.popleft()
            link.unacknowledged[self._sequence] = report
            link.send(self._pdu(report))

    def _pdu(self, report: Report) -> bytes:
        one, identity = report.part, self._id(report.part, 1)
        at = time.strftime("%y%m%d%H%M")
        text = (
            f"id:{identity} sub:001 dlvrd:{report.state == 'DELIVRD':03d} submit date:{at} done date:{at} "
            f"stat:{report.state} err:000 text:"
        )
        return bytes(
            smpp34.DeliverSm(
                one.number,
                one.sender,
                text.encode(),
                esm_class=IS_REPORT,
                sequence_number=self._sequence,
                tlvs=[
                    smpp34.Tlv(RECEIPTED_MESSAGE_ID, f"{identity}\0".encode()),
                    smpp34.Tlv(MESSAGE_STATE, bytes([STATES[report.state]])),
                ],
            ).encode()
        )

    def _id(self, one: Part, place: int) -> str:
        """Return how the ID of a message is written in the answer (0) or in reports (1)."""
        form: str = self.ids.value[place]
        return form.format(one.id)


def _decoded(content: bytes, coding: int) -> str:
    if coding == 0:
        return _decoded_septets(content)
    return content.decode("utf-16-be" if coding & 0x0C == 0x08 else "latin-1")


def _decoded_septets(content: bytes) -> str:
    septets = iter(content)
    return "".join(GSM_ESCAPED[next(septets)] if septet == 0x1B else GSM[septet] for septet in septets)
