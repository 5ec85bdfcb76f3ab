"""A password is delivered once, and one that its owner may have read is not taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import DeliverSecret, DeliveryReceipt
from provisioner.core.model import AccountState, MessageState, OperationState, Outcome
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.engine.one_operation import PERSON, UNIT, World, one_operation


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with one_operation(tmp_path) as world:
        yield world


def test_a_password_that_may_have_been_read_is_not_taken_back(world: World) -> None:
    world.phones.faults.on("secret_deliver", Fault.LOSE_REQUEST)
    world.phones.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    operation = world.run()

    assert operation.state is OperationState.INCOMPLETE
    assert "undo" not in world.hooks
    assert operation.steps[-1].outcome is Outcome.UNKNOWN


class LateReport(FaultChannel):
    """A gateway that takes every message, and whose report arrives instead of its answer."""

    harness: Harness
    clock: FakeClock
    state = MessageState.DELIVERED
    reports = False

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        try:
            return FaultChannel.secret_deliver(self, request)
        finally:
            if self.reports:
                self.report(request.delivery_id)

    def report(self, delivery_id: str) -> None:
        self.harness.app.deliveries.report(delivery_id, self.state)


@pytest.fixture(name="lost")
def _lost(tmp_path: Path) -> Iterator[LateReport]:
    """Yield a gateway whose answers are lost, and that can't be asked."""
    phones = LateReport(MemoryChannel())
    phones.faults.on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    phones.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    phones.clock = FakeClock()
    with Harness(
        tmp_path / "store.sqlite", targets={"posta": MemoryTarget()}, channels={"sms": phones}, clock=phones.clock
    ) as harness:
        harness.know(units=[UNIT], persons=[PERSON])
        phones.harness = harness
        yield phones


def sent(phones: LateReport) -> int:
    return phones.faults.calls["secret_deliver"]


@pytest.mark.parametrize("state", [MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.REJECTED])
def test_a_report_that_is_quicker_than_a_lost_answer_costs_another_password(
    lost: LateReport, state: MessageState
) -> None:
    lost.state, lost.reports = state, True

    [operation] = lost.harness.open([UNIT.code])

    assert operation.state is OperationState.DONE
    assert lost.harness.account(operation.login).state is AccountState.OPEN
    assert [one.state for one in lost.harness.store.deliveries.of_operation(operation.id)] == [state]
    assert sent(lost) == 1


def test_a_report_that_arrives_after_a_lost_answer_costs_another_password(lost: LateReport) -> None:
    [operation] = lost.harness.open([UNIT.code])
    assert operation.state is OperationState.INCOMPLETE
    [message] = lost.harness.store.deliveries.of_operation(operation.id)
    lost.report(message.id)
    lost.clock.advance(timedelta(days=1))

    [resumed] = lost.harness.resume()

    assert resumed.state is OperationState.DONE
    account = lost.harness.account(operation.login)
    assert (account.state, account.password_changed_at) == (AccountState.OPEN, message.sent_at)
    assert sent(lost) == 1


def test_a_lost_answer_without_a_report_is_taken_for_delivered(lost: LateReport) -> None:
    [operation] = lost.harness.open([UNIT.code])
    lost.clock.advance(timedelta(days=1))
    lost.faults.clear()

    [resumed] = lost.harness.resume()

    assert resumed.state is OperationState.DONE
    assert [one.number for one in lost.harness.store.deliveries.of_operation(operation.id)] == [1, 2]


def test_a_new_password_that_is_requested_is_not_made_because_of_a_report(lost: LateReport) -> None:
    lost.faults.clear()
    lost.harness.open([UNIT.code])
    lost.faults.on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    lost.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    [operation] = lost.harness.rotate([UNIT.login or ""])
    [message] = lost.harness.store.deliveries.of_operation(operation.id)
    lost.report(message.id)
    lost.faults.clear()

    [requested] = lost.harness.rotate([UNIT.login or ""])

    assert requested.state is OperationState.DONE
    assert lost.harness.store.deliveries.recent(requested.login)[0].number == 3
