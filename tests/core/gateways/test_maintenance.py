"""While somebody works on a target or channel, what needs it waits, and nobody is alarmed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from provisioner.core.api.errors import InMaintenanceError, NotReadyError, StoreError
from provisioner.core.api.events import Event, OperationStarted, StepEnded
from provisioner.core.gateways.maintenance import REFRESH, Calendar, Maintenance
from provisioner.core.model import AccountState, Operation, OperationState, Outcome, Person, Unit
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.rules.certificates import Certificates
from provisioner.rules.passwords import AutoRotate
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

HOUR = timedelta(hours=1)
UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian="p") for n in range(3)]
PERSON = Person(id="p", name="Kişi", mobile="+905320000000")
CODES = [unit.code for unit in UNITS]
LOGINS = ["birim0", "birim1", "birim2"]


class World:
    """Two targets and two channels."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directories = {"posta": MemoryTarget(), "pys": MemoryTarget()}
        self.targets = {name: FaultTarget(one) for name, one in self.directories.items()}
        self.phones = MemoryChannel()
        self.channels = {"sms": FaultChannel(self.phones), "spare": FaultChannel(self.phones)}

    @property
    def end(self) -> datetime:
        return self.clock() + HOUR

    def start(self, policy: Policy | None = None) -> Harness:
        return Harness(self.file, targets=self.targets, channels=self.channels, clock=self.clock, policy=policy)

    def calls(self, name: str) -> int:
        return (self.targets | self.channels)[name].faults.calls.total()

    def logs_in(self, name: str, login: str) -> bool:
        passwords = [one.password for one in self.phones.inbox(PERSON.mobile or "") if one.login == login]
        return self.directories[name].logs_in(login, passwords[-1])


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(name="harness")
def _harness(world: World) -> Iterator[Harness]:
    with world.start() as harness:
        harness.know(units=UNITS, persons=[PERSON])
        yield harness


@pytest.fixture(name="opened")
def _opened(harness: Harness) -> Harness:
    harness.open(CODES)
    return harness


def states(operations: Iterable[Operation]) -> set[OperationState]:
    return {operation.state for operation in operations}


class TestClosing:
    """Closings go on where they can: the fewer doors stay open, the better."""

    def test_goes_on_for_the_other_targets_at_once(self, world: World, opened: Harness) -> None:
        opened.maintain("pys", end := world.end)
        before = world.calls("pys")

        [operation] = opened.close_accounts(["birim0"])

        assert (operation.state, operation.next_try_at) == (OperationState.INCOMPLETE, end)
        assert operation.error is not None
        assert operation.error.name == "InMaintenanceError"
        assert not world.logs_in("posta", "birim0")
        assert world.logs_in("pys", "birim0")
        assert world.calls("pys") == before
        assert opened.account("birim0").state is AccountState.INCOMPLETE

    def test_of_the_first_target_goes_on_for_the_second(self, world: World, opened: Harness) -> None:
        opened.maintain("posta", world.end)

        opened.close_accounts(["birim0"])

        assert world.logs_in("posta", "birim0")
        assert not world.logs_in("pys", "birim0")

    def test_ends_when_the_maintenance_is_over(self, world: World, opened: Harness) -> None:
        opened.maintain("pys", world.end)
        opened.close_accounts(["birim0"])

        assert opened.resume() == []
        world.clock.advance(HOUR)

        assert states(opened.resume()) == {OperationState.DONE}
        assert not world.logs_in("pys", "birim0")

    def test_is_left_alone_when_it_is_wished_again(self, world: World, opened: Harness) -> None:
        opened.maintain("pys", world.end)
        [first] = opened.close_accounts(["birim0"])

        [again] = opened.close_accounts(["birim0"])

        assert again == opened.store.operations.get_many([first.id])[first.id]
        assert (again.state, again.tries) == (OperationState.INCOMPLETE, 1)

    def test_that_fails_elsewhere_is_tried_again_before_the_end(self, world: World, opened: Harness) -> None:
        """A maintenance of one target must not make the failure of another one wait for hours."""
        opened.maintain("posta", world.end)
        world.targets["pys"].faults.on("account_close", Fault.CANNOT_CONNECT)

        [operation] = opened.close_accounts(["birim0"])

        assert operation.next_try_at == world.clock() + timedelta(minutes=1)

    def test_that_is_refused_elsewhere_is_not_given_up(self, world: World, opened: Harness) -> None:
        opened.maintain("pys", end := world.end)
        world.targets["posta"].faults.on("account_close", Fault.REFUSE)

        [operation] = opened.close_accounts(["birim0"])

        assert (operation.state, operation.next_try_at) == (OperationState.INCOMPLETE, end)


