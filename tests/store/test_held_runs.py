"""Runs that are held wait, are released or end as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from provisioner.core.engine.limits import HeldRun, OperationHeld, RunDiscarded, RunHeld, RunReleased
from provisioner.core.model import OperationState, StepError
from provisioner.store import Store
from tests.store.conftest import NOON, Story

if TYPE_CHECKING:
    from collections.abc import Sequence

WHY = StepError(name="StagedError", message="held")
RUN = HeldRun(id="r1", at=NOON, actor="p1", reason="moved", target="", affected=3, out_of=9, percent=20, operations=3)


def states(store: Store, *logins: str) -> Sequence[OperationState]:
    found = store.operations.get_many([f"op-{login}" for login in logins])
    return [operation.state for operation in found.values()]


@pytest.fixture(name="held")
def _held(store: Store, story: type[Story]) -> Store:
    """Two operations that are held and one that is not."""
    store.write(*(story(login).planned() for login in ("a", "b", "free")))
    put = {"at": NOON, "actor": "p1", "run": "r1", "error": WHY}
    held: list[Any] = [
        OperationHeld(login=login, operation_id=f"op-{login}", **put)  # type: ignore[arg-type]
        for login in ("a", "b")
    ]
    store.write(RunHeld(at=NOON, actor="p1", run=RUN), *held)
    return store


def test_a_run_is_listed_with_what_still_waits_of_it(held: Store) -> None:
    assert held.held_runs.all() == [attrs.evolve(RUN, operations=2)]
    assert [operation.id for operation in held.held_runs.operations("r1")] == ["op-a", "op-b"]
    assert held.held_runs.operations("r2") == []
    assert held.held_runs.logins("r1") == ["a", "b"]
    assert held.held_runs.logins("r2") == []


def test_a_run_is_read_by_the_units_of_its_accounts(held: Store) -> None:
    known = held.accounts.get_many(["a", "b"])
    assert held.held_runs.units() == {"r1": {known[login].unit if login in known else None for login in ("a", "b")}}


def test_a_release_plans_what_waits_and_nothing_else(held: Store) -> None:
    held.write(RunReleased(at=NOON, actor="p2", run="r1", reason="meant"))

    assert states(held, "a", "b", "free") == [OperationState.PLANNED] * 3
    assert held.operations.get_many(["op-a"])["op-a"].error is None
    assert held.held_runs.all() == []


def test_a_discarded_run_has_failed_and_frees_its_accounts(held: Store) -> None:
    held.write(RunDiscarded(at=NOON, actor="p2", run="r1", reason="", error=WHY))

    assert states(held, "a", "b", "free") == [OperationState.FAILED] * 2 + [OperationState.PLANNED]
    assert held.operations.get_many(["op-a"])["op-a"].finished_at == NOON
    assert list(held.operations.unended(["a", "b", "free"])) == ["free"]


def test_an_operation_that_was_begun_is_not_held(store: Store, story: type[Story]) -> None:
    told = story("a")
    store.write(told.planned(), told.started(), told.begun())
    put = {"at": NOON, "actor": "p1", "run": "r1", "error": WHY}
    store.write(OperationHeld(login="a", operation_id="op-a", **put))  # type: ignore[arg-type]

    assert states(store, "a") == [OperationState.RUNNING]
