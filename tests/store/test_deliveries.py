"""What became of a message is stored with the operation, and the strongest report stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.api.events import DeliveryChanged, DeliverySettled, OperationEnded, StepBegun
from provisioner.core.model import MessageState, OperationState, PasswordDelivery
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.crashes import crash_before
from tests.slow_phones import SlowPhones

LOGIN = UNITS[0].login or ""
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, clock: FakeClock) -> Iterator[Harness]:
    with Harness(
        tmp_path / "store.sqlite", targets={"mail": MemoryTarget()}, channels={"sms": SlowPhones()}, clock=clock
    ) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        yield harness


def report(harness: Harness, delivery: PasswordDelivery, state: MessageState) -> None:
    event = DeliveryChanged(
        at=harness.clock(),
        login=delivery.login,
        operation_id=delivery.operation_id,
        delivery=delivery.id,
        channel=delivery.channel,
        state=state,
    )
    harness.store.write(event)


def only(harness: Harness) -> PasswordDelivery:
    [delivery] = harness.store.deliveries.recent(LOGIN)
    return delivery


def test_a_message_after_many_has_the_number_of_an_earlier_one(harness: Harness) -> None:
    assert harness.store.deliveries.last_numbers([LOGIN]) == {}
    harness.open([UNITS[0].code])
    for _ in range(2):
        harness.rotate([LOGIN])

    assert [message.number for message in harness.store.deliveries.recent(LOGIN)] == [3, 2, 1]
    assert harness.store.deliveries.last_numbers([LOGIN, "nobody"]) == {LOGIN: 3}


def test_a_message_is_handed_over_without_a_deadline(harness: Harness) -> None:
    [operation] = harness.open([UNITS[0].code])

    delivery = only(harness)
    assert operation.state is OperationState.DONE
    assert delivery == PasswordDelivery(
        id=delivery.id,
        operation_id=operation.id,
        login=LOGIN,
        channel="sms",
        person="p0",
        mobile_mark=harness.store.mobile_mark(PERSONS[0].mobile),
        number=1,
        state=MessageState.HANDED_OVER,
        sent_at=NOON,
        handed_over_at=NOON,
        deadline=NOON + timedelta(hours=24),
        next_ask_at=NOON,
    )
    assert harness.store.deliveries.count_open() == 1


def test_a_crash_before_the_operation_is_done_leaves_an_open_delivery(harness: Harness) -> None:
    harness.on_record = crash_before(OperationEnded)
    with pytest.raises(KeyboardInterrupt):
        harness.open([UNITS[0].code])

    delivery = only(harness)
    assert delivery.state is MessageState.SENDING
    assert not delivery.is_open
    assert harness.store.deliveries.count_open() == 0


def test_a_report_is_lost_that_is_quicker_than_the_answer_of_the_gateway(harness: Harness) -> None:
    def report_at_once(events: object) -> None:
        assert isinstance(events, tuple)
        if any(isinstance(event, StepBegun) and event.recipient for event in events):
            report(harness, only(harness), MessageState.DELIVERED)

    harness.after_record = report_at_once
    harness.open([UNITS[0].code])

    assert only(harness).state is MessageState.DELIVERED
    assert harness.store.deliveries.count_open() == 0


@pytest.mark.parametrize(
    "order", list(permutations([MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.REJECTED])), ids=str
)
def test_the_order_of_reports_changes_what_is_stored(harness: Harness, order: tuple[MessageState, ...]) -> None:
    harness.open([UNITS[0].code])

    for state in order:
        try:
            report(harness, only(harness), state)
        except BusyError:
            assert state.rank <= only(harness).state.rank

    assert only(harness).state is MessageState.REJECTED


def test_times_of_a_message_are_those_of_a_repeated_report(harness: Harness, clock: FakeClock) -> None:
    harness.open([UNITS[0].code])
    report(harness, only(harness), MessageState.ACCEPTED)
    clock.advance(timedelta(minutes=1))
    report(harness, only(harness), MessageState.DELIVERED)
    clock.advance(timedelta(minutes=1))
    with pytest.raises(BusyError):
        report(harness, only(harness), MessageState.ACCEPTED)

    delivery = only(harness)
    assert (delivery.accepted_at, delivery.ended_at) == (NOON, NOON + timedelta(minutes=1))


def test_a_refused_message_is_kept_as_if_it_were_on_its_way(tmp_path: Path) -> None:
    refusing = FaultChannel(MemoryChannel())
    refusing.faults.on("secret_deliver", Fault.REFUSE)
    channels = {"sms": refusing, "letter": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets={"mail": MemoryTarget()}, channels=channels) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open([UNITS[0].code])

        assert only(harness).channel == "letter"


def test_a_message_that_was_replaced_counts_as_undelivered(harness: Harness) -> None:
    harness.open([UNITS[0].code])
    first = only(harness)
    report(harness, first, MessageState.REJECTED)
    assert [delivery.id for delivery in harness.store.deliveries.undelivered()] == [first.id]

    harness.rotate([LOGIN])

    assert harness.store.deliveries.undelivered() == []


def test_what_waits_for_a_report_is_not_found(harness: Harness, clock: FakeClock) -> None:
    harness.open([UNITS[0].code])
    delivery, deliveries = only(harness), harness.store.deliveries

    assert [found.id for found in deliveries.to_ask(NOON)] == [delivery.id]
    deliveries.note_asked([delivery.id], NOON + timedelta(hours=1))
    assert deliveries.to_ask(NOON) == []
    assert [found.asked for found in deliveries.to_ask(NOON + timedelta(hours=1))] == [1]
    deliveries.put_off([delivery.id], NOON + timedelta(hours=2))
    assert deliveries.to_ask(NOON + timedelta(hours=1)) == []
    assert [found.asked for found in deliveries.to_ask(NOON + timedelta(hours=2))] == [1]
    assert deliveries.overdue(NOON) == []
    assert [found.id for found in deliveries.overdue(NOON + timedelta(hours=24))] == [delivery.id]


def test_a_decision_is_forgotten(harness: Harness) -> None:
    harness.open([UNITS[0].code])
    delivery = only(harness)
    report(harness, delivery, MessageState.REJECTED)
    settled = DeliverySettled(
        at=NOON,
        delivery=delivery.id,
        channel="sms",
        state=MessageState.REJECTED,
        renewal=delivery.operation_id,
    )
    harness.store.write(settled)

    assert (only(harness).settled_at, only(harness).renewal) == (NOON, delivery.operation_id)
    assert [found.id for found in harness.store.deliveries.of_operation(delivery.operation_id)] == [delivery.id]
    assert harness.store.deliveries.find(delivery.id) == only(harness)
    assert harness.store.deliveries.find("nothing") is None


def test_a_message_is_overdue_from_its_deadline_to_its_report(harness: Harness, clock: FakeClock) -> None:
    harness.open([UNITS[0].code])

    deadline = NOON + timedelta(hours=24)
    assert [harness.store.deliveries.count_overdue(at) for at in (deadline - timedelta(seconds=1), deadline)] == [0, 1]
    report(harness, only(harness), MessageState.DELIVERED)
    assert harness.store.deliveries.count_overdue(deadline) == 0
