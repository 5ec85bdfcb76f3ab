from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import (
    InputError,
    MisconfiguredError,
    NotReadyError,
    RefusedError,
    StoreError,
    TargetError,
    UnavailableError,
)
from provisioner.core.api.events import Event
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountReport,
    ChannelReport,
    CheckChannel,
    CreateAccount,
    DeleteAccount,
    DeliverSecret,
    DeliveryReceipt,
    DeliveryState,
    HandOver,
    ProbeAccount,
    Receipt,
)
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.read_ahead import ReadAhead
from provisioner.core.gateways.gateway import TARGET_HOOKS
from provisioner.core.gateways.health import TargetHealth
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
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

MANY = 40
SECRET = "hunter2"
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


def test_a_caller_who_ignores_the_answer_has_everything_done(harness: Harness) -> None:
    units = list(harness.store.units.get_many(codes(3)).values())

    harness.engine.apply(harness.planner.open_units(units, initiator=INITIATOR))

    assert {account.state for account in harness.store.accounts.find()} == {AccountState.OPEN}


@pytest.mark.parametrize("fault", [None, Fault.CANNOT_CONNECT, Fault.REFUSE])
def test_what_the_engine_answers_is_what_the_store_has(world: World, harness: Harness, fault: Fault | None) -> None:
    if fault:
        world.targets["second"].faults.on("account_create", fault)
    operations = harness.open(codes(5))

    for operation in operations:
        assert harness.store.operations.get_many([operation.id]) == {operation.id: operation}


@pytest.mark.parametrize("hook", ["target_check", "channel_check"])
def test_nothing_is_written_when_something_is_down_before_the_first_write(
    world: World, harness: Harness, hook: str
) -> None:
    for faults in [target.faults for target in world.targets.values()] + [
        channel.faults for channel in world.channels.values()
    ]:
        faults.on(hook, Fault.CANNOT_CONNECT)

    with pytest.raises(NotReadyError) as caught:
        harness.open(codes())
    assert {type(error) for error in caught.value.errors} == {UnavailableError}
    assert harness.store.accounts.get_many(["birim0"]) == {}
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

    targets, cannot = {**world.targets, "paper": Paper()}, {"paper": [*TARGET_HOOKS[1:]]}
    with Harness(world.file, targets=targets, channels=world.channels, cannot=cannot) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        ill = TargetHealth(
            name="paper",
            failing_since=harness.clock(),
            error=StepError(name="UnavailableError", message="no paper left"),
            quarantined_at=harness.clock(),
        )
        harness.planner.targets[-1].breaker.health.change("paper", lambda _: ill)

        with pytest.raises(NotReadyError, match="no paper left") as caught:
            harness.open(codes(1))
        assert [error.target for error in caught.value.errors] == ["paper"]
        assert harness.store.accounts.get_many(["birim0"]) == {}


def test_nothing_is_written_when_somebody_cannot_be_reached(harness: Harness) -> None:
    harness.know(persons=[attrs.evolve(PERSONS[3], mobile=None), attrs.evolve(PERSONS[7], mobile=None)])

    with pytest.raises(InputError) as caught:
        harness.open(codes())
    assert {problem.subject for problem in caught.value.problems} == {"p3", "p7"}
    assert harness.store.accounts.get_many(["birim0"]) == {}


