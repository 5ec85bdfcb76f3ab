"""A password is delivered once, and one that its owner may have read is not taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.model import OperationState, Outcome
from provisioner.testing.faults import Fault
from tests.core.engine.one_operation import World, one_operation


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
