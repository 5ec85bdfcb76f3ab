"""How a channel reports failing gateways, and keeps secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import pytest

from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import CheckChannel, DeliverSecret, DeliveryReceipt, DeliveryState
from provisioner.core.gateways.gateway import Channel
from provisioner.core.model import Person
from provisioner.testing.contract.load import THREADS, at_once, expect_no_growth
from provisioner.testing.contract.postbox import TAKEN, Postbox
from provisioner.testing.contract.sandbox import channel_gateway, expecting_no_defect
from provisioner.testing.contract.secrecy import (
    Listener,
    ListenerFixtures,
    call_past_masking,
    expect_discreet,
    expect_unsaid,
)
from provisioner.testing.contract.tags import Tag, tagged
from provisioner.testing.contract.wire import FEW_REQUESTS, LOSSES, MOST_REQUESTS, in_time, struck
from provisioner.testing.proxy import TcpProxy, WireFault


@tagged(Tag.SECRECY)
class DeliverySecrecyChecks(ListenerFixtures):
    """Checks that the password is only in the message (001 ¶5)."""

    def test_no_secret_in_receipts_and_logs(self, postbox: Postbox, listener: Listener) -> None:
        """Receipts are stored in the journal, and many people read logs."""
        message = postbox.message()

        with listener.listening() as heard:
            receipt = call_past_masking(postbox.channel, message)

        expect_unsaid((message.secret,), "a receipt", repr(receipt))
        expect_unsaid((message.secret,), "what was logged or printed", *heard)

    def test_prints_nothing(self, postbox: Postbox, listener: Listener) -> None:
        """Stdout is for the output of a command, which may be one JSON document. Log everything else."""
        printed = listener.printed(partial(call_past_masking, postbox.channel, postbox.message()))

        is_silent = not printed  # outside of what is explained: it may have a password
        assert is_silent, "a message prints on stdout"

    def test_no_secret_in_the_representation(self, postbox: Postbox, channel: object) -> None:
        """The representation of the plug-in's object may be printed, for example by a failing test."""
        message = postbox.message()
        postbox.sent(message)

        expect_unsaid((message.secret,), "repr() or str() of the plug-in's object", repr(channel), str(channel))

    def test_no_secret_in_refusals(
        self, postbox: Postbox, listener: Listener, unreachable_people: Sequence[Person]
    ) -> None:
        """The message about an unreachable number doesn't quote the password."""
        for person in unreachable_people:
            _expect_discreet(postbox.channel, postbox.message(person), listener)

    def test_no_secret_in_errors_of_wrong_credentials(
        self, postbox: Postbox, listener: Listener, channel_with_wrong_credentials: object
    ) -> None:
        """The message about wrong credentials doesn't quote the password."""
        _expect_discreet(channel_gateway(channel_with_wrong_credentials), postbox.message(), listener)

    def test_no_secret_in_errors_of_an_unreachable_gateway(
        self, postbox: Postbox, listener: Listener, unreachable_channel: object
    ) -> None:
        """The message about a broken network doesn't quote the password."""
        _expect_discreet(channel_gateway(unreachable_channel), postbox.message(), listener)


