"""Runs that are held wait, are released or end as a whole, and the census counts what was shut and not released."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from provisioner.core.engine.limits import OperationStaged, RunDiscarded, RunReleased, RunStaged, StagedRun
from provisioner.core.engine.ports import Shut
from provisioner.core.model import AccountState, OperationKind, OperationState, StepError, TargetState
from provisioner.store import Store
from tests.store.conftest import NOON, Story

if TYPE_CHECKING:
    from collections.abc import Sequence

WHY = StepError(name="StagedError", message="held back")
RUN = StagedRun(id="r1", at=NOON, actor="p1", reason="moved", target="", affected=3, out_of=9, percent=20, operations=3)


def states(store: Store, *logins: str) -> Sequence[OperationState]:
    found = store.operations([f"op-{login}" for login in logins])
    return [operation.state for operation in found.values()]


@pytest.fixture(name="held")
def _held(store: Store, story: type[Story]) -> Store:
    """Two operations that are held and one that is not."""
    store.write(*(story(login).planned() for login in ("a", "b", "free")))
    put = {"at": NOON, "actor": "p1", "run": "r1", "error": WHY}
    held: list[Any] = [
        OperationStaged(login=login, operation_id=f"op-{login}", **put)  # type: ignore[arg-type]
        for login in ("a", "b")
    ]
    store.write(RunStaged(at=NOON, actor="p1", run=RUN), *held)
    return store


def test_a_run_is_listed_with_what_still_waits_of_it(held: Store) -> None:
    assert held.staged_runs() == [attrs.evolve(RUN, operations=2)]
    assert [operation.id for operation in held.staged_operations("r1")] == ["op-a", "op-b"]
    assert held.staged_operations("r2") == []


def test_a_release_plans_what_waits_and_nothing_else(held: Store) -> None:
    held.write(RunReleased(at=NOON, actor="p2", run="r1", reason="meant"))

    assert states(held, "a", "b", "free") == [OperationState.PLANNED] * 3
    assert held.operations(["op-a"])["op-a"].error is None
    assert held.staged_runs() == []


def test_a_discarded_run_has_failed_and_frees_its_accounts(held: Store) -> None:
    held.write(RunDiscarded(at=NOON, actor="p2", run="r1", reason="", error=WHY))

    assert states(held, "a", "b", "free") == [OperationState.FAILED] * 2 + [OperationState.PLANNED]
    assert held.operations(["op-a"])["op-a"].finished_at == NOON
    assert list(held.unended(["a", "b", "free"])) == ["free"]


def test_an_operation_that_was_begun_is_not_held(store: Store, story: type[Story]) -> None:
    told = story("a")
    store.write(told.planned(), told.started(), told.begun())
    put = {"at": NOON, "actor": "p1", "run": "r1", "error": WHY}
    store.write(OperationStaged(login="a", operation_id="op-a", **put))  # type: ignore[arg-type]

    assert states(store, "a") == [OperationState.RUNNING]


def close(store: Store, story: type[Story], login: str, at: datetime, *, ends: bool = True) -> None:
    """Open an account, then close it or begin to."""
    opening = story(login)
    store.write(opening.planned())
    store.write(opening.started(), opening.ended(0))
    store.write(opening.finished(account=attrs.evolve(opening.opened, opened_at=NOON - timedelta(days=9))))
    closing = story(login, id=f"close-{login}", at=at)
    open_account = store.accounts([login])[login]
    planned = closing.planned()
    shut = attrs.evolve(planned.operation, kind=OperationKind.CLOSE)
    store.write(attrs.evolve(planned, operation=shut, account=open_account))
    if ends:
        closed = attrs.evolve(open_account, state=AccountState.CLOSED, closed_at=at)
        store.write(closing.started(), closing.ended(0, TargetState.CLOSED))
        store.write(closing.finished(account=closed))


def test_the_census_counts_what_was_shut_lately_or_is_about_to_be(store: Store, story: type[Story]) -> None:
    close(store, story, "lately", NOON)
    close(store, story, "before", NOON - timedelta(days=2))
    close(store, story, "begun", NOON, ends=False)

    assert store.shut_since(NOON - timedelta(days=1)) == {
        "": Shut(accounts=2, gone=1),
        "mail": Shut(accounts=2, gone=1),
    }


def test_the_census_counts_open_accounts_no_further_than_asked(store: Store, story: type[Story]) -> None:
    for number in range(3):
        close(store, story, f"a{number}", NOON, ends=False)
    close(store, story, "shut", NOON)

    assert [store.count_open("", most) for most in (2, 9)] == [2, 3]
    assert [store.count_open("mail", 9), store.count_open("pys", 9)] == [3, 0]
