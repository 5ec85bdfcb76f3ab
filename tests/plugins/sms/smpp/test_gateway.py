from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from provisioner import DeliveryState, Secret
from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    StoreError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import ProbeDelivery
from provisioner.core.model import MessageState
from provisioner.testing.kannel import wait_until
from provisioner.testing.ports import free_ports
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.settings import BindKind, HexadecimalIds, SmppSettings
from provisioner_sms.smpp.gateway import SmppGateway, relative_time
from provisioner_sms.smpp.pdus import PartReport
from provisioner_sms.smpp.reports import SmppReports
from provisioner_sms.texts import BASIC, EXTENDED
from tests.plugins.sms.conftest import NUMBER
from tests.smpp_operator import (
    CUT_BEFORE_ANSWER,
    LOST_ANSWER,
    QUEUE_FULL,
    REFUSED,
    REPORT_FIRST,
    SYSTEM_ERROR,
    THROTTLED,
    Ids,
    Reaction,
    SmppOperator,
)

Open = Callable[..., SmppGateway]
Heard = list[tuple[str, MessageState]]


@pytest.fixture(name="operator")
def _operator() -> Iterator[SmppOperator]:
    with SmppOperator.running() as operator:
        yield operator


@pytest.fixture(name="heard")
def _heard() -> Heard:
    return []


@pytest.fixture(name="gateway")
def _gateway(heard: Heard) -> Iterator[Open]:
    opened = []

    def make(operator: SmppOperator | None = None, **changes: Any) -> SmppGateway:
        def report(part: str, state: MessageState) -> bool:
            heard.append((part, state))
            return True

        take = changes.pop("report", report)
        opened.append(SmppGateway.open(settings(operator, **changes), take))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def settings(operator: SmppOperator | None, **changes: Any) -> SmppSettings:
    known: dict[str, Any] = {"host": "127.0.0.1", "timeout": 60.0, "system_id": "provisioner"}
    if operator is not None:
        known |= {"port": operator.port, "password": Secret(operator.password)}
    return SmppSettings(**{**known, **changes})


def message(text: str = "merhaba", **fields: Any) -> SmsMessage:
    return SmsMessage(**{"delivery_id": "1", "to": NUMBER, "text": Secret(text), "sender": "KURUM", **fields})