@tagged(Tag.WIRE)
class DeliveryWireChecks(ListenerFixtures):
    """Checks that the class of an error describes what may have happened."""

    def test_wrong_credentials_are_misconfigured(
        self, postbox: Postbox, channel_with_wrong_credentials: object
    ) -> None:
        """Wrong credentials of the product stop the run. Nothing is sent, and the check detects them before."""
        channel, message = channel_gateway(channel_with_wrong_credentials), postbox.message()

        with pytest.raises(MisconfiguredError):
            expecting_no_defect(lambda: channel.deliver(message))
        if "channel_check" in channel.hooks:
            with pytest.raises(MisconfiguredError):
                expecting_no_defect(lambda: channel.check(CheckChannel()))

        postbox.expect_nothing(message, "delivering with wrong credentials")

    def test_an_unreachable_gateway_is_unavailable(
        self, postbox: Postbox, unreachable_channel: object, patience: float
    ) -> None:
        """If nothing was sent, the error says so: the same password can then be sent again."""
        channel, message = channel_gateway(unreachable_channel), postbox.message()

        with pytest.raises(UnavailableError), in_time(patience):
            expecting_no_defect(lambda: channel.deliver(message))
        if "channel_check" in channel.hooks:
            with pytest.raises(UnavailableError), in_time(patience):
                expecting_no_defect(lambda: channel.check(CheckChannel()))

        postbox.expect_nothing(message, "delivering to a gateway that cannot be reached")

    def test_throttling_is_said(self, postbox: Postbox, throttled_channel: object) -> None:
        """Rate limiting has its own error class, and nothing was sent. The engine waits as requested."""
        channel, message = channel_gateway(throttled_channel), postbox.message()

        with pytest.raises(ThrottledError):
            expecting_no_defect(lambda: channel.deliver(message))

        postbox.expect_nothing(message, "delivering to a gateway that limits the rate")

    @pytest.mark.parametrize("fault", LOSSES)
    def test_a_lost_answer_is_told_as_it_is(self, wired: Postbox, wire: TcpProxy, fault: WireFault) -> None:
        """Whichever message of a call is lost, the class of the error is correct: "not sent" or "unknown"."""
        for message, state in _swept(wired, wire, fault):
            if state in TAKEN:
                wired.expect_arrived(message, f"{fault}, with an answer")
            elif state is not DeliveryState.UNKNOWN:
                wired.expect_nothing(message, f"{fault}, with {state}")

    @pytest.mark.parametrize("fault", LOSSES)
    def test_a_probe_finds_what_a_lost_answer_hid(self, wired: Postbox, wire: TcpProxy, fault: WireFault) -> None:
        """A later probe returns what happened to the message, or that it is unknown."""
        wired.needs("delivery_probe")
        for message, _ in _swept(wired, wire, fault):
            later = wired.probe(message.delivery_id)
            if later in TAKEN:
                wired.expect_arrived(message, f"{fault}, and a probe that found it")
            elif later is not DeliveryState.UNKNOWN:
                wired.expect_nothing(message, f"{fault}, and a probe that says {later}")

    def test_time_outs_end(self, wired: Postbox, wire: TcpProxy, patience: float) -> None:
        """A gateway that stops answering doesn't block a worker permanently, and works again afterwards."""
        message, later = wired.message(), wired.message()
        wire.fail(WireFault.BLACK_HOLE)

        with in_time(patience):
            state = _state(lambda: wired.send(message))
        if "channel_check" in wired.channel.hooks:
            with pytest.raises(UnavailableError), in_time(patience):
                expecting_no_defect(lambda: wired.channel.check(CheckChannel()))

        assert state in {DeliveryState.UNKNOWN, None}, f"a message into silence is {state}"
        wire.heal()
        wired.sent(later)
        wired.expect_arrived(later, "a silence")

    def test_nothing_is_left_open_after_lost_answers(self, wired: Postbox, wire: TcpProxy) -> None:
        """A broken connection is closed, so that an unreliable network doesn't exhaust the connections of the
        process.
        """

        def lose() -> None:
            with struck(wire, WireFault.LOSE_ANSWER, 0), suppress(TargetError):
                wired.send(wired.message())

        lose()
        expect_no_growth(lose)

    @pytest.mark.parametrize("fault", LOSSES)
    def test_no_secret_in_errors_of_a_lost_answer(
        self, wired: Postbox, wire: TcpProxy, listener: Listener, fault: WireFault
    ) -> None:
        """The message about a lost answer doesn't quote the password, which libraries put into their exceptions."""
        for number in range(FEW_REQUESTS):
            with struck(wire, fault, number) as hit:
                _expect_discreet(wired.channel, wired.message(), listener)
            if not hit():
                return


@tagged(Tag.LOAD)
class DeliveryLoadChecks:
    """Checks of many calls, simultaneous and consecutive."""

    def test_many_messages_at_once(self, postbox: Postbox) -> None:
        """Each phone receives its own password, with many messages at the same time."""
        messages = [postbox.message() for _ in range(THREADS)]

        at_once(postbox.sent, messages)

        for message in messages:
            postbox.expect_arrived(message, "delivering many at once")

    def test_nothing_is_left_open(self, postbox: Postbox) -> None:
        """The number of threads, files and connections doesn't grow with the number of messages."""

        def work() -> None:
            postbox.sent(postbox.message())

        at_once(lambda _: work(), range(THREADS))
        expect_no_growth(work)

    def test_nothing_is_left_open_after_errors(self, postbox: Postbox, unreachable_people: Sequence[Person]) -> None:
        """Failed calls release their resources too."""

        def fail() -> None:
            with suppress(TargetError):
                postbox.channel.deliver(postbox.message(unreachable_people[0]))

        fail()
        expect_no_growth(fail)


def _expect_discreet(channel: Channel, message: DeliverSecret, listener: Listener) -> None:
    """Make a call past the core's redaction, and see that what it raises and says is fit to be seen."""
    __tracebackhide__ = True
    expect_discreet(lambda: call_past_masking(channel, message), message, listener)


def _swept(postbox: Postbox, wire: TcpProxy, fault: WireFault) -> Iterator[tuple[DeliverSecret, DeliveryState | None]]:
    """Deliver again and again, each time hitting another request, until there are no more.

    Yields each message and what its class or its receipt says of it: ``None`` for "nothing was sent".
    """
    for number in range(MOST_REQUESTS):
        message = postbox.message()
        with struck(wire, fault, number) as hit:
            state = _state(partial(postbox.send, message))
        yield message, state
        if not hit():
            return
    pytest.fail(f"one message takes more than {MOST_REQUESTS} requests, or the plug-in repeats what is lost by itself")


def _state(send: Callable[[], DeliveryReceipt]) -> DeliveryState | None:
    """Return what the answer, or the class of the error, says of a message."""
    try:
        return send().state
    except UnknownOutcomeError:
        return DeliveryState.UNKNOWN
    except RefusedError:
        return DeliveryState.REJECTED
    except TransientError:
        return None