def test_a_target_that_dies_in_the_middle_leaves_each_operation_with_a_next_try(
    world: World, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.core.engine.engine.MOST_WORKERS", 4)
    world.targets["second"].faults.on("account_create", Fault.CANNOT_CONNECT, calls=range(20, 10_000))
    operations = harness.open(codes())

    assert states(operations) == {OperationState.DONE, OperationState.INCOMPLETE}
    assert all(operation.next_try_at for operation in operations if operation.state is OperationState.INCOMPLETE)
    left_alone = [
        operation for operation in operations if operation.error and operation.error.name == "CircuitOpenError"
    ]
    assert left_alone, "a dead target must not cost every operation its time-outs"


def test_nobody_gets_a_password_that_was_taken_back(world: World, harness: Harness) -> None:
    world.targets["second"].faults.on("account_create", Fault.REFUSE)
    operations = harness.open(codes(3))

    assert states(operations) == {OperationState.UNDONE}
    assert not any(world.messages(number) for number in range(3))


def test_what_was_made_and_taken_back_is_known_to_be_absent(world: World, harness: Harness) -> None:
    world.channels["sms"].faults.on("secret_deliver", Fault.REFUSE)
    harness.open(codes(1))

    assert set(harness.store.accounts.target_states("birim0").values()) == {TargetState.ABSENT}


def test_undoing_goes_backwards_and_is_written_down(world: World, harness: Harness) -> None:
    harness.open(codes(1))
    old = world.messages(0)[-1]
    world.channels["sms"].faults.on("secret_deliver", Fault.REFUSE)
    operation = harness.rotate(["birim0"])[0]

    undone = [(step.name, step.outcome) for step in operation.steps if step.hook == "undo"]
    assert undone == [("second", Outcome.APPLIED), ("first", Outcome.APPLIED)]
    assert operation.state is OperationState.UNDONE
    assert harness.store.accounts.target_states("birim0") == {"first": TargetState.OPEN, "second": TargetState.OPEN}
    assert all(directory.logs_in("birim0", old) for directory in world.directories)


@pytest.mark.parametrize("where", ["first", "second"])
def test_an_undo_that_fails_leaves_the_operation_incomplete(world: World, harness: Harness, where: str) -> None:
    harness.open(codes(1))
    world.channels["sms"].faults.on("secret_deliver", Fault.REFUSE)
    world.targets[where].faults.on("undo", Fault.LOSE_REQUEST)
    operation = harness.rotate(["birim0"])[0]

    assert operation.state is OperationState.INCOMPLETE
    assert operation.next_try_at is not None
    assert harness.account("birim0").state is AccountState.INCOMPLETE


def test_the_next_channel_is_tried_when_one_fails(tmp_path: Path) -> None:
    broken, phones = FaultChannel(MemoryChannel()), MemoryChannel()
    broken.faults.on("secret_deliver", Fault.CANNOT_CONNECT)
    channels = {"main": broken, "spare": phones}
    operation = opened_over(tmp_path / "s.sqlite", channels)

    assert operation.state is OperationState.DONE
    assert len(phones.inbox(PERSONS[0].mobile or "")) == 1


def test_a_password_that_its_owner_may_have_read_is_not_taken_back(world: World, harness: Harness) -> None:
    harness.open(codes(1))
    faults = world.channels["sms"].faults
    faults.on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    operation = harness.rotate(["birim0"])[0]

    assert operation.state is OperationState.INCOMPLETE
    assert world.proved(0)


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.APPLY_AND_LOSE_ANSWER])
def test_a_message_whose_answer_was_lost_is_looked_for_and_arrives_once(
    world: World, harness: Harness, fault: Fault
) -> None:
    world.channels["sms"].faults.on("secret_deliver", fault, calls={1})

    assert states(harness.open(codes(1))) == {OperationState.DONE}
    assert len(world.messages(0)) == 1
    assert world.proved(0)


def opened_over(file: Path, channels: Mapping[str, object]) -> Operation:
    """Open one account on one target, with these channels for the password."""
    with Harness(file, targets={"posta": MemoryTarget()}, channels=channels) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        return harness.open(codes(1))[0]


def test_one_channel_that_works_is_enough_to_begin(tmp_path: Path) -> None:
    broken, phones = FaultChannel(MemoryChannel()), MemoryChannel()
    broken.faults.on("channel_check", Fault.CANNOT_CONNECT)
    broken.faults.on("secret_deliver", Fault.CANNOT_CONNECT)
    channels = {"main": broken, "spare": phones}
    operation = opened_over(tmp_path / "s.sqlite", channels)

    assert operation.state is OperationState.DONE
    assert len(phones.inbox(PERSONS[0].mobile or "")) == 1


def test_who_can_be_reached_over_one_channel_is_not_out_of_reach(tmp_path: Path) -> None:
    class Landline(FaultChannel):
        @hookimpl
        def channel_check(self, request: CheckChannel) -> ChannelReport:
            return ChannelReport(unreachable={person.id: "has no landline" for person in request.recipients})

        @hookimpl
        def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
            return DeliveryReceipt(state=DeliveryState.REJECTED, detail="has no landline")

    phones = MemoryChannel()
    channels = {"landline": Landline(MemoryChannel()), "sms": phones}
    operation = opened_over(tmp_path / "s.sqlite", channels)

    assert operation.state is OperationState.DONE
    assert len(phones.inbox(PERSONS[0].mobile or "")) == 1


