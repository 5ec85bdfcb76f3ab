from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from provisioner.core.errors import InputError, MisconfiguredError, NotReadyError, StoreError, UnavailableError
from provisioner.core.events import Event
from provisioner.core.health import TargetHealth
from provisioner.core.hookspecs import hookimpl
from provisioner.core.model import (
    AccountState,
    Operation,
    OperationState,
    Outcome,
    Person,
    StepError,
    TargetState,
    Unit,
)
from provisioner.core.requests import CreateAccount, Receipt
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import CAUSE, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

MANY = 40
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}") for n in range(MANY)
]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+9053200000{n:02}") for n in range(MANY)]


class World:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.directories = [MemoryTarget(), MemoryTarget()]
        self.targets = {"first": FaultTarget(self.directories[0]), "second": FaultTarget(self.directories[1])}
        self.phones = MemoryChannel()
        self.channels = {"sms": FaultChannel(self.phones)}

    def start(self) -> Harness:
        return Harness(self.file, targets=self.targets, channels=self.channels)

    def messages(self, number: int) -> list[str]:
        return [one.password for one in self.phones.inbox(PERSONS[number].mobile or "")]

    def proved(self, number: int) -> bool:
        """Say whether the last message of a person opens the account everywhere, and no earlier one does anywhere."""
        *earlier, last = self.messages(number)
        login = f"birim{number}"
        return all(d.logs_in(login, last) for d in self.directories) and not any(
            d.logs_in(login, one) for d in self.directories for one in earlier
        )


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(name="harness")
def _harness(world: World) -> Iterator[Harness]:
    with world.start() as harness:
        harness.know(units=UNITS, persons=PERSONS)
        yield harness


def codes(count: int = MANY) -> list[str]:
    return [unit.code for unit in UNITS[:count]]


def states(operations: Sequence[Operation]) -> set[OperationState]:
    return {operation.state for operation in operations}


def test_many_are_opened_and_each_password_is_proved(world: World, harness: Harness) -> None:
    operations = harness.open(codes())

    assert states(operations) == {OperationState.DONE}
    assert all(world.proved(number) for number in range(MANY))
    assert len({world.messages(number)[-1] for number in range(MANY)}) == MANY


def test_what_the_engine_answers_is_what_the_store_has(harness: Harness) -> None:
    operations = harness.open(codes(5))

    for operation in operations:
        assert harness.store.operations([operation.id]) == {operation.id: operation}


@pytest.mark.parametrize("hook", ["target_check", "channel_check"])
def test_nothing_is_written_when_something_is_down_before_the_first_write(
    world: World, harness: Harness, hook: str
) -> None:
    for faults in [one.faults for one in world.targets.values()] + [one.faults for one in world.channels.values()]:
        faults.on(hook, Fault.CANNOT_CONNECT)

    with pytest.raises(NotReadyError) as caught:
        harness.open(codes())
    assert {type(error) for error in caught.value.errors} == {UnavailableError}
    assert harness.store.accounts(["birim0"]) == {}
    assert not any(world.targets["first"].faults.calls[name] for name in ("account_create", "account_probe"))


def test_everything_that_is_down_is_named(world: World, harness: Harness) -> None:
    world.targets["first"].faults.on("target_check", Fault.CANNOT_CONNECT)
    world.targets["second"].faults.on("target_check", Fault.MISCONFIGURED)

    with pytest.raises(NotReadyError, match="first, second") as caught:
        harness.open(codes(1))
    assert [type(error) for error in caught.value.errors] == [UnavailableError, MisconfiguredError]


def test_a_target_without_a_check_is_looked_at_all_the_same(world: World) -> None:
    """A quarantine must be found before the first write, also where nothing can be asked."""

    class Paper:
        @hookimpl
        def account_create(self, request: CreateAccount) -> Receipt:
            return Receipt(outcome=Outcome.APPLIED)

    with Harness(world.file, targets={**world.targets, "paper": Paper()}, channels=world.channels) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        ill = TargetHealth(
            name="paper",
            failing_since=harness.clock(),
            error=StepError(name="UnavailableError", message="no paper left"),
            quarantined_at=harness.clock(),
        )
        harness.planner.targets[-1].breaker.health.change_health("paper", lambda _: ill)

        with pytest.raises(NotReadyError, match="no paper left") as caught:
            harness.open(codes(1))
        assert [error.target for error in caught.value.errors] == ["paper"]
        assert harness.store.accounts(["birim0"]) == {}


