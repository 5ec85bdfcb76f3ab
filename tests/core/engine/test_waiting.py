"""An operation waits for maintenance as a whole, and a closing never does before its first try."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.waiting import obstacle
from provisioner.core.model import Account, Operation, OperationKind, Unit
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

HOUR = timedelta(hours=1)


@pytest.fixture(name="harness")
def _harness(tmp_path: Path) -> Iterator[Harness]:
    targets = {"first": MemoryTarget(), "second": MemoryTarget()}
    channels = {"sms": MemoryChannel(), "spare": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels) as harness:
        yield harness


def waits_until(harness: Harness, kind: OperationKind, next_try: timedelta | None = None) -> timedelta | None:
    """Return how long an operation has to wait; ``None`` if it may begin."""
    now = harness.clock()
    next_try_at = None if next_try is None else now + next_try
    operation = Operation(id="o1", kind=kind, login="a", actor="p1", created_at=now, next_try_at=next_try_at)
    account = Account(login="a", domain="meb.gov.tr", unit="u")
    work = PlannedOperation(operation=operation, account=account, unit=Unit(code="u", name="U", kind="office"))
    found = obstacle(work, harness.engine.context)
    return found.until - now if found else None


def maintain(harness: Harness, **hours: int) -> None:
    for name, count in hours.items():
        harness.maintain(name, harness.clock() + count * HOUR)


@pytest.mark.parametrize("kind", list(OperationKind))
def test_nothing_waits_without_maintenance(harness: Harness, kind: OperationKind) -> None:
    assert waits_until(harness, kind) is None


@pytest.mark.parametrize("kind", [OperationKind.CREATE, OperationKind.ROTATE, OperationKind.HANDOVER])
def test_a_new_password_waits_for_the_last_target(harness: Harness, kind: OperationKind) -> None:
    maintain(harness, first=1, second=3)

    assert waits_until(harness, kind) == 3 * HOUR


@pytest.mark.parametrize("kind", [OperationKind.CLOSE, OperationKind.DELETE])
def test_a_closing_does_not_wait_but_for_what_is_left_of_it(harness: Harness, kind: OperationKind) -> None:
    maintain(harness, first=1, second=3)

    assert waits_until(harness, kind) is None
    assert waits_until(harness, kind, next_try=HOUR) == HOUR
    assert waits_until(harness, kind, next_try=2 * HOUR) is None


def test_one_channel_is_enough(harness: Harness) -> None:
    maintain(harness, sms=1)
    assert waits_until(harness, OperationKind.ROTATE) is None


def test_without_any_channel_the_first_one_that_comes_back_is_waited_for(harness: Harness) -> None:
    maintain(harness, sms=4, spare=2)

    assert waits_until(harness, OperationKind.ROTATE) == 2 * HOUR
    assert waits_until(harness, OperationKind.CLOSE) is None