@pytest.mark.parametrize(
    "failure", [ValueError(), RefusedError("no"), UnavailableError("500"), MisconfiguredError("403")]
)
def test_one_person_who_breaks_the_check_of_a_channel_is_that_persons_item_only(
    tmp_path: Path, failure: Exception
) -> None:
    @attrs.define(eq=False)
    class Choosy(FaultChannel):
        asked: int = attrs.field(default=0, init=False)

        @hookimpl
        def channel_check(self, request: CheckChannel) -> ChannelReport:
            self.asked += 1
            if any(person.id == PERSONS[3].id for person in request.recipients):
                raise failure
            return ChannelReport()

    channel = Choosy(MemoryChannel())
    with Harness(tmp_path / "s.sqlite", targets={"posta": MemoryTarget()}, channels={"sms": channel}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        with pytest.raises(InputError) as caught:
            harness.open(codes(len(UNITS)))
        asked = channel.asked
        operations = harness.open([code for code in codes(len(UNITS)) if code != UNITS[3].code])

    [problem] = caught.value.problems
    assert (problem.subject, problem.field) == (PERSONS[3].id, "mobile")
    assert {operation.state for operation in operations} == {OperationState.DONE}
    assert asked <= 3 + 2 * len(UNITS).bit_length()


def test_the_next_channel_is_not_tried_when_a_message_may_be_out(tmp_path: Path) -> None:
    """Two different messages for one operation would leave the owner with two passwords to choose from."""
    unsure, phones = FaultChannel(MemoryChannel()), MemoryChannel()
    unsure.faults.on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    unsure.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    channels = {"main": unsure, "spare": phones}
    operation = opened_over(tmp_path / "s.sqlite", channels)

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
        known = other.store.accounts.target_states("birim0")

    assert operation.state is OperationState.INCOMPLETE
    assert known == {"liar": TargetState.INCOMPLETE}
    assert world.messages(0) == []


@attrs.define(eq=False)
class Blind(FaultTarget):
    """Shows whether an account is there, and cannot tell whether a password logs in."""

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        return attrs.evolve(FaultTarget.account_probe(self, request), secret_accepted=None)


def test_a_target_that_cannot_prove_a_password_is_believed(world: World) -> None:
    with Harness(world.file, targets={"blind": Blind(MemoryTarget())}, channels=world.channels) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        operation = harness.open(codes(1))[0]

    assert operation.state is OperationState.DONE


def test_nobody_gets_a_password_of_which_no_target_can_tell_whether_it_was_set(world: World) -> None:
    blind = Blind(MemoryTarget())
    blind.faults.on("account_create", Fault.APPLY_AND_LOSE_ANSWER)
    with Harness(world.file, targets={"blind": blind}, channels=world.channels) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        operation = harness.open(codes(1))[0]
        state = harness.account("birim0").state

    assert (operation.state, state) == (OperationState.INCOMPLETE, AccountState.INCOMPLETE)
    assert operation.steps[0].outcome is Outcome.UNKNOWN
    assert world.messages(0) == []


def test_a_request_of_which_a_probe_shows_that_it_was_lost_is_made_again_at_once(
    world: World, harness: Harness
) -> None:
    world.targets["first"].faults.on("account_create", Fault.LOSE_REQUEST, calls={1})

    assert states(harness.open(codes(1))) == {OperationState.DONE}
    assert world.proved(0)


def test_a_refusal_after_a_lost_answer_may_mean_that_the_request_had_arrived(world: World, harness: Harness) -> None:
    harness.open(codes(1))
    faults = world.targets["first"].faults
    faults.on("account_rotate", Fault.APPLY_AND_LOSE_ANSWER, calls={1})
    faults.on("account_rotate", Fault.REFUSE, calls={2})
    probes = faults.calls["account_probe"]
    faults.on("account_probe", Fault.CANNOT_CONNECT, calls=range(probes + 1, probes + 4))
    operation = harness.rotate(["birim0"])[0]

    assert operation.state is OperationState.DONE
    assert world.proved(0)


def test_a_stop_lets_operations_end_between_two_steps_and_resume_does_the_rest(
    world: World, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.core.engine.engine.MOST_WORKERS", 4)
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


def test_what_somebody_else_was_faster_with_keeps_nothing_else_of_a_run_back(world: World, harness: Harness) -> None:
    harness.open(codes(3))
    plan = harness.planner.rotate([harness.account(f"birim{number}") for number in range(3)], initiator=INITIATOR)
    harness.close_accounts(["birim2"])
    operations = {one.login: one for one in harness.run(plan)}

    assert states([operations["birim0"], operations["birim1"]]) == {OperationState.DONE}
    late = operations["birim2"]
    assert late.error is not None
    assert (late.state, late.error.name) == (OperationState.PLANNED, "BusyError")
    assert [len(world.messages(number)) for number in range(3)] == [2, 2, 1]


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


def test_a_target_is_left_alone_as_long_as_it_asks_for(world: World, harness: Harness) -> None:
    faults = world.targets["first"].faults
    faults.retry_after = timedelta(hours=2).total_seconds()
    faults.on("account_create", Fault.THROTTLE)
    operation = harness.open(codes(1))[0]

    assert operation.next_try_at == harness.clock() + timedelta(hours=2)


@pytest.mark.parametrize("seconds", [999_999_999_999, 10**400, float("inf")])
def test_a_rest_without_end_is_cut_to_a_day(world: World, harness: Harness, seconds: float) -> None:
    world.targets["first"].faults.retry_after = seconds
    world.targets["first"].faults.on("account_create", Fault.THROTTLE, item="birim1")
    operations = {one.login: one for one in harness.open(codes(3))}

    assert operations["birim1"].next_try_at == harness.clock() + timedelta(days=1)
    assert states([operations["birim0"], operations["birim2"]]) == {OperationState.DONE}


@pytest.mark.parametrize("last", ["StepBegun", "OperationEnded"])
def test_a_defect_at_one_operation_is_that_operations(world: World, harness: Harness, last: str) -> None:
    """One that ends the run would end every later run, too, as each begins with what was left."""

    def fail(events: Sequence[Event]) -> None:
        if events[-1].login == "birim1" and type(events[-1]).__name__ == last:
            raise KeyError(SECRET)

    harness.on_record = fail
    for operations in (harness.open(codes(3)), harness.open(codes(3))):
        broken = {operation.login: operation for operation in operations if operation.error}
        assert set(broken) == {"birim1"}
        assert broken["birim1"].error
        assert broken["birim1"].error.name == "DefectError"
        assert "KeyError" in str(broken["birim1"].error.message)
        assert SECRET not in repr(broken)
    assert world.proved(0)
    assert world.proved(2)
    harness.on_record = lambda _: None
    harness.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]

    assert states(harness.resume()) == {OperationState.DONE}
    assert world.proved(1)


def test_a_defect_while_work_is_taken_up_again_is_that_operations(
    world: World, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.targets["first"].faults.on("account_create", Fault.CANNOT_CONNECT)
    harness.open(codes(3))
    world.targets["first"].faults.clear()
    harness.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    again = Planner.all_again

    def fail(planner: Planner, operations: Sequence[Operation]) -> list[PlannedOperation | InputError | TargetError]:
        if any(operation.login == "birim1" for operation in operations):
            raise ZeroDivisionError
        return again(planner, operations)

    monkeypatch.setattr(Planner, "all_again", fail)
    operations = harness.resume()

    assert sorted(operation.login for operation in operations if operation.state is OperationState.DONE) == [
        "birim0",
        "birim2",
    ]
    assert [operation.error and operation.error.name for operation in operations if operation.login == "birim1"] == [
        "DefectError"
    ]


def test_a_target_that_ends_the_program_ends_one_operation(world: World) -> None:
    class Rude(FaultTarget):
        @hookimpl
        def account_create(self, request: CreateAccount) -> Receipt:
            if request.account.login == "birim1":
                raise SystemExit(SECRET)
            return FaultTarget.account_create(self, request)

    with Harness(world.file, targets={"posta": Rude(MemoryTarget())}, channels=world.channels) as harness:
        harness.know(units=UNITS[:3], persons=PERSONS[:3])
        operations = harness.open(codes(3))

    assert sorted(operation.login for operation in operations if operation.state is OperationState.DONE) == [
        "birim0",
        "birim2",
    ]
    assert SECRET not in repr(operations)


def test_a_target_is_told_who_hands_over_to_whom(world: World) -> None:
    told: list[HandOver] = []

    class Attentive(FaultTarget):
        @hookimpl
        def account_handover(self, request: HandOver) -> Receipt:
            told.append(request)
            return FaultTarget.account_handover(self, request)

    with Harness(world.file, targets={"posta": Attentive(MemoryTarget())}, channels=world.channels) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:2])
        harness.open(codes(1))
        harness.hand_over("birim0", "p1")

    assert [(one.outgoing, one.holder) for one in told] == [(PERSONS[0], PERSONS[1])]


