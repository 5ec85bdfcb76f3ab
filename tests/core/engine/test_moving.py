"""An update moves an account to the container of its unit first, on targets that have containers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CONTAINER, Capabilities, Receipt, RenameAccount, TargetReport
from provisioner.core.engine.preview import preview
from provisioner.core.model import Operation, OperationState, Outcome, Person, Unit
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.repair import Repair, plan_repairs
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

AYSE = Person(id="1", name="Ayşe Işık", mobile="+905321234567")
ONIKISUBAT = Unit(code="onikisubat", name="Onikişubat", kind="district")
DULKADIROGLU = Unit(code="dulkadiroglu", name="Dulkadiroğlu", kind="district")
SCHOOL = Unit(code="okul", name="Okul", kind="school", parent="onikisubat", login="okul46", custodian="1")
MOVED = attrs.evolve(SCHOOL, parent="dulkadiroglu", name="Yeni Okul")


@attrs.define(eq=False)
class Watched(MemoryTarget):
    """Notes which unit is above the one whose account it moves."""

    parents: list[Unit | None] = attrs.field(factory=list)

    @hookimpl
    def account_rename(self, request: RenameAccount) -> Receipt:
        """Note it, and move."""
        self.parents.append(request.parent)
        return super().account_rename(request)


@pytest.fixture(name="directory")
def _directory() -> Watched:
    return Watched()


@pytest.fixture(name="target")
def _target(directory: Watched) -> FaultTarget:
    return FaultTarget(directory)


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, target: FaultTarget) -> Iterator[Harness]:
    file, channels = tmp_path / "store.sqlite", {"sms": MemoryChannel()}
    with Harness(file, targets={"posta": target}, channels=channels) as harness:
        harness.know(units=[ONIKISUBAT, DULKADIROGLU, SCHOOL], persons=[AYSE])
        assert [operation.state for operation in harness.open(["okul"])] == [OperationState.DONE]
        harness.know(units=[MOVED])
        yield harness


def container(directory: MemoryTarget) -> str:
    return directory._entries["okul46"].container


def outcomes(operation: Operation) -> list[tuple[str, Outcome | None]]:
    return [(step.hook, step.outcome) for step in operation.steps]


def test_the_account_is_moved_and_then_updated(harness: Harness, directory: Watched) -> None:
    [operation] = harness.update(["okul46"])

    assert outcomes(operation) == [
        ("account_rename", Outcome.APPLIED),
        ("account_update", Outcome.APPLIED),
        ("account_probe", Outcome.APPLIED),
    ]
    assert (operation.state, container(directory)) == (OperationState.DONE, "dulkadiroglu")
    assert directory._entries["okul46"].attributes["unit"] == "Yeni Okul"


def test_the_unit_above_reaches_the_target(harness: Harness, directory: Watched) -> None:
    """Containers are named after it."""
    harness.update(["okul46"])

    assert directory.parents == [DULKADIROGLU]


def test_an_account_in_its_container_is_not_moved(harness: Harness) -> None:
    harness.update(["okul46"])

    [operation] = harness.update(["okul46"])

    assert outcomes(operation)[0] == ("account_rename", Outcome.UNCHANGED)


def test_what_ended_between_move_and_update_is_finished(
    harness: Harness, target: FaultTarget, directory: Watched
) -> None:
    target.faults.on("account_update", Fault.CANNOT_CONNECT)
    [operation] = harness.update(["okul46"])
    assert (operation.state, container(directory)) == (OperationState.INCOMPLETE, "dulkadiroglu")
    target.faults.clear()

    [again] = harness.engine.iter_retry([operation])

    assert (again.state, outcomes(again)[0]) == (OperationState.DONE, ("account_rename", Outcome.UNCHANGED))
    assert directory._entries["okul46"].attributes["unit"] == "Yeni Okul"


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.APPLY_AND_LOSE_ANSWER])
def test_a_lost_answer_is_found_out_by_a_probe(
    harness: Harness, target: FaultTarget, directory: Watched, fault: Fault
) -> None:
    target.faults.on("account_rename", fault, [1])

    [operation] = harness.update(["okul46"])

    assert (operation.state, container(directory)) == (OperationState.DONE, "dulkadiroglu")


def test_a_refused_move_leaves_the_attributes(harness: Harness, target: FaultTarget, directory: Watched) -> None:
    """An update after it would report what is not so: the account would be up to date in the wrong container."""
    target.faults.on("account_rename", Fault.REFUSE)

    [operation] = harness.update(["okul46"])

    assert operation.state is OperationState.FAILED
    assert outcomes(operation) == [("account_rename", Outcome.NOT_APPLIED)]
    assert directory._entries["okul46"].attributes["unit"] == "Okul"


def test_an_update_is_not_done_without_the_move_because_the_check_failed(
    tmp_path: Path, harness: Harness, target: FaultTarget, directory: Watched
) -> None:
    """Only a check tells whether a target has containers."""
    harness.close()
    target.faults.on("target_check", Fault.CANNOT_CONNECT)
    with Harness(tmp_path / "store.sqlite", targets={"posta": target}, channels={"sms": MemoryChannel()}) as again:
        [operation] = again.update(["okul46"])
        assert (operation.state, container(directory)) == (OperationState.INCOMPLETE, "onikisubat")
        target.faults.clear()

        [operation] = again.engine.iter_retry([operation])

        assert (operation.state, container(directory)) == (OperationState.DONE, "dulkadiroglu")


def test_a_target_without_containers_is_not_asked_to_move(tmp_path: Path) -> None:
    class Flat(Watched):
        @hookimpl
        def target_check(self) -> TargetReport:
            """Have no containers."""
            return TargetReport(capabilities=Capabilities(), foresees=True)

    flat = Flat()
    with Harness(tmp_path / "store.sqlite", targets={"posta": flat}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=[ONIKISUBAT, DULKADIROGLU, SCHOOL], persons=[AYSE])
        harness.open(["okul"])

        [operation] = harness.update(["okul46"])

    assert [hook for hook, _ in outcomes(operation)] == ["account_update", "account_probe"]


def test_a_dry_run_shows_the_move(harness: Harness) -> None:
    harness.engine.preflight([])
    plan = harness.planner.update([harness.account("okul46")], INITIATOR)

    [found] = preview(plan.work, harness.engine.context.targets)

    moves = [(change.removes, change.adds) for change in found.changes if change.name == CONTAINER]
    assert moves == [(("onikisubat",), ("dulkadiroglu",))]


def test_a_comparison_finds_what_is_in_another_container(harness: Harness) -> None:
    """Attributes that differ as well don't hide it, and the repair plans the update that ends both."""
    assert isinstance(harness.clock, FakeClock)
    harness.clock.advance(timedelta(minutes=5))
    [found] = [found for found in harness.app.reconcile.compare(actor="tester") if isinstance(found, Difference)]

    assert (found.kind, found.known, found.actual) == (DifferenceKind.MISPLACED, "dulkadiroglu", "onikisubat")
    assert "account update okul46" in str(found.cure)
    plan = plan_repairs([found], hooks={"posta": harness.plugins.targets["posta"].hooks})
    assert [dict(phase.logins) for phase in plan.phases] == [{Repair.UPDATE: ["okul46"]}]
