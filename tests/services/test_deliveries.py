"""Reports are taken in any order and more than once, and those on unknown messages are refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import pytest

from provisioner.core.api.events import DeliveryChanged, Event, NoticeBegun, NoticeItem
from provisioner.core.model import Action, MessageState
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