def test_what_was_deleted_by_hand_is_closed(world: World, harness: Harness) -> None:
    harness.open(codes(1))
    gone = DeleteAccount(operation_id="by hand", account=harness.account("birim0"), unit=UNITS[0])
    world.directories[0].account_delete(gone)
    operation = harness.close_accounts(["birim0"])[0]

    assert operation.state is OperationState.DONE
    assert harness.account("birim0").state is AccountState.CLOSED


def test_it_is_written_down_how_often_a_step_was_tried(world: World, harness: Harness) -> None:
    world.targets["first"].faults.on("account_create", Fault.CANNOT_CONNECT, calls={1})
    operation = harness.open(codes(1))[0]

    stored = harness.store.operations.get_many([operation.id])[operation.id]
    assert [step.attempts for step in stored.steps] == [2, 1, 1, 1, 1]


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
    harness.run(harness.planner.open_units(UNITS[:1], initiator=INITIATOR))

    told = [type(event).__name__ for event in seen]
    changed, proved, sent = ["StepBegun", "StepEnded"], ["StepEnded"], ["StepBegun", "StepEnded"]
    steps = [*changed, *proved, *changed, *proved, *sent]
    assert told == ["OperationPlanned", "OperationStarted", *steps, "DeliveryHandedOver", "OperationEnded"]


