from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import InputError, StoreError, TargetError
from provisioner.core.api.events import Event, StepBegun
from provisioner.core.engine.dispatch import Dispatch
from provisioner.core.engine.limits import IN_TOTAL, Share
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.read_ahead import MAX_AGE, ReadAhead
from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Person, Unit
from provisioner.store.deliveries import StoredDeliveries
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

MANY = 24
UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"b{n:02}", custodian=f"p{n}") for n in range(MANY)]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+9053200000{n:02}") for n in range(MANY)]
SUCCESSOR = Person(id="successor", name="Halef", mobile="+905321234567")
OTHER_NUMBER = "+905329999999"


@attrs.define
class Place:
    """A store, a directory and a phone network, for any number of processes."""

    file: Path
    directory: MemoryTarget = attrs.field(factory=MemoryTarget)
    phones: MemoryChannel = attrs.field(factory=MemoryChannel)

    def start(self) -> Harness:
        return Harness(self.file, targets={"posta": self.directory}, channels={"sms": self.phones})

    def passwords(self, person: Person) -> list[str]:
        return [message.password for message in self.phones.inbox(person.mobile or "")]


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store.sqlite")


@pytest.fixture(name="harness")
def _harness(place: Place) -> Iterator[Harness]:
    with place.start() as harness:
        harness.know(units=UNITS, persons=[*PERSONS, SUCCESSOR])
        harness.open([unit.code for unit in UNITS])
        harness.engine.iter_apply(
            harness.planner.rotate([harness.account(unit.login or "") for unit in UNITS], INITIATOR)
        )
        yield harness


@attrs.define
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def planned(harness: Harness) -> list[Operation]:
    """Return the rotations that are in the journal and wait for a process."""
    return list(harness.store.operations.resumable(harness.clock()))


def number_of(work: PlannedOperation | Operation) -> str | None:
    assert isinstance(work, PlannedOperation)
    return work.recipient.mobile


