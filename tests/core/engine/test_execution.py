"""One operation, carried out by itself: in which order, and what is left when it cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.model import AccountState, OperationState
from provisioner.testing.faults import Fault
from tests.core.engine.one_operation import World, one_operation


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with one_operation(tmp_path) as world:
        yield world


def test_a_call_is_written_down_before_it_is_made(world: World) -> None:
    operation = world.run()

    assert operation.state is OperationState.DONE
    assert [(begun.step.name, begun.step.hook) for begun in world.target.known] == [("posta", "account_create")]


def test_a_password_is_proved_before_it_is_sent(world: World) -> None:
    operation = world.run()

    assert [step.hook for step in operation.steps] == ["account_create", "account_probe", "secret_deliver"]
    assert world.ended.account.state is AccountState.OPEN


def test_a_refusal_before_any_change_fails_without_a_next_try(world: World) -> None:
    world.target.faults.on("account_create", Fault.REFUSE)
    operation = world.run()

    assert (operation.state, operation.next_try_at) == (OperationState.FAILED, None)
    assert world.hooks == ["account_create"]


def test_nothing_is_sent_after_the_program_was_asked_to_stop(world: World) -> None:
    world.harness.stop.set()
    operation = world.run()

    assert (operation.state, operation.next_try_at) == (OperationState.INCOMPLETE, world.harness.clock())
    assert world.target.faults.calls["account_create"] == 0
    assert world.ended.account.state is AccountState.PLANNED


def test_a_defect_of_our_own_leaves_a_next_try_and_an_untouched_account(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PasswordMaker, "make", lambda _: 1 // 0)
    operation = world.run()

    assert operation.error
    assert (operation.state, operation.error.name) == (OperationState.INCOMPLETE, "DefectError")
    assert operation.next_try_at
    assert world.ended.account.state is AccountState.PLANNED
