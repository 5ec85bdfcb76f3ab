"""A new password takes another way than the one that failed, and doesn't overtake the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.engine.dispatch import DeliveryRules, Dispatch, OnUndelivered
from provisioner.core.gateways.gateway import Channel
from provisioner.core.model import MessageState, OperationState, PasswordDelivery
from provisioner.core.model.mobile import NumberKind
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.slow_phones import SlowPhones

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MARKS = {NumberKind.MOBILE: "mark"}

SENT = PasswordDelivery(
    id="m-1", operation_id="o-1", login="a", channel="sms", person="p", mobile_mark="mark", number=1, sent_at=NOON
)


def dispatch(*latest_first: PasswordDelivery, on_undelivered: OnUndelivered = OnUndelivered.NEXT_CHANNEL) -> Dispatch:
    rules = DeliveryRules(on_undelivered=on_undelivered, longest_delay=MINUTE)
    return Dispatch(recent=lambda _: latest_first, rules={"sms": rules, "letter": rules})


def message(state: MessageState, number: int = 1, channel: str = "sms") -> PasswordDelivery:
    return attrs.evolve(SENT, state=state, number=number, channel=channel)


@pytest.fixture(name="channels")
def _channels(tmp_path: Path) -> Iterator[Sequence[Channel]]:
    channels = {"sms": MemoryChannel(), "letter": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets={}, channels=channels) as harness:
        yield harness.engine.context.deliverers


def names(channels: Sequence[Channel]) -> list[str]:
    return [channel.name for channel in channels]


def test_a_password_takes_the_way_on_which_the_last_one_was_lost(channels: Sequence[Channel]) -> None:
    lost = dispatch(message(MessageState.REJECTED))

    assert names(lost.in_order("a", MARKS, channels)) == ["letter", "sms"]


@pytest.mark.parametrize("state", [MessageState.DELIVERED, MessageState.HANDED_OVER, MessageState.SENDING])
def test_a_way_that_works_is_avoided(channels: Sequence[Channel], state: MessageState) -> None:
    assert names(dispatch(message(state)).in_order("a", MARKS, channels)) == ["sms", "letter"]


def test_another_number_is_taken_for_the_one_that_failed(channels: Sequence[Channel]) -> None:
    lost = dispatch(message(MessageState.REJECTED))

    assert names(lost.in_order("a", {NumberKind.MOBILE: "other"}, channels)) == ["sms", "letter"]


@pytest.mark.parametrize("rule", [OnUndelivered.TELL, OnUndelivered.RENEW])
def test_another_channel_is_used_although_the_configuration_does_not_say_so(
    channels: Sequence[Channel], rule: OnUndelivered
) -> None:
    lost = dispatch(message(MessageState.REJECTED), on_undelivered=rule)

    assert names(lost.in_order("a", MARKS, channels)) == ["sms", "letter"]


def test_two_messages_of_an_account_have_the_same_number() -> None:
    assert Dispatch().last_number("a") == 0
    assert Dispatch(last_numbers=lambda _: {"a": 7}).last_number("a") == 7


@pytest.mark.parametrize(
    "state", [MessageState.SENDING, MessageState.HANDED_OVER, MessageState.ACCEPTED, MessageState.UNKNOWN]
)
def test_a_password_overtakes_one_that_may_be_on_its_way(state: MessageState) -> None:
    found = dispatch(message(state)).obstacle("a", NOON + MINUTE / 2)

    assert found
    assert found.until == NOON + MINUTE
    assert dispatch(message(state)).obstacle("a", NOON + MINUTE) is None


@pytest.mark.parametrize("state", [MessageState.DELIVERED, MessageState.REJECTED, MessageState.EXPIRED])
def test_a_password_waits_for_a_message_that_is_no_longer_on_its_way(state: MessageState) -> None:
    assert dispatch(message(state)).obstacle("a", NOON) is None


def test_a_password_that_has_to_wait_is_lost(tmp_path: Path) -> None:
    clock, phones = FakeClock(), SlowPhones()
    with Harness(
        tmp_path / "store.sqlite",
        targets={"mail": MemoryTarget()},
        channels={"sms": phones},
        clock=clock,
        deliveries={"sms": {"longest_delay": 60}},
    ) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        [opened] = harness.open([UNITS[0].code])
        [waiting] = harness.rotate([opened.login])
        early = harness.resume()
        clock.advance(MINUTE)
        [renewed] = harness.resume()

        assert waiting.state is OperationState.PLANNED
        assert waiting.error
        assert waiting.error.name == "EarlierMessageError"
        assert early == []
        assert (renewed.id, renewed.state) == (waiting.id, OperationState.DONE)
        assert [delivery.number for delivery in harness.store.deliveries.recent(opened.login)] == [2, 1]
