"""Operations come in their order, with their steps, and to those only who may drive them."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from provisioner.core.model import (
    OperationKind,
    OperationState,
    TargetState,
)
from provisioner.store import Store
from provisioner.store.db.chunks import CHUNK
from tests.store.conftest import Clock, Story
from tests.store.towns import account, plan

HOUR = timedelta(hours=1)
#: More than two pages.
MANY = 2 * CHUNK + 7


class TestFindOperations:
    @pytest.fixture(autouse=True)
    def _operations(self, store: Store, story: type[Story], clock: Clock) -> None:
        for number, login in enumerate(["a", "b", "a"]):
            tale = story(login, id=f"op{number}", at=clock() + number * HOUR)
            account = store.accounts.get_many([login]).get(login, tale.account)
            store.write(attrs.evolve(tale.planned(), account=account))
            store.write(tale.started(), tale.begun(0), tale.ended(0, TargetState.OPEN))
            store.write(tale.finished(OperationState.DONE if number else OperationState.FAILED))

    def test_latest_first(self, store: Store) -> None:
        assert [operation.id for operation in store.operations.find()] == ["op2", "op1", "op0"]

    def test_of_an_account(self, store: Store) -> None:
        assert [operation.id for operation in store.operations.find(login="a")] == ["op2", "op0"]

    def test_by_state(self, store: Store) -> None:
        assert [operation.id for operation in store.operations.find(state=OperationState.FAILED)] == ["op0"]

    def test_with_their_steps(self, store: Store, story: type[Story]) -> None:
        (operation,) = store.operations.find(login="b")

        assert operation.kind is OperationKind.CREATE
        assert operation.steps == (story("b").ended(0).step,)


def test_only_handovers_that_were_begun_and_not_ended_count(store: Store, story: type[Story], clock: Clock) -> None:
    for login in ("planned", "begun", "stuck", "done"):
        tale = story(login)
        handover = attrs.evolve(tale.operation, kind=OperationKind.HANDOVER, outgoing="p1", holder="p2")
        store.write(attrs.evolve(tale.planned(), operation=handover))
    store.write(story("begun").started(), story("begun").begun(0))
    store.write(story("stuck").started(), story("stuck").stuck(clock()))
    store.write(story("done").started(), story("done").finished())
    other = story("create")
    store.write(other.planned())
    store.write(other.started(), other.begun(0))

    assert [operation.login for operation in store.operations.unended_handovers("p1")] == ["begun", "stuck"]
    assert [operation.login for operation in store.operations.unended_handovers("p2")] == ["begun", "stuck"]
    assert store.operations.unended_handovers("p3") == []
    assert len(store.operations.unended_handovers("p1")[0].steps) == 1


def test_operations_of_one_moment_come_once_each(store: Store, story: type[Story], clock: Clock) -> None:
    plan(store, story, *(account(f"a{number:05}") for number in range(MANY)))

    ids = [f"op-46-a{number:05}" for number in range(MANY)]
    assert [operation.id for operation in store.operations.resumable(clock())] == ids
    assert [operation.id for operation in store.operations.find()] == ids[::-1]


def test_reader_that_takes_its_time_does_not_keep_writers_out(store: Store, story: type[Story], clock: Clock) -> None:
    """A person who drives operations while listing them must neither wait for themselves nor see one twice."""
    plan(store, story, *(account(f"a{number:05}") for number in range(MANY)))
    seen = []

    for operation in store.operations.resumable(clock()):
        seen.append(operation.id)
        if len(seen) % CHUNK == 1:
            tale = story(operation.login, id=operation.id)
            store.write(tale.started(), tale.stuck(clock()))
            assert store._database.reader.pool.status().endswith("Current Checked out connections: 0")

    assert len(seen) == len(set(seen)) == MANY


def test_an_operation_that_waits_for_a_release_is_not_the_oldest(
    store: Store, story: type[Story], clock: Clock
) -> None:
    """Somebody decides about it, and may take days."""
    held, waiting = story("held"), story("waits", at=clock() + HOUR)
    store.write(attrs.evolve(held.planned(), operation=attrs.evolve(held.operation, state=OperationState.STAGED)))
    assert store.operations.oldest_unended() is None

    store.write(waiting.planned())

    assert store.operations.oldest_unended() == clock() + HOUR


def test_failures_of_long_ago_do_not_count(store: Store, story: type[Story], clock: Clock) -> None:
    for number, state in enumerate((OperationState.FAILED, OperationState.UNDONE, OperationState.DONE)):
        tale = story(str(number), at=clock() + number * HOUR)
        store.write(tale.planned(), tale.started(), tale.finished(state))

    assert [store.operations.count_failed(clock() + hours * HOUR) for hours in (0, 1, 2)] == [2, 1, 0]
