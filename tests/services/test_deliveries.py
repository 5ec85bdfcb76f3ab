"""Reports are taken in any order and more than once, and those on unknown messages are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import DeliveryChanged, DeliveryHandedOver, Event, NoticeBegun, NoticeItem
from provisioner.core.model import Action, MessageState
from provisioner.store.deliveries import UNKNOWN_KEPT
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.slow_phones import SlowPhones

LOGIN = UNITS[0].login or ""
REPORTS = [MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.REJECTED]


@pytest.fixture(name="harness")
def _harness(tmp_path: Path) -> Iterator[Harness]:
    with Harness(
        tmp_path / "store.sqlite", targets={"mail": MemoryTarget()}, channels={"sms": SlowPhones()}
    ) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open([UNITS[0].code])
        yield harness


def message(harness: Harness) -> str:
    return harness.store.deliveries.recent(LOGIN)[0].id


def state(harness: Harness) -> MessageState:
    return harness.store.deliveries.recent(LOGIN)[0].state


@pytest.mark.parametrize("order", list(permutations(REPORTS)), ids=str)
def test_the_order_of_reports_changes_the_state(harness: Harness, order: tuple[MessageState, ...]) -> None:
    assert all(harness.app.deliveries.report(message(harness), report) for report in order)

    assert state(harness) is MessageState.REJECTED


def test_a_repeated_report_is_recorded_again(harness: Harness) -> None:
    seen: list[Event] = []
    harness.after_record = seen.extend
    for report in (MessageState.ACCEPTED, MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.ACCEPTED):
        harness.app.deliveries.report(message(harness), report)

    assert [event.state for event in seen if isinstance(event, DeliveryChanged)] == [
        MessageState.ACCEPTED,
        MessageState.DELIVERED,
    ]


def test_simultaneous_reports_spoil_each_other(harness: Harness) -> None:
    delivery_id, reports = message(harness), [*REPORTS, *REPORTS, *REPORTS]
    with ThreadPoolExecutor(len(reports)) as pool:
        taken = list(pool.map(lambda report: harness.app.deliveries.report(delivery_id, report), reports))

    assert all(taken)
    assert state(harness) is MessageState.REJECTED


def test_a_report_on_an_unknown_message_is_taken(harness: Harness) -> None:
    assert not harness.app.deliveries.report("unknown", MessageState.DELIVERED)


def test_a_report_on_a_notice_is_taken_for_one_on_a_password(harness: Harness) -> None:
    at = harness.clock()
    item = NoticeItem(subject=LOGIN, rule_set="r", action=Action.WARN, due_at=at)
    harness.app.record(NoticeBegun(at=at, notice="n1", recipient="p1", attempt=1, items=(item,)))

    assert harness.app.deliveries.report("n1", MessageState.DELIVERED)
    assert harness.app.deliveries.report("n1", MessageState.ACCEPTED)
    assert harness.store.notices.state("n1") is MessageState.DELIVERED


# -- reports on parts --------------------------------------------------------------------------------------------------


@pytest.fixture(name="two_parts")
def _two_parts(tmp_path: Path) -> Iterator[Harness]:
    """A harness whose gateway splits every message into the parts a and b; nothing is sent yet."""
    sms = SlowPhones(parts=("a", "b"))
    with Harness(tmp_path / "store.sqlite", targets={"mail": MemoryTarget()}, channels={"sms": sms}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        yield harness


def send(harness: Harness) -> None:
    harness.open([UNITS[0].code])


def report_all(harness: Harness, *reports: tuple[str, MessageState]) -> list[bool]:
    return [harness.app.deliveries.report_part("sms", part, report) for part, report in reports]


A, B = ("a", MessageState.DELIVERED), ("b", MessageState.DELIVERED)
NOT_B = ("b", MessageState.REJECTED)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([A], MessageState.ACCEPTED),
        ([A, B], MessageState.DELIVERED),
        ([A, A], MessageState.ACCEPTED),
        ([A, NOT_B], MessageState.REJECTED),
        ([NOT_B, A], MessageState.REJECTED),
        ([A, NOT_B, B], MessageState.REJECTED),
        ([("b", MessageState.ACCEPTED), A], MessageState.ACCEPTED),
    ],
)
def test_one_part_speaks_for_the_whole_message(
    two_parts: Harness, reports: Sequence[tuple[str, MessageState]], expected: MessageState
) -> None:
    send(two_parts)

    assert all(report_all(two_parts, *reports))
    assert state(two_parts) is expected


@pytest.mark.parametrize("early", [[A, B], [B], []])
def test_a_report_that_is_quicker_than_the_answer_is_lost(
    two_parts: Harness, early: Sequence[tuple[str, MessageState]]
) -> None:
    """It arrives in another process before this one has recorded that the gateway took the message."""
    early_answers: list[bool] = []

    def interrupt(events: Sequence[Event]) -> None:
        if any(isinstance(event, DeliveryHandedOver) for event in events):
            early_answers.extend(report_all(two_parts, *early))

    two_parts.on_record = interrupt
    send(two_parts)
    report_all(two_parts, *(report for report in (A, B) if report not in early))
    list(two_parts.app.runs.resume())

    assert early_answers == [False] * len(early)
    assert state(two_parts) is MessageState.DELIVERED
    assert two_parts.store.deliveries.reported() == []


def test_a_report_on_an_earlier_message_speaks_for_one_with_the_same_ids(two_parts: Harness) -> None:
    """An operator gives the IDs of messages again when its counter starts again."""
    send(two_parts)
    report_all(two_parts, A, B)

    two_parts.rotate([LOGIN])
    assert two_parts.store.deliveries.reported() == []
    report_all(two_parts, A)
    assert state(two_parts) is MessageState.ACCEPTED
    report_all(two_parts, B)
    assert state(two_parts) is MessageState.DELIVERED


def test_the_same_id_on_another_channel_is_taken_for_this_one(two_parts: Harness) -> None:
    send(two_parts)

    assert not two_parts.app.deliveries.report_part("another", "a", MessageState.REJECTED)
    assert state(two_parts) is MessageState.HANDED_OVER


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([A], MessageState.HANDED_OVER),
        ([NOT_B], MessageState.HANDED_OVER),
        ([A, B], MessageState.DELIVERED),
        ([NOT_B, A], MessageState.REJECTED),
        ([("b", MessageState.ACCEPTED), A], MessageState.ACCEPTED),
    ],
)
def test_reports_on_parts_are_lost_with_the_answer(
    harness: Harness, reports: Sequence[tuple[str, MessageState]], expected: MessageState
) -> None:
    """A gateway that took only the first part reports on that one, so a message is known by all of its parts."""
    delivery_id = message(harness)
    for part, report in reports:
        harness.app.deliveries.report_part("sms", part, report, delivery_id, ("a", "b"))

    assert state(harness) is expected


def test_the_audit_log_does_not_know_the_ids_of_the_gateway(two_parts: Harness) -> None:
    seen: list[Event] = []
    two_parts.after_record = seen.extend
    send(two_parts)

    assert [event.parts for event in seen if isinstance(event, DeliveryHandedOver)] == [("a", "b")]


def test_reports_on_unknown_parts_are_kept_forever(two_parts: Harness) -> None:
    clock = two_parts.clock
    assert isinstance(clock, FakeClock)
    report_all(two_parts, A)
    clock.advance(UNKNOWN_KEPT * 2)
    report_all(two_parts, B)
    send(two_parts)

    [message] = two_parts.store.deliveries.recent(LOGIN)
    assert two_parts.store.deliveries.reported() == [(message, MessageState.ACCEPTED)]


def test_a_report_before_the_application_is_composed_is_taken_for_stored(two_parts: Harness) -> None:
    empty = attrs.fields(type(two_parts.plugins)).report_part.default
    with pytest.raises(StoreError):
        empty("sms", "a", MessageState.DELIVERED)
    assert two_parts.plugins.report_part("sms", "a", MessageState.DELIVERED) is False
