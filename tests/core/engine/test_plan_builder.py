from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.model import AccountState, OperationKind, OperationState
from provisioner.testing import samples
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget


@pytest.fixture(name="target")
def _target() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, target: FaultTarget) -> Iterator[Harness]:
    with Harness(tmp_path / "store.sqlite", targets={"posta": target}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER, samples.SUCCESSOR])
        yield harness


def test_an_operation_that_did_not_end_is_driven_on_and_not_begun_twice(harness: Harness, target: FaultTarget) -> None:
    target.faults.on("account_create", Fault.CANNOT_CONNECT)
    first = harness.open([samples.UNIT.code])[0]
    target.faults.clear()
    second = harness.open([samples.UNIT.code])[0]

    assert (first.state, second.state) == (OperationState.INCOMPLETE, OperationState.DONE)
    assert first.id == second.id


def test_closing_takes_the_place_of_whatever_is_stuck(harness: Harness, target: FaultTarget) -> None:
    target.faults.on("account_create", Fault.APPLY_AND_LOSE_ANSWER)
    target.faults.on("account_probe", Fault.CANNOT_CONNECT)
    stuck = harness.open([samples.UNIT.code])[0]
    target.faults.clear()
    closed = harness.close_accounts(["temelegitim46"])[0]

    assert (stuck.state, closed.state) == (OperationState.INCOMPLETE, OperationState.DONE)
    assert harness.account("temelegitim46").state is AccountState.CLOSED
    assert harness.resume() == []
    given_up = harness.store.operations.get_many([stuck.id])[stuck.id]
    assert given_up.error is not None
    assert (given_up.state, given_up.error.name) == (OperationState.FAILED, "SupersededError")


def test_a_handover_to_somebody_else_takes_the_place_of_one_that_is_stuck(
    harness: Harness, target: FaultTarget
) -> None:
    harness.open([samples.UNIT.code])
    target.faults.on("account_handover", Fault.CANNOT_CONNECT)
    stuck = harness.hand_over("temelegitim46", samples.SUCCESSOR.id)[0]
    target.faults.clear()
    other = harness.hand_over("temelegitim46", samples.HOLDER.id)[0]

    assert (stuck.state, other.state) == (OperationState.INCOMPLETE, OperationState.DONE)
    assert other.id != stuck.id
    assert harness.account("temelegitim46").holder == samples.HOLDER.id


def test_an_open_account_whose_renewal_has_not_ended_is_not_left_alone(harness: Harness) -> None:
    harness.open([samples.UNIT.code])
    harness.engine.iter_apply(harness.planner.rotate([harness.account("temelegitim46")], initiator=INITIATOR))
    plan = harness.planner.open_units([samples.UNIT], initiator=INITIATOR)

    assert [(work.operation.kind, work.recorded) for work in plan.work] == [(OperationKind.ROTATE, True)]