def test_nothing_is_written_when_somebody_cannot_be_reached(harness: Harness) -> None:
    harness.know(persons=[attrs.evolve(PERSONS[3], mobile=None), attrs.evolve(PERSONS[7], mobile=None)])

    with pytest.raises(InputError) as caught:
        harness.open(codes())
    assert {one.subject for one in caught.value.problems} == {"p3", "p7"}
    assert harness.store.accounts(["birim0"]) == {}


def test_a_target_that_dies_in_the_middle_leaves_each_operation_with_a_next_try(
    world: World, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.core.engine.MOST_WORKERS", 4)
    world.targets["second"].faults.on("account_create", Fault.CANNOT_CONNECT, calls=range(20, 10_000))
    operations = harness.open(codes())

    assert states(operations) == {OperationState.DONE, OperationState.INCOMPLETE}
    assert all(one.next_try_at for one in operations if one.state is OperationState.INCOMPLETE)
    left_alone = [one for one in operations if one.error and one.error.name == "LeftAloneError"]
    assert left_alone, "a dead target must not cost every operation its time-outs"


def test_nobody_gets_a_password_that_was_taken_back(world: World, harness: Harness) -> None:
    world.targets["second"].faults.on("account_create", Fault.REFUSE)
    operations = harness.open(codes(3))

    assert states(operations) == {OperationState.UNDONE}
    assert not any(world.messages(number) for number in range(3))


def test_what_was_made_and_taken_back_is_known_to_be_absent(world: World, harness: Harness) -> None:
    world.channels["sms"].faults.on("secret_deliver", Fault.REFUSE)
    harness.open(codes(1))

    assert set(harness.store.target_states("birim0").values()) == {TargetState.ABSENT}


def test_undoing_goes_backwards_and_is_written_down(world: World, harness: Harness) -> None:
    harness.open(codes(1))
    old = world.messages(0)[-1]
    world.channels["sms"].faults.on("secret_deliver", Fault.REFUSE)
    operation = harness.rotate(["birim0"])[0]

    undone = [(step.name, step.outcome) for step in operation.steps if step.hook == "undo"]
    assert undone == [("second", Outcome.APPLIED), ("first", Outcome.APPLIED)]
    assert operation.state is OperationState.UNDONE
    assert all(directory.logs_in("birim0", old) for directory in world.directories)


def test_an_undo_that_fails_leaves_the_operation_incomplete(world: World, harness: Harness) -> None:
    harness.open(codes(1))
    world.channels["sms"].faults.on("secret_deliver", Fault.REFUSE)
    world.targets["first"].faults.on("undo", Fault.LOSE_REQUEST)
    operation = harness.rotate(["birim0"])[0]

    assert operation.state is OperationState.INCOMPLETE
    assert operation.next_try_at is not None
    assert harness.account("birim0").state is AccountState.INCOMPLETE


def test_the_next_channel_is_tried_when_one_fails(tmp_path: Path) -> None:
    broken, phones = FaultChannel(MemoryChannel()), MemoryChannel()
    broken.faults.on("secret_deliver", Fault.CANNOT_CONNECT)
    channels = {"main": broken, "spare": phones}
    with Harness(tmp_path / "s.sqlite", targets={"posta": MemoryTarget()}, channels=channels) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        operation = harness.open(codes(1))[0]

    assert operation.state is OperationState.DONE
    assert len(phones.inbox(PERSONS[0].mobile or "")) == 1


def test_the_next_channel_is_not_tried_when_a_message_may_be_out(tmp_path: Path) -> None:
    """Two different messages for one operation would leave the owner with two passwords to choose from."""
    unsure, phones = FaultChannel(MemoryChannel()), MemoryChannel()
    unsure.faults.on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    unsure.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    channels = {"main": unsure, "spare": phones}
    with Harness(tmp_path / "s.sqlite", targets={"posta": MemoryTarget()}, channels=channels) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        operation = harness.open(codes(1))[0]

    assert operation.state is OperationState.INCOMPLETE
    assert phones.inbox(PERSONS[0].mobile or "") == []


def test_a_target_that_says_done_and_lies_is_found_out(world: World, harness: Harness) -> None:
    @attrs.define(eq=False)
    class Liar(FaultTarget):
        @hookimpl
        def account_create(self, request: CreateAccount) -> Receipt:
            return Receipt(outcome=Outcome.APPLIED)

    with Harness(
        world.file.with_name("other.sqlite"), targets={"liar": Liar(MemoryTarget())}, channels=world.channels
    ) as other:
        other.know(units=UNITS[:1], persons=PERSONS[:1])
        operation = other.open(codes(1))[0]

    assert operation.state is OperationState.INCOMPLETE
    assert world.messages(0) == []


def test_a_stop_lets_operations_end_between_two_steps_and_resume_does_the_rest(
    world: World, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.core.engine.MOST_WORKERS", 4)
    seen = 0
    lock = threading.Lock()

    def stop_after_a_while(events: Sequence[Event]) -> None:
        nonlocal seen
        with lock:
            seen += 1
            if seen == 60:
                harness.stop.set()

    harness.after_record = stop_after_a_while
    operations = harness.open(codes())
    harness.after_record = lambda _: None
    harness.stop.clear()

    assert len(operations) == MANY
    assert OperationState.PLANNED in states(operations)
    assert states(operations) <= {OperationState.PLANNED, OperationState.INCOMPLETE, OperationState.DONE}
    assert states(harness.resume()) == {OperationState.DONE}
    assert all(world.proved(number) for number in range(MANY))


def test_two_processes_at_once_open_each_account_once(world: World, harness: Harness) -> None:
    with world.start() as other, ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda one: one.open(codes()), [harness, other]))

    assert states(both[0]) | states(both[1]) >= {OperationState.DONE}
    assert all(world.proved(number) for number in range(MANY))
    assert harness.resume() == []