class TestPasswords:
    """What makes a password waits as a whole: it must be the same everywhere."""

    @pytest.mark.parametrize("name", ["posta", "pys"])
    def test_wait_and_nothing_is_called(self, world: World, harness: Harness, name: str) -> None:
        harness.maintain(name, end := world.end)

        operations = harness.open(CODES)

        assert states(operations) == {OperationState.PLANNED}
        assert {(operation.next_try_at, operation.tries) for operation in operations} == {(end, 0)}
        assert world.calls(name) == 0
        assert world.phones.inbox(PERSON.mobile or "") == []
        for operation in operations:
            assert harness.store.operations.get_many([operation.id]) == {operation.id: operation}

    @pytest.mark.parametrize("way", ["rotate", "reopen", "hand_over"])
    def test_of_every_kind_wait(self, world: World, opened: Harness, way: str) -> None:
        if way == "reopen":
            opened.close_accounts(["birim0"])
        opened.know(persons=[PERSON, Person(id="q", name="Öteki", mobile="+905320000001")])
        opened.maintain("pys", world.end)

        operations = opened.hand_over("birim0", "q") if way == "hand_over" else getattr(opened, way)(["birim0"])

        assert states(operations) == {OperationState.PLANNED}

    def test_are_left_alone_before_the_end_and_carried_out_after_it(self, world: World, harness: Harness) -> None:
        harness.maintain("pys", world.end)
        harness.open(CODES)

        assert harness.resume() == []
        world.clock.advance(HOUR)

        assert states(harness.resume()) == {OperationState.DONE}
        assert all(world.logs_in(name, login) for name in world.targets for login in LOGINS)

    def test_wait_until_the_last_target_is_back(self, world: World, harness: Harness) -> None:
        harness.maintain("posta", world.clock() + 2 * HOUR)
        harness.maintain("pys", world.clock() + HOUR)
        [first, *_] = harness.open(CODES)

        world.clock.advance(HOUR)
        assert harness.resume() == []
        assert first.next_try_at == world.clock() + HOUR

    def test_are_carried_out_as_soon_as_it_is_called_off(self, world: World, harness: Harness) -> None:
        harness.maintain("pys", world.end)
        harness.open(CODES)

        harness.end_maintenance("pys")

        assert states(harness.resume()) == {OperationState.DONE}

    def test_wait_on_when_only_one_of_two_is_called_off(self, world: World, harness: Harness) -> None:
        """The longer one is over, the shorter one is not: what waits is put off, and is told so."""
        harness.maintain("posta", world.clock() + 2 * HOUR)
        harness.maintain("pys", end := world.end)
        harness.open(CODES)

        harness.end_maintenance("posta")
        operations = harness.resume()

        assert {(operation.state, operation.next_try_at) for operation in operations} == {(OperationState.PLANNED, end)}
        assert harness.resume() == []
        world.clock.advance(HOUR)
        assert states(harness.resume()) == {OperationState.DONE}

    @pytest.mark.parametrize("hours", [0.5, 3.0])
    def test_wait_for_the_new_end_when_it_is_moved(self, world: World, harness: Harness, hours: float) -> None:
        harness.maintain("pys", world.clock() + HOUR)
        harness.open(CODES)

        harness.maintain("pys", world.clock() + hours * HOUR)

        world.clock.advance((hours - 0.1) * HOUR)
        assert harness.resume() == []
        world.clock.advance(0.1 * HOUR)
        assert states(harness.resume()) == {OperationState.DONE}

    def test_that_a_crash_left_wait_too(self, world: World, harness: Harness) -> None:
        def crash(events: Sequence[Event]) -> None:
            if any(isinstance(event, StepEnded) for event in events):
                raise StoreError("the power is out")

        harness.on_record = crash
        with pytest.raises(StoreError):
            harness.open(CODES[:1])
        harness.close()
        with world.start() as other:
            other.maintain("pys", world.end)

            assert states(other.resume()) == {OperationState.RUNNING}
            other.end_maintenance("pys")
            assert states(other.resume()) == {OperationState.DONE}