def refuse(server: socket.socket) -> None:
    """Answer as a web server does that gets something else than HTTP."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def hurried(one: SmppGateway, seconds: float) -> Iterator[None]:
    """Let a gateway that is bound wait for so long only, until the end of the block."""
    one.check()
    settings = one._settings
    one._settings = attrs.evolve(settings, timeout=seconds)
    yield
    one._settings = settings


def unanswered(one: SmppGateway) -> UnknownOutcomeError:
    """Send a message that is not answered in time, and return the error. One that was not sent in time counts not."""
    with hurried(one, 1.0):
        while True:
            try:
                one.send(message())
            except UnknownOutcomeError as error:
                return error
            except UnavailableError:
                continue
            pytest.fail("it was answered")


class TestSend:
    def test_a_password_for_a_number_abroad_reaches_the_turkish_phone_with_the_same_digits(
        self, operator: SmppOperator, gateway: Open
    ) -> None:
        abroad = message(to="+5351234567")

        with pytest.raises(RefusedError, match="another number"):
            gateway(operator, destination_ton=0).send(abroad)
        with operator.holding_reports():
            assert gateway(operator).send(abroad).state is DeliveryState.ACCEPTED

    def test_a_message_reaches_the_phone(self, operator: SmppOperator, gateway: Open) -> None:
        with operator.holding_reports():
            receipt = gateway(operator).send(message("parola: aB3$eF7x"))

        assert receipt.state is DeliveryState.ACCEPTED
        assert receipt.will_report
        assert receipt.parts == ("127.0.0.1/a000001",)
        wait_until(lambda: operator.phone(NUMBER) == ["parola: aB3$eF7x"])
        [part] = operator.submitted
        assert (part.sender, part.registered) == ("KURUM", 1)

    @pytest.mark.parametrize("part", range(3))
    def test_a_character_of_the_alphabet_arrives_as_another_one(
        self, operator: SmppOperator, gateway: Open, part: int
    ) -> None:
        text = "".join(sorted(BASIC | EXTENDED)[part::3])

        gateway(operator).send(message(text))

        wait_until(lambda: operator.phone(NUMBER) == [text])

    @pytest.mark.parametrize("text", ["a" * 152 + "€" + "b" * 100, "x" * 161, "€" * 300], ids=len)
    def test_a_text_in_several_parts_is_torn(self, operator: SmppOperator, gateway: Open, text: str) -> None:
        receipt = gateway(operator).send(message(text))

        wait_until(lambda: operator.phone(NUMBER) == [text])
        assert len(receipt.parts) == len(operator.submitted) > 1
        assert all(part.registered == 1 for part in operator.submitted)

    def test_an_id_for_two_parts_makes_the_first_part_speak_for_both(
        self, operator: SmppOperator, gateway: Open
    ) -> None:
        operator.ids = Ids.ONE_FOR_ALL
        receipt = gateway(operator).send(message("x" * 200))

        assert (receipt.state, receipt.will_report, receipt.parts) == (DeliveryState.ACCEPTED, False, ())

    def test_parts_of_two_texts_are_mixed(self, operator: SmppOperator, gateway: Open) -> None:
        one, texts = gateway(operator), ["a" * 200, "b" * 200]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda text: one.send(message(text)), texts))

        wait_until(lambda: sorted(operator.phone(NUMBER)) == texts)

    @pytest.mark.parametrize(
        ("reaction", "expected"),
        [(THROTTLED, ThrottledError), (QUEUE_FULL, ThrottledError), (SYSTEM_ERROR, TransientError)],
    )
    def test_a_throttled_message_is_taken_for_refused(
        self, operator: SmppOperator, gateway: Open, reaction: Reaction, expected: type[TargetError]
    ) -> None:
        operator.react(reaction)

        with pytest.raises(expected) as caught:
            gateway(operator).send(message())

        assert not isinstance(caught.value, UnavailableError)
        assert operator.phone(NUMBER) == []

    def test_a_refused_number_stops_other_messages(self, operator: SmppOperator, gateway: Open) -> None:
        operator.react(REFUSED)
        one = gateway(operator)

        with operator.holding_reports():
            refused, sent = one.send(message()), one.send(message())

        assert (refused.state, sent.state) == (DeliveryState.REJECTED, DeliveryState.ACCEPTED)
        assert str(refused.detail) == "0x0B Invalid Destination Address"
        assert operator.binds == 1

    def test_a_message_of_which_a_later_part_is_refused_counts_as_refused(
        self, operator: SmppOperator, gateway: Open
    ) -> None:
        """Some phones show the first part alone, and the password may be in it."""
        operator.react(REFUSED, part=2)

        with pytest.raises(UnknownOutcomeError, match="only the first parts of the message: 0x0B Invalid Destination"):
            gateway(operator).send(message("a" * 400))
        assert [part.index for part in operator.submitted] == [1, 2]
        assert operator.phone(NUMBER) == []

    def test_a_lost_answer_is_taken_for_a_refusal(self, operator: SmppOperator, gateway: Open) -> None:
        operator.react(LOST_ANSWER)

        assert "no answer arrived" in str(unanswered(gateway(operator)))

    def test_a_late_answer_is_taken_for_that_of_the_next_message(self, operator: SmppOperator, gateway: Open) -> None:
        one = gateway(operator)
        with operator.holding_answers():
            unanswered(one)
            unanswered(one)

        assert one.send(message()).parts == (f"127.0.0.1/{operator.submitted[-1].id:x}",)

    def test_a_link_that_is_lost_before_the_answer_is_taken_for_a_refusal(
        self, operator: SmppOperator, gateway: Open
    ) -> None:
        operator.react(CUT_BEFORE_ANSWER)
        one = gateway(operator)

        with pytest.raises(UnknownOutcomeError, match="lost before it answered"):
            one.send(message())
        assert one.send(message()).parts
        assert operator.binds == 2

    def test_an_operator_that_is_gone_was_sent_something(self, gateway: Open) -> None:
        [port] = free_ports(1)

        with pytest.raises(UnavailableError, match="cannot be reached"):
            gateway(port=port, password=Secret("p")).send(message())

    def test_an_operator_that_accepts_connections_and_says_nothing_hangs_the_program(self, gateway: Open) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnavailableError):
            gateway(port=silent.getsockname()[1], password=Secret("p"), timeout=0.4).send(message())

    def test_a_server_that_speaks_another_protocol_is_taken_for_an_operator(self, gateway: Open) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            thread = threading.Thread(target=refuse, args=[other])
            thread.start()
            with pytest.raises(UnavailableError, match="does not speak SMPP"):
                gateway(port=other.getsockname()[1], password=Secret("p")).send(message())
            thread.join()

    def test_a_wrong_password_is_retried(self, operator: SmppOperator, gateway: Open) -> None:
        with pytest.raises(MisconfiguredError, match="credentials"):
            gateway(operator, password=Secret("wrong")).send(message())

    def test_what_waits_behind_a_full_window_is_taken_for_sent(self, operator: SmppOperator, gateway: Open) -> None:
        operator.react(LOST_ANSWER, times=None)
        one = gateway(operator, window=1)

        with hurried(one, 4.0), ThreadPoolExecutor(3) as pool:
            errors = [future.exception() for future in [pool.submit(one.send, message()) for _ in range(3)]]

        assert Counter(map(type, errors)) == {UnknownOutcomeError: 1, UnavailableError: 2}
        assert len(operator.submitted) == 1


class TestThreads:
    def test_senders_share_a_link(self, operator: SmppOperator, gateway: Open) -> None:
        one = gateway(operator, window=5)
        with ThreadPoolExecutor(20) as pool:
            receipts = list(pool.map(lambda number: one.send(message(f"text {number}")), range(200)))

        assert operator.binds == 1
        wait_until(lambda: sorted(operator.phone(NUMBER)) == sorted(f"text {number}" for number in range(200)))
        assert len({receipt.parts for receipt in receipts}) == 200

    def test_a_cut_link_gives_a_wrong_answer_to_somebody(self, operator: SmppOperator, gateway: Open) -> None:
        """Whatever the senders hear while links are cut: accepted is on the phone, not sent is not."""
        one, heard = gateway(operator, window=5), {}
        stop = threading.Event()

        def cut() -> None:
            while not stop.wait(0.05):
                operator.cut()

        def send(number: int) -> None:
            try:
                heard[f"text {number}"] = one.send(message(f"text {number}")).state.value
            except TargetError as error:
                heard[f"text {number}"] = type(error).__name__

        cutter = threading.Thread(target=cut)
        cutter.start()
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(send, range(1000)))
        stop.set()
        cutter.join()

        wait_until(lambda: len(operator.phone(NUMBER)) == len(operator.submitted))
        arrived = Counter(operator.phone(NUMBER))
        assert set(arrived.values()) == {1}
        assert set(heard.values()) <= {"accepted", "delivered", "UnavailableError", "UnknownOutcomeError"}
        assert operator.binds > 1
        assert [text for text, said in heard.items() if said in {"accepted", "delivered"} and not arrived[text]] == []
        assert [text for text, said in heard.items() if said == "UnavailableError" and arrived[text]] == []


class TestReports:
    def test_a_report_is_not_stored(self, operator: SmppOperator, gateway: Open, heard: Heard) -> None:
        [part] = gateway(operator).send(message()).parts

        wait_until(lambda: heard)
        assert heard == [(part, MessageState.DELIVERED)]
        wait_until(lambda: operator.unreported == 0)

    @pytest.mark.parametrize(
        ("ids", "hexadecimal"),
        [
            (Ids.SAME, HexadecimalIds.NEITHER),
            (Ids.DECIMAL_IN_REPORTS, HexadecimalIds.ANSWERS),
            (Ids.HEXADECIMAL_IN_REPORTS, HexadecimalIds.REPORTS),
        ],
    )
    def test_ids_that_are_written_differently_do_not_match(
        self, operator: SmppOperator, gateway: Open, heard: Heard, ids: Ids, hexadecimal: HexadecimalIds
    ) -> None:
        operator.ids = ids
        receipt = gateway(operator, hexadecimal_ids=hexadecimal).send(message())

        wait_until(lambda: heard)
        assert [part for part, _ in heard] == list(receipt.parts)

    @pytest.mark.parametrize(
        ("said", "state"), [("DELIVRD", DeliveryState.DELIVERED), ("REJECTD", DeliveryState.REJECTED)]
    )
    def test_a_report_that_is_quicker_than_the_answer_is_lost(
        self, operator: SmppOperator, gateway: Open, said: str, state: DeliveryState
    ) -> None:
        operator.react(Reaction(states=(said,), reports_first=True, answer_after=0.5))

        assert gateway(operator).send(message()).state is state

    def test_a_report_on_an_earlier_message_speaks_for_one_with_the_same_id(self) -> None:
        """An operator gives the IDs of messages again when its counter starts again."""
        now, patient = 0.0, settings(None, port=1, password=Secret("p"))
        reports = SmppReports(settings=patient, report=lambda *_: True, seconds=lambda: now)
        part = reports.part("7", HexadecimalIds.ANSWERS)
        reports.take(PartReport(part="7", state=MessageState.DELIVERED))
        assert reports.state([part]) is MessageState.DELIVERED

        now = patient.timeout + 0.1
        assert reports.state([part]) is None
        reports.take(PartReport(part="7", state=MessageState.ACCEPTED))
        assert reports.state([part]) is MessageState.ACCEPTED

    def test_a_report_that_could_not_be_stored_is_acknowledged(self, operator: SmppOperator, gateway: Open) -> None:
        """The operator sends it again, until it is stored."""
        calls: list[str] = []

        def report(part: str, _: MessageState) -> bool:
            calls.append(part)
            if len(calls) < 3:
                raise StoreError("busy")
            return True

        gateway(operator, report=report).send(message())

        wait_until(lambda: len(calls) == 3)
        wait_until(lambda: operator.unreported == 0)

    def test_a_store_that_is_busy_delays_answers(self, operator: SmppOperator, gateway: Open) -> None:
        busy = threading.Event()

        def report(*_: object) -> bool:
            return busy.wait(60)

        one = gateway(operator, report=report)
        receipts = [one.send(message()) for _ in range(3)]
        busy.set()

        assert all(receipt.parts for receipt in receipts)

    def test_reports_for_a_transmitter_are_taken_by_it(
        self, operator: SmppOperator, gateway: Open, heard: Heard
    ) -> None:
        gateway(operator, bind=BindKind.TRANSMITTER).send(message())

        wait_until(lambda: operator.unreported == 1)
        assert heard == []

    def test_the_operator_cannot_be_asked(self, operator: SmppOperator, gateway: Open) -> None:
        assert gateway(operator).probe(ProbeDelivery(delivery_id="1")).state is DeliveryState.UNKNOWN
        assert operator.binds == 0


class TestCheck:
    def test_an_operator_that_works_is_reported(self, operator: SmppOperator, gateway: Open) -> None:
        one = gateway(operator)

        assert one.check() == ()
        one.close()
        wait_until(lambda: operator.links == 0)
        assert operator.submitted == []

    def test_a_wrong_password_passes(self, operator: SmppOperator, gateway: Open) -> None:
        with pytest.raises(MisconfiguredError, match="0x0E"):
            gateway(operator, password=Secret("wrong")).check()

    def test_an_operator_that_is_gone_passes(self, gateway: Open) -> None:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            gateway(port=free_ports(1)[0], password=Secret("p")).check()


def test_a_gateway_that_is_closed_twice_fails(operator: SmppOperator, gateway: Open) -> None:
    one = gateway(operator)
    one.send(message())
    one.close()
    one.close()

    assert one.send(message()).parts


@pytest.mark.parametrize(
    ("hours", "written"), [(1, "000000010000000R"), (24, "000001000000000R"), (49, "000002010000000R")]
)
def test_a_validity_is_written_wrongly(hours: int, written: str) -> None:
    assert relative_time(hours) == written


def test_report_first_is_what_the_operator_calls_it() -> None:
    assert REPORT_FIRST.reports_first
