"""A run that is too big waits as a whole, and what becomes of it is written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.api.events import Event
from provisioner.core.engine.holds import Holds
from provisioner.core.engine.limits import (
    Guard,
    OperationHeld,
    RunDiscarded,
    RunHeld,
    RunReleased,
    Share,
)
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.ports import Closings
from provisioner.core.model import Account, Operation, OperationKind, OperationState, TargetState, Unit
from provisioner.core.model.mass_change import MassChangeLimit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHARE = Share(target="", affected=30, out_of=40)


class Nothing:
    """Counts no accounts."""

    def closed_since(self, since: datetime, /) -> Mapping[str, Closings]:
        return {}

    def count_open(self, target: str, at_most: int, /) -> int:
        return 0

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        return {}


@attrs.define
class HeldOperations:
    """Operations by id."""

    held: dict[str, Operation]

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Operation]:
        return {name: self.held[name] for name in ids}


@attrs.define
class HeldRuns:
    """Operations by run."""

    held: dict[str, Operation]

    def operations(self, run: str, /) -> Sequence[Operation]:
        return [operation for operation in self.held.values() if operation.staging == run]


@attrs.define
class Books:
    """What is held, and what was written."""

    held: dict[str, Operation] = attrs.field(factory=dict)
    events: list[Event] = attrs.field(factory=list)

    @property
    def operations(self) -> HeldOperations:
        return HeldOperations(self.held)

    @property
    def held_runs(self) -> HeldRuns:
        return HeldRuns(self.held)

    def record(self, *events: Event) -> None:
        self.events += events


def operation(login: str, **more: object) -> Operation:
    facts = {"id": f"o-{login}", "kind": OperationKind.CLOSE, "login": login, "actor": "p1", "created_at": NOON}
    return Operation(**{**facts, "reason": "moved", **more})  # type: ignore[arg-type]


def planned(login: str, *, recorded: bool = False) -> PlannedOperation:
    account = Account(login=login, domain="meb.gov.tr", unit="46")
    unit = Unit(code="46", name="Kahramanmaraş", kind="province")
    return PlannedOperation(operation=operation(login), account=account, unit=unit, recorded=recorded)


@pytest.fixture(name="books")
def _books() -> Books:
    return Books()


@pytest.fixture(name="holds")
def _holds(books: Books) -> Holds:
    guard = Guard(limit=MassChangeLimit(percent=7), census=Nothing(), accounts=Nothing(), now=lambda: NOON)
    return Holds(guard=guard, records=books, record=books.record, now=lambda: NOON)


def test_all_that_is_new_of_a_run_is_held(books: Books, holds: Holds) -> None:
    new, known = holds.hold([planned("a"), planned("b", recorded=True)], SHARE)
    [staged] = books.events

    assert isinstance(staged, RunHeld)
    assert (staged.run.operations, staged.run.percent, staged.run.affected) == (1, 7, 30)
    assert (new.operation.state, new.operation.staging) == (OperationState.STAGED, staged.run.id)
    assert new.operation.error
    assert "30 of 40" in str(new.operation.error.message)
    assert known == planned("b", recorded=True)


def test_a_run_without_anything_new_is_not_held_a_second_time(books: Books, holds: Holds) -> None:
    work = [planned("a", recorded=True)]

    assert holds.hold(work, SHARE) == work
    assert books.events == []


def test_operations_that_are_in_the_journal_are_held_in_one_submission(books: Books, holds: Holds) -> None:
    books.held = {"o-a": operation("a"), "o-b": operation("b")}
    found = holds.hold_planned(list(books.held.values()), SHARE)
    run, *held = books.events

    assert found == books.held
    assert isinstance(run, RunHeld)
    assert [(type(event), event.login) for event in held] == [(OperationHeld, "a"), (OperationHeld, "b")]


@pytest.mark.parametrize("ask", ["operations", "discard"])
def test_a_run_of_which_nothing_waits_is_named(holds: Holds, ask: str) -> None:
    with pytest.raises(InputError, match="there is no held run r1"):
        _ = holds.operations("r1") if ask == "operations" else holds.discard("r1", actor="p2", reason="")


def test_a_release_says_who_and_why(books: Books, holds: Holds) -> None:
    holds.release("r1", actor="p2", reason="meant")

    assert books.events == [RunReleased(at=NOON, actor="p2", run="r1", reason="meant")]


@pytest.mark.parametrize(("reason", "said"), [("a mistake", "discarded by p2: a mistake"), ("", "discarded by p2")])
def test_a_discarded_run_says_who_and_why(books: Books, holds: Holds, reason: str, said: str) -> None:
    books.held = {"o-a": operation("a", staging="r1")}

    assert holds.discard("r1", actor="p2", reason=reason) == list(books.held.values())
    [discarded] = books.events
    assert isinstance(discarded, RunDiscarded)
    assert str(discarded.error.message) == said