class TestChannels:
    """One channel that works is enough."""

    def test_another_one_is_used(self, world: World, harness: Harness) -> None:
        harness.maintain("sms", world.end)

        assert states(harness.open(CODES)) == {OperationState.DONE}
        assert world.calls("sms") == 0
        assert len(world.phones.inbox(PERSON.mobile or "")) == len(CODES)

    def test_passwords_wait_for_the_first_one_that_is_back(self, world: World, harness: Harness) -> None:
        harness.maintain("sms", world.clock() + 2 * HOUR)
        harness.maintain("spare", end := world.end)

        operations = harness.open(CODES)

        assert {(operation.state, operation.next_try_at) for operation in operations} == {(OperationState.PLANNED, end)}
        world.clock.advance(HOUR)
        assert states(harness.resume()) == {OperationState.DONE}

    def test_closings_need_none(self, world: World, opened: Harness) -> None:
        opened.maintain("sms", world.end)
        opened.maintain("spare", world.end)

        assert states(opened.close_accounts(LOGINS)) == {OperationState.DONE}

    def test_one_that_is_down_beside_it_is_an_error(self, world: World, harness: Harness) -> None:
        harness.maintain("sms", world.end)
        world.channels["spare"].faults.on("channel_check", Fault.CANNOT_CONNECT)

        with pytest.raises(NotReadyError, match="spare"):
            harness.open(CODES)


class TestQuiet:
    """It is no failure."""

    def test_nothing_is_logged_and_no_breaker_counts(self, world: World, opened: Harness) -> None:
        opened.maintain("pys", world.end)

        with structlog.testing.capture_logs() as logs:
            opened.close_accounts(LOGINS)

        assert logs == []
        assert opened.store.health.all() == []
        world.clock.advance(HOUR)
        assert states(opened.resume()) == {OperationState.DONE}

    def test_a_target_that_is_down_is_not_asked(self, world: World, harness: Harness) -> None:
        """That is why somebody works on it."""
        world.targets["pys"].faults.on("target_check", Fault.CANNOT_CONNECT)
        harness.maintain("pys", world.end)

        assert states(harness.open(CODES)) == {OperationState.PLANNED}
        assert world.calls("pys") == 0

    def test_it_is_in_the_trail(self, world: World, harness: Harness) -> None:
        before = len(list(harness.store.audit_log.entries()))
        harness.maintain("pys", world.end)
        harness.end_maintenance("pys")

        assert [entry.kind for entry in harness.store.audit_log.entries()][before:] == [
            "maintenance_began",
            "maintenance_ended",
        ]
        assert harness.store.audit_log.verify_chain() is None


