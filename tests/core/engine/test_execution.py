"""One operation, carried out by itself: in which order, and what is left when it cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.events import Event, OperationEnded, StepBegun, StepEnded
from provisioner.core.api.fencing import Lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CreateAccount, Receipt
from provisioner.core.engine.execution import Execution
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.model import AccountState, Operation, OperationState, Outcome, Person, TargetState, Unit
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNIT = Unit(code="u1", name="Birim", kind="office", login="birim46", custodian="p1")
PERSON = Person(id="p1", name="Ayşe Işık", mobile="+905320000001")


class Watched(FaultTarget):
    """A target that remembers what the journal had when it was called."""

    def __init__(self, journal: list[Event]) -> None:
        super().__init__(MemoryTarget())
        self.journal = journal
        self.known: list[StepBegun] = []

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        self.known += [event for event in self.journal if isinstance(event, StepBegun)]
        return FaultTarget.account_create(self, request)


@attrs.define
class World:
    """One operation on one target and one channel."""

    harness: Harness
    target: Watched
    phones: FaultChannel
    journal: list[Event]

    def run(self, **changes: Any) -> Operation:
        [work] = self.harness.planner.open_units([UNIT], initiator=INITIATOR).work
        context = attrs.evolve(
            self.harness.engine.context,
            record=lambda *events: self.journal.extend(events),
            lease=lambda *_: Lease.of(timedelta(minutes=1)),
            **changes,
        )
        return Execution(work, context).run()

    @property
    def ended(self) -> OperationEnded:
        [ended] = [event for event in self.journal if isinstance(event, OperationEnded)]
        return ended

    @property
    def hooks(self) -> list[str]:
        return [event.step.hook for event in self.journal if isinstance(event, StepBegun)]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    journal: list[Event] = []
    target, phones = Watched(journal), FaultChannel(MemoryChannel())
    with Harness(tmp_path / "store.sqlite", targets={"posta": target}, channels={"sms": phones}) as harness:
        harness.know(units=[UNIT], persons=[PERSON])
        yield World(harness, target, phones, journal)


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


def test_a_message_that_is_refused_is_taken_back_on_the_targets(world: World) -> None:
    world.phones.faults.on("secret_deliver", Fault.REFUSE)
    operation = world.run()

    assert operation.state is OperationState.UNDONE
    assert world.hooks == ["account_create", "secret_deliver", "undo"]


def test_a_password_that_may_have_been_read_is_not_taken_back(world: World) -> None:
    world.phones.faults.on("secret_deliver", Fault.LOSE_REQUEST)
    world.phones.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    operation = world.run()

    assert operation.state is OperationState.INCOMPLETE
    assert "undo" not in world.hooks
    assert operation.steps[-1].outcome is Outcome.UNKNOWN


def test_nothing_is_sent_after_the_program_was_asked_to_stop(world: World) -> None:
    world.harness.stop.set()
    operation = world.run()

    assert (operation.state, operation.next_try_at) == (OperationState.INCOMPLETE, world.harness.clock())
    assert world.target.faults.calls["account_create"] == 0
    assert world.ended.account.state is AccountState.PLANNED


def test_a_target_without_proof_leaves_the_operation_incomplete(world: World) -> None:
    world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
    operation = world.run()
    states = [event.target_state for event in world.journal if isinstance(event, StepEnded)]

    assert operation.state is OperationState.INCOMPLETE
    assert TargetState.OPEN not in states
    assert "secret_deliver" not in world.hooks


def test_a_defect_of_our_own_leaves_a_next_try_and_an_untouched_account(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PasswordMaker, "make", lambda _: 1 // 0)
    operation = world.run()

    assert operation.error
    assert (operation.state, operation.error.name) == (OperationState.INCOMPLETE, "DefectError")
    assert operation.next_try_at
    assert world.ended.account.state is AccountState.PLANNED
