"""A password that its owner doesn't have is told by every check, until there is a new one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.api.events import NoticeBegun, NoticeEnded, NoticeItem
from provisioner.core.api.messages import DeliveryState
from provisioner.core.model import Action, MessageState
from provisioner.services.health_check.deliveries import (
    NOTICE_DAYS,
    check_daily_limits,
    check_deliveries,
    check_notices,
)
from provisioner.services.health_check.results import CheckStatus
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.slow_phones import SlowPhones

CODES = [unit.code for unit in UNITS[:2]]


@pytest.fixture(name="phones")
def _phones() -> SlowPhones:
    return SlowPhones()


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, phones: SlowPhones) -> Iterator[Harness]:
    file = tmp_path / "provisioner.sqlite"  # where the configuration looks for it
    with Harness(file, targets={"mail": MemoryTarget()}, channels={"sms": phones}) as harness:
        harness.know(units=UNITS[:2], persons=PERSONS[:2])
        yield harness


def test_the_count_of_the_day_is_not_told(tmp_path: Path, phones: SlowPhones) -> None:
    file = tmp_path / "provisioner.sqlite"
    limits = {"sms": {"max_per_day": 2}}
    with Harness(file, targets={"mail": MemoryTarget()}, channels={"sms": phones}, deliveries=limits) as harness:
        harness.know(units=UNITS[:2], persons=PERSONS[:2])
        harness.open(CODES[:1])
        [before] = check_daily_limits(harness.app.config, harness.clock)
        harness.open(CODES[1:])
        [after] = check_daily_limits(harness.app.config, harness.clock)

    assert (before.name, before.status, str(before.message)) == (
        "channels.sms",
        CheckStatus.OK,
        "1 of 2 messages today",
    )
    assert (after.status, str(after.message)) == (CheckStatus.WARNING, "2 of 2 messages today")
    assert "max_per_day" in str(after.cure)


def told(harness: Harness) -> list[tuple[CheckStatus, str, str]]:
    found = check_deliveries(harness.app.config, harness.clock)
    return [(result.status, str(result.message), str(result.cure)) for result in found]


def test_deliveries_are_told_where_there_are_none(harness: Harness) -> None:
    assert told(harness) == []


def test_what_is_awaited_and_what_was_not_delivered_is_not_told(harness: Harness, phones: SlowPhones) -> None:
    harness.open(CODES)
    assert told(harness) == [(CheckStatus.OK, "reports on 2 passwords are awaited", "")]

    phones.answer = DeliveryState.REJECTED
    list(harness.app.runs.resume())
    cure = "run 'provisioner account rotate birim0'"
    assert told(harness) == [
        (
            CheckStatus.WARNING,
            "no report says that the passwords of 2 accounts were delivered, the first is birim0",
            cure,
        )
    ]

    phones.answer = DeliveryState.DELIVERED
    harness.rotate(["birim0", "birim1"])
    list(harness.app.runs.resume())
    assert told(harness) == []


def test_a_notice_that_the_gateway_took_and_refused_is_not_told(harness: Harness) -> None:
    at = harness.clock()
    item = NoticeItem(subject="okul1", rule_set="r", action=Action.WARN, due_at=at)
    harness.app.record(
        NoticeBegun(at=at, notice="n1", recipient="p1", attempt=1, items=(item,)),
        NoticeEnded(at=at, notice="n1", attempt=1, state=MessageState.HANDED_OVER, channel="sms"),
    )
    assert list(check_notices(harness.app.config, harness.clock)) == []

    harness.app.deliveries.report("n1", MessageState.REJECTED)
    [found] = check_notices(harness.app.config, harness.clock)
    assert found.status is CheckStatus.WARNING
    assert "okul1" in str(found.message)
    assert list(check_notices(harness.app.config, lambda: at + timedelta(days=NOTICE_DAYS + 1))) == []
