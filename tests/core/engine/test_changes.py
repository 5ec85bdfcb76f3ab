"""A change that isn't shown is not counted on, and what was changed is undone if the rest can't be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.api.events import StepEnded
from provisioner.core.model import OperationState, TargetState
from provisioner.testing.faults import Fault
from tests.core.engine.one_operation import World, one_operation


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with one_operation(tmp_path) as world:
        yield world


def test_a_message_that_is_refused_is_taken_back_on_the_targets(world: World) -> None:
    world.phones.faults.on("secret_deliver", Fault.REFUSE)
    operation = world.run()

    assert operation.state is OperationState.UNDONE
    assert world.hooks == ["account_create", "secret_deliver", "undo"]


def test_a_target_without_proof_leaves_the_operation_incomplete(world: World) -> None:
    world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
    operation = world.run()
    states = [event.target_state for event in world.journal if isinstance(event, StepEnded)]

    assert operation.state is OperationState.INCOMPLETE
    assert TargetState.OPEN not in states
    assert "secret_deliver" not in world.hooks