@pytest.fixture(name="sizes")
def _sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return for how many operations the facts were read each time."""
    sizes = []
    again = Planner.all_again

    def count(planner: Planner, operations: Sequence[Operation]) -> list[PlannedOperation | InputError | TargetError]:
        sizes.append(len(operations))
        return again(planner, operations)

    monkeypatch.setattr(Planner, "all_again", count)
    return sizes


def test_an_account_that_changed_hands_or_was_closed_since_it_was_read_is_not_renewed_on_old_facts(
    place: Place, harness: Harness
) -> None:
    harness.engine.concurrency = 1
    handed_over, closed = (operation.login for operation in planned(harness)[4:6])
    former = PERSONS[int(handed_over[1:])]
    changed: list[Operation] = []

    def change(events: Sequence[Event]) -> None:
        """Close an account and hand another one over in another process, when the first operation has begun."""
        if not changed and any(isinstance(event, StepBegun) for event in events):
            with place.start() as other:
                changed.extend(other.close_accounts([closed]))
                changed.extend(other.hand_over(handed_over, to="successor"))

    harness.after_record = change
    rotations = {operation.login: operation for operation in harness.resume()}

    assert [(one.kind, one.state) for one in changed] == [
        (OperationKind.CLOSE, OperationState.DONE),
        (OperationKind.HANDOVER, OperationState.DONE),
    ]
    for login in (handed_over, closed):
        error = rotations.pop(login).error
        assert error is not None
        assert error.name == "BusyError"
    assert {operation.state for operation in rotations.values()} == {OperationState.DONE}
    assert harness.account(closed).state is AccountState.CLOSED
    assert not any(place.directory.logs_in(closed, password) for password in place.passwords(PERSONS[int(closed[1:])]))
    assert len(place.passwords(former)) == 1, "only that of the opening"
    assert place.directory.logs_in(handed_over, place.passwords(SUCCESSOR)[0])


def test_an_operation_that_another_process_has_begun_since_is_left_to_it(place: Place, harness: Harness) -> None:
    harness.engine.concurrency = 1

    def take_over(events: Sequence[Event]) -> None:
        if any(isinstance(event, StepBegun) for event in events):
            harness.after_record = lambda _: None
            with place.start() as other:
                other.engine.concurrency = 1
                assert [operation.state for operation in other.resume()] == [OperationState.DONE] * (MANY - 1)

    harness.after_record = take_over
    found = harness.resume()

    assert [operation.error.name for operation in found if operation.error] == ["BusyError"] * (MANY - 1)
    assert {len(place.passwords(person)) for person in PERSONS} == {2}


def test_an_operation_that_was_held_since_it_was_read_is_not_carried_out(place: Place, harness: Harness) -> None:
    """A run is held when it exceeds the limit together with another one: both are in the journal by then."""
    harness.engine.concurrency = 1
    held = planned(harness)[4:6]

    def hold(events: Sequence[Event]) -> None:
        if any(isinstance(event, StepBegun) for event in events):
            harness.after_record = lambda _: None
            with place.start() as other:
                other.engine.holds.hold_planned(held, Share(target=IN_TOTAL, affected=30, out_of=100))

    harness.after_record = hold
    found = {operation.id: operation for operation in harness.resume()}

    stored = harness.store.operations.get_many([operation.id for operation in held])
    assert {operation.state for operation in stored.values()} == {OperationState.STAGED}
    assert {error.name for operation in held if (error := found[operation.id].error)} == {"BusyError"}
    assert {len(place.passwords(PERSONS[int(operation.login[1:])])) for operation in held} == {1}


def test_what_is_read_for_many_is_read_again_when_it_is_old(harness: Harness) -> None:
    clock = Clock()
    ahead = ReadAhead(harness.planner, clock).plan(planned(harness))
    first = next(ahead)
    harness.know(persons=[attrs.evolve(person, mobile=OTHER_NUMBER) for person in PERSONS])

    assert number_of(first) != OTHER_NUMBER
    assert number_of(next(ahead)) != OTHER_NUMBER
    clock.now = MAX_AGE

    assert number_of(next(ahead)) == OTHER_NUMBER


def test_what_waited_for_a_thread_is_read_again_when_it_is_old(harness: Harness) -> None:
    clock = Clock()
    ahead = ReadAhead(harness.planner, clock)
    first, *_ = ahead.plan(planned(harness))
    assert isinstance(first, PlannedOperation)
    harness.know(persons=[attrs.evolve(person, mobile=OTHER_NUMBER) for person in PERSONS])

    clock.now = MAX_AGE
    assert ahead.current(first) is first
    clock.now = MAX_AGE + 1
    assert number_of(ahead.current(first)) == OTHER_NUMBER


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_new_plan_sends_a_password_to_a_number_that_was_replaced_since(
    place: Place, harness: Harness, concurrency: int
) -> None:
    """It waits in the plan, or for a thread."""
    clock = Clock()
    harness.engine.concurrency = concurrency
    harness.engine._ahead = ReadAhead(harness.planner, clock)
    harness.resume()
    plan = harness.planner.rotate([harness.account(unit.login or "") for unit in UNITS], INITIATOR)
    lock = threading.Lock()

    def replace(events: Sequence[Event]) -> None:
        """Replace all numbers before the first operation begins; others that want to begin wait for that."""
        with lock:
            if clock.now == 0 and any(isinstance(event, StepBegun) for event in events):
                harness.know(persons=[attrs.evolve(person, mobile=OTHER_NUMBER) for person in PERSONS])
                clock.now = MAX_AGE + 1

    harness.on_record = replace
    done = harness.run(plan)

    assert {operation.state for operation in done} == {OperationState.DONE}
    assert len(place.phones.inbox(OTHER_NUMBER)) >= MANY - concurrency


def test_a_new_plan_is_begun_for_a_person_who_is_gone(harness: Harness) -> None:
    clock = Clock()
    harness.resume()
    account = harness.account("b00")
    [work] = harness.planner.rotate([account], INITIATOR).work
    ahead = ReadAhead(harness.planner, clock)
    gone = attrs.evolve(work, operation=attrs.evolve(work.operation, holder="gone"), read_at=0.0)

    clock.now = MAX_AGE + 1
    left = ahead.current(gone)

    assert isinstance(left, Operation)
    assert left.error
    assert left.error.name == "InputError"


def test_the_facts_of_many_operations_are_read_with_few_queries(harness: Harness, sizes: list[int]) -> None:
    assert len(list(ReadAhead(harness.planner, Clock()).plan(planned(harness)))) == MANY
    assert sizes == [8, 16]


def test_little_is_read_in_vain_for_slow_operations(harness: Harness, sizes: list[int]) -> None:
    clock = Clock()
    operations, found = planned(harness), []
    for work in ReadAhead(harness.planner, clock).plan(operations):
        assert isinstance(work, PlannedOperation)
        found.append(work.operation)
        clock.now += MAX_AGE

    assert found == operations
    assert sizes[:4] == [8, 4, 2, 1]
    assert sum(sizes) < 3 * MANY


def test_the_numbers_of_messages_are_read_with_few_queries(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    last_numbers = harness.store.deliveries.last_numbers

    def count(_: StoredDeliveries, logins: Collection[str]) -> Mapping[str, int]:
        sizes.append(len(logins))
        return last_numbers(logins)

    monkeypatch.setattr(StoredDeliveries, "last_numbers", count)
    ahead = ReadAhead(harness.planner, Clock(), dispatch=Dispatch(last_numbers=harness.store.deliveries.last_numbers))

    found = list(ahead.plan(planned(harness)))

    assert sizes == [8, 16]
    assert {work.last_message for work in found if isinstance(work, PlannedOperation)} == {1}


def test_each_operation_reads_its_number_if_those_of_many_cannot_be_read(harness: Harness) -> None:
    def fail(_: Collection[str]) -> Mapping[str, int]:
        raise StoreError("the disk is gone")

    ahead = ReadAhead(harness.planner, Clock(), dispatch=Dispatch(last_numbers=fail))

    found = list(ahead.plan(planned(harness)))

    assert [work.last_message for work in found if isinstance(work, PlannedOperation)] == [None] * MANY


def test_messages_of_accounts_of_one_run_continue_their_numbers(harness: Harness) -> None:
    harness.resume()
    plan = harness.planner.rotate([harness.account(unit.login or "") for unit in UNITS], INITIATOR)
    harness.engine.apply(plan)

    for unit in UNITS:
        assert [message.number for message in harness.store.deliveries.recent(unit.login or "")] == [3, 2, 1]