@attrs.define(eq=False)
class Distributed:
    """Workers in another process, which carry out what they get, or nothing."""

    worker: Harness | None = None
    has: set[str] = attrs.field(factory=set)
    handed_out: list[str] = attrs.field(factory=list)

    def hand_out(self, ids: Sequence[str], /) -> Sequence[str]:
        new = [operation for operation in ids if operation not in self.has]
        self.handed_out += new
        return new

    def returned(self, ids: Collection[str], stop: threading.Event, /) -> Iterator[Sequence[str]]:
        if self.worker:
            self.worker.resume()
        if not stop.is_set():
            yield list(ids)


class TestDistribution:
    """Operations that workers carry out, and a run that waits for them."""

    def test_run_ends_with_what_workers_did(self, world: World) -> None:
        with world.start() as here, world.start() as there:
            here.know(units=UNITS[:3], persons=PERSONS)
            here.engine.distribution = workers = Distributed(there)

            opened = here.open([unit.code for unit in UNITS[:3]])

            assert [operation.state for operation in opened] == 3 * [OperationState.DONE]
            assert set(workers.handed_out) == {operation.id for operation in opened}

    def test_operation_that_no_worker_could_begin_is_in_other_hands(self, world: World) -> None:
        """The policy must not take it for one that failed, and warn or close instead."""
        with world.start() as here:
            here.know(units=UNITS[:1], persons=PERSONS)
            here.engine.distribution = Distributed()

            [operation] = here.open([UNITS[0].code])

            assert operation.state is OperationState.PLANNED
            assert operation.error
            assert operation.error.name == "BusyError"

    def test_what_another_run_handed_out_is_not_waited_for(self, world: World) -> None:
        with world.start() as here:
            here.know(units=UNITS[:2], persons=PERSONS)
            here.engine.distribution = workers = Distributed()
            ids = [operation.id for operation in here.open([unit.code for unit in UNITS[:2]])]
            workers.has, workers.handed_out = set(ids[:1]), []

            resumed = here.resume()

            assert {operation.id for operation in resumed} == set(ids)
            assert workers.handed_out == ids[1:]

    def test_a_run_looks_people_up_again_before_it_is_handed_out(self, world: World) -> None:
        """The workers do so. A long run would keep them waiting, and a failed look-up would end its operation."""
        with world.start() as here:
            here.know(units=UNITS[:2], persons=PERSONS)
            here.engine.distribution = workers = Distributed()
            here.engine._ahead = ReadAhead(here.planner, itertools.count(step=60).__next__)
            plan = here.planner.open_units(UNITS[:2], initiator=INITIATOR)
            here.planner.people.stored = lambda _: pytest.fail("looked up again")

            here.run(plan)

            assert len(workers.handed_out) == 2

    def test_stop_ends_the_waiting(self, world: World) -> None:
        with world.start() as here:
            here.know(units=UNITS[:1], persons=PERSONS)
            here.engine.distribution = Distributed()
            here.engine.context.retry.stop.set()

            [operation] = here.open([UNITS[0].code])

            assert (operation.state, operation.error) == (OperationState.PLANNED, None)


def test_no_more_operations_run_at_once_than_configured(world: World) -> None:
    running, most, lock = set[int](), 0, threading.Lock()

    def observe(_: Sequence[Event]) -> None:
        nonlocal most
        with lock:
            running.add(threading.get_ident())
            most = max(most, len(running))

    with world.start() as here:
        here.know(units=UNITS, persons=PERSONS)
        here.engine.concurrency = 3
        here.after_record = observe

        here.open([unit.code for unit in UNITS])

    assert most <= 1 + 3, "the plan is recorded by one thread more"