class TestDuringARun:
    """Maintenance may begin while a run is under way, in another process."""

    def test_what_was_not_begun_waits(self, world: World, opened: Harness) -> None:
        with world.start() as other:

            def meanwhile(events: Sequence[Event]) -> None:
                if any(isinstance(event, OperationStarted) for event in events):
                    opened.on_record = lambda _: None
                    other.maintain("pys", world.clock() + HOUR)
                    world.clock.advance(REFRESH)

            opened.on_record = meanwhile
            operations = opened.rotate(LOGINS[:1])

        [operation] = operations
        assert operation.state is OperationState.INCOMPLETE
        assert operation.error is not None
        assert operation.error.name == "InMaintenanceError"
        assert [step.outcome for step in operation.steps] == [
            Outcome.APPLIED,
            Outcome.APPLIED,
            Outcome.NOT_APPLIED,
            Outcome.APPLIED,
        ]
        assert operation.steps[-1].hook == "undo"
        assert all(world.logs_in(name, "birim0") for name in world.targets)

    def test_it_is_driven_on_after_the_end(self, world: World, opened: Harness) -> None:
        def meanwhile(events: Sequence[Event]) -> None:
            if any(isinstance(event, OperationStarted) for event in events):
                opened.on_record = lambda _: None
                opened.maintain("pys", world.clock() + HOUR)
                world.clock.advance(REFRESH)

        opened.on_record = meanwhile
        opened.rotate(LOGINS[:1])
        world.clock.advance(HOUR)

        assert states(opened.resume()) == {OperationState.DONE}
        assert all(world.logs_in(name, "birim0") for name in world.targets)


class TestSweep:
    """The policy goes on while somebody works on a target."""

    def test_lets_renewals_wait_and_carries_them_out_later(self, world: World) -> None:
        rotation = RuleSet(name="rotation", rules=(AutoRotate(),))
        policy = Policy(rule_sets=(rotation,), since={"rotation": world.clock()}, fingerprint="1")
        with world.start(policy) as harness:
            harness.know(units=UNITS, persons=[PERSON])
            list(harness.sweep().run())
            harness.open(CODES)
            world.clock.advance(timedelta(days=29))
            harness.maintain("pys", world.end)

            first, again = list(harness.sweep().run()), list(harness.sweep().run())
            world.clock.advance(HOUR)
            later = list(harness.sweep().run())

        assert [one.state for one in first if isinstance(one, Operation)] == [OperationState.PLANNED] * 3
        assert again == first
        assert [one.state for one in later if isinstance(one, Operation)] == [OperationState.DONE] * 3
        assert all(world.logs_in(name, login) for name in world.targets for login in LOGINS)

    def test_asks_no_target_for_its_certificate(self, world: World) -> None:
        rule_set = RuleSet(name="certificates", monitors=(Certificates(targets=("pys",)),))
        with world.start(Policy(rule_sets=(rule_set,), fingerprint="1")) as harness:
            harness.maintain("pys", world.end)

            assert list(harness.sweep().run()) == []
        assert world.calls("pys") == 0


class TestCalendar:
    """What a process knows of maintenance."""

    def test_is_read_once_in_a_while(self) -> None:
        clock, reads = FakeClock(), []

        def read() -> list[Maintenance]:
            reads.append(clock())
            return []

        calendar = Calendar(read=read, now=clock)
        for _ in range(100):
            assert calendar.maintenance("pys") is None
        clock.advance(REFRESH)
        assert calendar.maintenance("pys") is None

        assert len(reads) == 2

    def test_holds_when_the_store_cannot_be_read(self) -> None:
        clock = FakeClock()
        known = [Maintenance(name="pys", since=clock(), until=clock() + HOUR, actor="x")]

        def read() -> list[Maintenance]:
            if known:
                return [known.pop()]
            raise StoreError("the disk is gone")

        calendar = Calendar(read=read, now=clock)
        assert calendar.maintenance("pys")
        clock.advance(REFRESH)
        with structlog.testing.capture_logs() as logs:
            assert calendar.maintenance("pys")
        assert [log["event"] for log in logs] == ["maintenance_not_known"]

    def test_ends_by_itself(self) -> None:
        clock = FakeClock()
        known = Maintenance(name="pys", since=clock(), until=clock() + HOUR, actor="x")
        calendar = Calendar(read=lambda: [known], now=clock)

        assert isinstance(known.error(), InMaintenanceError)
        assert calendar.maintenance("pys") == known
        clock.advance(HOUR)
        assert calendar.maintenance("pys") is None
