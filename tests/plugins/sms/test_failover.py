"""A password is on its way over one gateway only, and a dead gateway doesn't keep the others from working."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from pytest_httpserver import HTTPServer

from provisioner import DeliveryState, Secret
from provisioner.core.api.errors import (
    CircuitOpenError,
    ForbiddenError,
    LeaseLostError,
    MisconfiguredError,
    NotAppliedError,
    PluginDefectError,
    RefusedError,
    SecretRefusedError,
    SystemMisconfiguredError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import DeliveryReceipt, ProbeDelivery
from provisioner.core.model.text import Text
from provisioner.testing.clock import FakeClock
from provisioner.testing.ports import free_ports
from provisioner_sms.failover import PAUSE, THRESHOLD, Failover, Line
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.limits import Limits
from provisioner_sms.opening import open_gateway
from provisioner_sms.settings import Settings
from tests.plugins.sms.conftest import NUMBER, asked, make_section

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TAKEN = DeliveryReceipt(state=DeliveryState.ACCEPTED, will_report=True)

Answer = DeliveryReceipt | Exception


@attrs.define(eq=False)
class ScriptedGateway:
    """A gateway that answers as the test says."""

    answer: Answer = TAKEN
    #: What its check raises.
    trouble: TargetError | None = None
    #: What it says of a message.
    state: DeliveryState = DeliveryState.UNKNOWN
    #: The IDs of the messages that it was handed, of those about which it was asked, and the number of checks.
    got: list[str] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    checks: int = 0

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        self.got.append(message.delivery_id)
        return _said(self.answer)

    def send_batch(self, messages: Sequence[SmsMessage]) -> Mapping[str, DeliveryReceipt]:
        return {one.delivery_id: self.send(one) for one in messages}

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        self.asked.append(request.delivery_id)
        return DeliveryReceipt(state=self.state)

    def check(self) -> tuple[str | Text, ...]:
        self.checks += 1
        if self.trouble:
            raise self.trouble
        return ("be warned",)

    def close(self) -> None:
        pass


def _said(answer: Answer) -> DeliveryReceipt:
    if isinstance(answer, Exception):
        raise answer
    return answer


@attrs.define(eq=False)
class TwoGateways:
    """A channel with two gateways."""

    first: ScriptedGateway = attrs.field(factory=ScriptedGateway)
    second: ScriptedGateway = attrs.field(factory=ScriptedGateway)
    clock: FakeClock = attrs.field(factory=lambda: FakeClock(NOON))
    failover: Failover = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        gateways = {"first": self.first, "second": self.second}
        self.failover = Failover(
            [Line.of(name, one, Limits(), "sms", now=self.clock) for name, one in gateways.items()]
        )

    def send(self, delivery_id: str = "m-1") -> DeliveryReceipt | Exception:
        try:
            return self.failover.send(message(delivery_id))
        except (TargetError, LeaseLostError, ZeroDivisionError) as error:
            return error


def message(delivery_id: str = "m-1") -> SmsMessage:
    return SmsMessage(delivery_id=delivery_id, to=NUMBER, text=Secret("parola aB3$eF7x"), sender="ILMEM")


def reached() -> UnavailableError:
    error = UnavailableError("no answer")
    error.reached = True
    return error


#: Answers after which the next gateway may have the message: it was not taken, and not because of the number.
NO: Mapping[str, Callable[[], Answer]] = {
    "unavailable": lambda: UnavailableError("down"),
    "suspended": lambda: CircuitOpenError("down"),
    "transient": lambda: TransientError("later"),
    "throttled": lambda: ThrottledError("slower", retry_after=3),
    "not applied": lambda: NotAppliedError("never received"),
    "misconfigured": lambda: MisconfiguredError("wrong password"),
    "no credit": lambda: SystemMisconfiguredError("no credit"),
}

#: Answers after which nobody else may have it: about the number, or about nothing.
STOP: Mapping[str, Callable[[], Answer]] = {
    "accepted": lambda: TAKEN,
    "delivered": lambda: DeliveryReceipt(state=DeliveryState.DELIVERED),
    "rejected": lambda: DeliveryReceipt(state=DeliveryState.REJECTED),
    "unknown": lambda: DeliveryReceipt(state=DeliveryState.UNKNOWN),
    "refused": lambda: RefusedError("no such number"),
    "forbidden": lambda: ForbiddenError("not to this number"),
    "secret refused": lambda: SecretRefusedError("not this password"),
    "lost": lambda: UnknownOutcomeError("no answer"),
    "no answer": reached,
    "defect": lambda: PluginDefectError("broken"),
    "foreign": ZeroDivisionError,
    "lease lost": lambda: LeaseLostError("somebody else"),
}

ANSWERS = {**NO, **STOP}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ANSWERS, ANSWERS)))
def test_a_password_is_sent_over_two_gateways(first: str, second: str) -> None:
    two = TwoGateways(ScriptedGateway(ANSWERS[first]()), ScriptedGateway(ANSWERS[second]()))

    outcome = two.send()

    assert two.first.got == ["m-1"]
    assert two.second.got == (["m-1"] if first in NO else [])
    if first in NO and second in NO:
        assert isinstance(outcome, (TransientError, MisconfiguredError))
    else:
        expected = ANSWERS[second if first in NO else first]()
        assert type(outcome) is type(expected)
        if isinstance(outcome, DeliveryReceipt):
            assert outcome.gateway == ("second" if first in NO else "first")


def test_the_matrix_lost_a_class() -> None:
    assert (len(NO), len(STOP), len(ANSWERS) ** 2) == (7, 12, 361)


@pytest.mark.parametrize("doubt", ["unknown", "lost", "no answer", "defect", "foreign", "lease lost"])
@pytest.mark.parametrize("later", [*NO, "accepted"])
def test_a_message_whose_answer_was_lost_is_sent_again_over_another_gateway(doubt: str, later: str) -> None:
    two = TwoGateways(ScriptedGateway(STOP[doubt]()))
    two.send()

    two.first.answer = ANSWERS[later]()
    for _ in range(5):
        two.send()

    assert two.second.got == []


def test_a_message_stays_with_a_gateway_that_certainly_did_not_take_it() -> None:
    two = TwoGateways(ScriptedGateway(UnavailableError("down")), ScriptedGateway(ThrottledError("slower")))
    two.send()
    two.first.answer = TAKEN

    receipt = two.send()

    assert isinstance(receipt, DeliveryReceipt)
    assert receipt.gateway == "first"


def test_another_gateway_is_asked_than_the_one_that_may_have_the_message() -> None:
    two = TwoGateways(ScriptedGateway(UnavailableError("down")), ScriptedGateway(UnknownOutcomeError("lost")))
    two.send()
    two.second.state = DeliveryState.DELIVERED

    answer = two.failover.probe(asked("m-1"))

    assert (answer.state, answer.gateway) == (DeliveryState.DELIVERED, "second")
    assert two.first.asked == []


def test_a_later_process_asks_every_gateway() -> None:
    two = TwoGateways(ScriptedGateway(state=DeliveryState.MISSING), ScriptedGateway(state=DeliveryState.DELIVERED))

    assert two.failover.probe(asked("m-1", gateway="second")).state is DeliveryState.DELIVERED
    assert two.failover.probe(asked("m-1")).state is DeliveryState.UNKNOWN
    assert two.failover.probe(asked("m-1", gateway="gone")).state is DeliveryState.UNKNOWN
    assert (two.first.asked, two.second.asked) == ([], ["m-1"])


def test_a_dead_gateway_costs_a_timeout_for_each_message() -> None:
    two = TwoGateways(ScriptedGateway(UnavailableError("down")))

    for number in range(20):
        two.send(f"m-{number}")

    assert len(two.first.got) == THRESHOLD
    assert len(two.second.got) == 20


def test_a_gateway_that_works_again_is_left_out_for_ever() -> None:
    two = TwoGateways(ScriptedGateway(UnavailableError("down")))
    for number in range(THRESHOLD):
        two.send(f"m-{number}")
    two.first.answer = TAKEN
    two.clock.advance(PAUSE + timedelta(seconds=1))

    two.send("after the pause")
    two.send("and again")

    assert two.first.got[-2:] == ["after the pause", "and again"]


@pytest.mark.parametrize("answer", ["rejected", "refused", "forbidden"])
def test_a_refused_number_stops_a_gateway(answer: str) -> None:
    two = TwoGateways(ScriptedGateway(STOP[answer]()))
    for number in range(50):
        two.send(f"m-{number}")
    two.first.answer = TAKEN

    receipt = two.send("another number")

    assert isinstance(receipt, DeliveryReceipt)
    assert receipt.gateway == "first"
    assert two.second.got == []


def test_a_gateway_that_forbids_everything_keeps_the_next_from_working() -> None:
    """A wall in front of a provider answers 403 to everything, its check included."""
    two = TwoGateways(ScriptedGateway(ForbiddenError("403"), trouble=MisconfiguredError("403")))

    receipt = two.send()

    assert isinstance(receipt, DeliveryReceipt)
    assert receipt.gateway == "second"


def test_a_gateway_without_credit_is_asked_for_each_message() -> None:
    two = TwoGateways(ScriptedGateway(SystemMisconfiguredError("no credit")))

    for number in range(5):
        two.send(f"m-{number}")

    assert two.first.got == ["m-0"]


def test_the_error_that_passes_soon_is_hidden_by_one_that_does_not() -> None:
    two = TwoGateways(
        ScriptedGateway(MisconfiguredError("wrong password")), ScriptedGateway(ThrottledError("slower", retry_after=3))
    )

    error = two.send()

    assert isinstance(error, ThrottledError)
    assert (error.retry_after, str(error)) == (3, "second: slower")


def test_a_check_does_not_say_which_gateway_fails() -> None:
    two = TwoGateways(ScriptedGateway(trouble=MisconfiguredError("wrong password")))

    assert [str(warning) for warning in two.failover.check()] == ["first: wrong password", "second: be warned"]


def test_a_channel_without_a_working_gateway_passes_its_check() -> None:
    two = TwoGateways(
        ScriptedGateway(trouble=MisconfiguredError("wrong password")),
        ScriptedGateway(trouble=UnavailableError("down")),
    )

    with pytest.raises(UnavailableError, match="second: down"):
        two.failover.check()


def test_a_check_does_not_bring_a_gateway_back() -> None:
    two = TwoGateways(ScriptedGateway(UnavailableError("down")))
    for number in range(THRESHOLD):
        two.send(f"m-{number}")
    two.first.answer = TAKEN

    two.failover.check()
    two.send("after the check")

    assert two.first.got[-1] == "after the check"


def test_the_only_gateway_is_guarded_twice() -> None:
    """The breaker of the channel is sufficient, and its threshold is the one that is documented."""
    alone = ScriptedGateway(UnavailableError("down"))
    failover = Failover([Line.of("first", alone, Limits(), "sms")])
    for _ in range(20):
        with pytest.raises(UnavailableError, match=r"^down"):
            failover.send(message())

    assert len(alone.got) == 20


def test_threads_that_fail_together_send_a_message_twice() -> None:
    two = TwoGateways(ScriptedGateway(UnavailableError("down")))
    start = threading.Barrier(8)

    def send(number: int) -> None:
        start.wait()
        for each in range(25):
            two.send(f"m-{number}-{each}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))

    assert len(two.second.got) == len(set(two.second.got)) == 200
    assert len(two.first.got) < 20


# -- the settings and real servers -----------------------------------------------------------------------------------


@pytest.fixture(name="channel")
def _channel(httpserver: HTTPServer) -> Iterator[Callable[..., Failover]]:
    opened: list[Failover] = []

    def make(netgsm_url: str, **more: Any) -> Failover:
        credentials = {"username": "8501234567", "password": "plain:k", "timeout": 2}
        table = {
            "gateway": "netgsm",
            "fallbacks": ["verimor"],
            "sender": "ILMEM",
            "help_desk": "0344",
            "netgsm": {**credentials, "url": netgsm_url, **more},
            "verimor": {**credentials, "url": httpserver.url_for("").rstrip("/")},
        }
        one = open_gateway(make_section(table).settings(Settings), "sms")
        assert isinstance(one, Failover)
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.close()


def test_a_provider_that_is_gone_stops_the_channel(httpserver: HTTPServer, channel: Callable[..., Failover]) -> None:
    httpserver.expect_request("/v2/send.json").respond_with_data("20212")
    [port] = free_ports(1)

    receipt = channel(f"http://127.0.0.1:{port}").send(message())

    assert (receipt.gateway, receipt.reference) == ("verimor", "20212")


def test_a_provider_that_took_the_message_is_followed_by_another(
    httpserver: HTTPServer, channel: Callable[..., Failover]
) -> None:
    httpserver.expect_request("/sms/rest/v2/send").respond_with_data("<html>", 502)

    one = channel(httpserver.url_for(""))
    with pytest.raises(UnknownOutcomeError):
        one.send(message())

    assert [request.path for request, _ in httpserver.log] == ["/sms/rest/v2/send"]


def test_several_messages_stay_with_the_gateway_that_may_have_them() -> None:
    two = TwoGateways()
    two.first.answer = UnknownOutcomeError("no answer")
    with pytest.raises(UnknownOutcomeError):
        two.failover.send_batch([message("m1"), message("m2")])
    two.first.answer = TAKEN

    assert two.failover.send(message("m2")).gateway == "first"
    assert two.second.got == []


def test_several_messages_that_were_not_taken_go_to_another_gateway_one_by_one() -> None:
    two = TwoGateways()
    two.first.answer = UnavailableError("down")
    with pytest.raises(UnavailableError):
        two.failover.send_batch([message("m1"), message("m2")])

    assert two.failover.send(message("m2")).gateway == "second"


def test_a_message_that_another_gateway_may_have_is_not_among_several() -> None:
    two = TwoGateways()
    two.first.answer, two.second.answer = UnavailableError("down"), UnknownOutcomeError("no answer")
    with pytest.raises(UnknownOutcomeError):
        two.failover.send(message("m1"))
    two.first.answer = two.second.answer = TAKEN
    receipts = two.failover.send_batch([message("m1"), message("m2")])

    assert {one: receipt.state for one, receipt in receipts.items()} == {
        "m1": DeliveryState.MISSING,
        "m2": DeliveryState.ACCEPTED,
    }
    assert two.first.got == ["m1", "m2"]