def test_two_rotations_at_once_end_with_one_password_and_the_last_message_carries_it(
    world: World, harness: Harness
) -> None:
    harness.open(codes(4))
    logins = [f"birim{number}" for number in range(4)]
    with world.start() as other, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: one.rotate(logins), [harness, other]))
        for one in (harness, other):
            one.resume()

    assert all(world.proved(number) for number in range(4))


def test_a_journal_that_cannot_be_written_stops_the_work(world: World, harness: Harness) -> None:
    """Calling a target without having written it down is how a crash loses a password."""

    def fail(events: Sequence[Event]) -> None:
        if len(events) and type(events[-1]).__name__ == "StepBegun":
            raise StoreError("disk full")

    harness.on_record = fail
    with pytest.raises(StoreError):
        harness.open(codes())
    assert world.targets["first"].faults.calls["account_create"] == 0


def test_closing_goes_on_with_the_other_targets_when_one_is_down(world: World, harness: Harness) -> None:
    """The fewer doors stay open, the better."""
    harness.open(codes(1))
    password = world.messages(0)[-1]
    world.targets["first"].faults.on("account_close", Fault.CANNOT_CONNECT)
    operation = harness.close_accounts(["birim0"])[0]

    assert operation.state is OperationState.INCOMPLETE
    assert [directory.logs_in("birim0", password) for directory in world.directories] == [True, False]


def test_resume_with_nothing_to_do_touches_nothing(world: World, harness: Harness) -> None:
    harness.open(codes(2))
    before = world.targets["first"].faults.calls.copy()

    assert harness.resume() == []
    assert world.targets["first"].faults.calls == before


def test_the_trail_tells_all_that_happened(harness: Harness) -> None:
    seen: list[Event] = []

    class Observer:
        @hookimpl
        def operation_event(self, event: Event) -> None:
            seen.append(event)

    harness.plugins.add("observer", Observer())
    harness.run(harness.planner.open_units(UNITS[:1], cause=CAUSE))

    told = [type(event).__name__ for event in seen]
    steps = ["StepBegun", "StepEnded"] * 5
    assert told == ["OperationPlanned", "OperationStarted", *steps, "OperationEnded"]
