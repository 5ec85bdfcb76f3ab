"""Closings while a system is down: the doors that can be shut are shut at once, and the rest is not forgotten."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.api.errors import NotReadyError
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import AccountState, Operation, OperationState, Person, StepError, TargetState, Unit
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.rules.passwords import RenewOrClose
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian="p") for n in range(3)]
PERSON = Person(id="p", name="Kişi", mobile="+905320000000")
LOGINS = ["birim0", "birim1", "birim2"]


class World:
    """Three targets, each of which can be taken down in every way."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directories = {name: MemoryTarget() for name in ("posta", "pys", "wifi")}
        self.targets = {name: FaultTarget(one) for name, one in self.directories.items()}
        self.phones = MemoryChannel()

    def start(self, policy: Policy | None = None) -> Harness:
        channels = {"sms": FaultChannel(self.phones)}
        return Harness(self.file, targets=self.targets, channels=channels, clock=self.clock, policy=policy)

    def let_in_by(self, login: str) -> set[str]:
        """Return the names of the targets at which the last password of an account logs in."""
        password = [one.password for one in self.phones.inbox(PERSON.mobile or "") if one.login == login][-1]
        return {name for name, directory in self.directories.items() if directory.logs_in(login, password)}


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(name="office")
def _office(world: World) -> Iterator[Harness]:
    with world.start() as harness:
        harness.know(units=UNITS, persons=[PERSON])
        harness.open([unit.code for unit in UNITS])
        yield harness


def unreachable(office: Harness, target: FaultTarget) -> None:
    """Nobody answers, neither a check nor a change."""
    for hook in ("target_check", "account_close", "account_delete", "account_rotate", "account_probe"):
        target.faults.on(hook, Fault.CANNOT_CONNECT)


def wrong_credentials(office: Harness, target: FaultTarget) -> None:
    for hook in ("target_check", "account_close", "account_delete", "account_probe"):
        target.faults.on(hook, Fault.MISCONFIGURED)


def quarantined(office: Harness, target: FaultTarget) -> None:
    assert isinstance(office.clock, FakeClock)
    breaker = next(target.breaker for target in office.planner.targets if target.name == "pys")
    error = StepError(name="UnavailableError", message="down for an hour")
    ill = TargetHealth(name="pys", failing_since=office.clock(), error=error, quarantined_at=office.clock())
    breaker.health.change("pys", lambda _: ill)
    office.clock.advance(breaker.pause)  # until then it is believed what was read before


def circuit_open(office: Harness, target: FaultTarget) -> None:
    unreachable(office, target)
    for _ in range(9):
        with pytest.raises(NotReadyError):
            office.engine.preflight(())


def in_maintenance(office: Harness, target: FaultTarget) -> None:
    office.maintain("pys", office.clock() + timedelta(hours=1))


DOWN = [unreachable, wrong_credentials, quarantined, circuit_open, in_maintenance]


def states(operations: list[Operation]) -> set[OperationState]:
    return {operation.state for operation in operations}


@pytest.mark.parametrize("down", DOWN)
def test_who_must_be_locked_out_now_is_locked_out_where_it_can_be(
    world: World, office: Harness, down: Callable[[Harness, FaultTarget], None]
) -> None:
    down(office, world.targets["pys"])

    operations = office.close_accounts(LOGINS)

    assert states(operations) == {OperationState.INCOMPLETE}
    assert all(operation.next_try_at for operation in operations)
    assert [world.let_in_by(login) for login in LOGINS] == [{"pys"}] * 3
    known = office.store.accounts.target_states("birim0")
    assert (known["posta"], known["wifi"]) == (TargetState.CLOSED, TargetState.CLOSED)
    assert known["pys"] is not TargetState.CLOSED
    assert office.account("birim0").state is AccountState.INCOMPLETE


def test_what_is_left_of_a_closing_is_done_when_the_target_is_back(world: World, office: Harness) -> None:
    unreachable(office, world.targets["pys"])
    office.close_accounts(LOGINS)
    world.targets["pys"].faults.clear()
    world.clock.advance(timedelta(minutes=2))

    assert states(office.resume()) == {OperationState.DONE}
    assert [world.let_in_by(login) for login in LOGINS] == [set()] * 3


def test_a_closing_is_written_down_where_nothing_can_be_reached(world: World, office: Harness) -> None:
    """Nobody has to ask for it again: the next sweep does it."""
    for target in world.targets.values():
        unreachable(office, target)

    assert states(office.close_accounts(["birim0"])) == {OperationState.INCOMPLETE}
    for target in world.targets.values():
        target.faults.clear()
    world.clock.advance(timedelta(minutes=2))

    assert states(office.resume()) == {OperationState.DONE}
    assert world.let_in_by("birim0") == set()


def test_the_targets_that_work_come_first(world: World, office: Harness) -> None:
    """The time-outs of a dead target must not pass before the next door is shut."""
    unreachable(office, world.targets["posta"])

    [operation] = office.close_accounts(["birim0"])

    changes = [step.name for step in operation.steps if step.hook == "account_close"]
    assert changes == ["pys", "wifi", "posta"]


def test_a_closing_that_is_left_goes_on_while_another_target_is_still_down(world: World, office: Harness) -> None:
    unreachable(office, world.targets["pys"])
    unreachable(office, world.targets["wifi"])
    office.close_accounts(["birim0"])
    world.targets["wifi"].faults.clear()
    world.clock.advance(timedelta(minutes=2))

    assert states(office.resume()) == {OperationState.INCOMPLETE}
    assert world.let_in_by("birim0") == {"pys"}


def test_what_makes_a_password_waits_beside_a_closing_that_goes_on(world: World, office: Harness) -> None:
    world.targets["posta"].faults.on("account_rotate", Fault.THROTTLE)
    office.rotate(["birim1"])
    unreachable(office, world.targets["pys"])
    office.close_accounts(["birim0"])
    before = world.targets["posta"].faults.calls["account_rotate"]
    world.clock.advance(timedelta(minutes=2))

    found = {one.login: one for one in office.resume()}

    assert found["birim1"].state is OperationState.INCOMPLETE
    assert found["birim1"].error is not None
    assert found["birim1"].error.name == "NotReadyError"
    assert "pys" in str(found["birim1"].error.message)
    assert world.targets["posta"].faults.calls["account_rotate"] == before
    assert found["birim0"].tries == 2


def test_passwords_alone_are_still_refused_as_a_whole(world: World, office: Harness) -> None:
    world.targets["posta"].faults.on("account_rotate", Fault.THROTTLE)
    office.rotate(["birim1"])
    unreachable(office, world.targets["pys"])
    world.clock.advance(timedelta(minutes=2))

    with pytest.raises(NotReadyError, match="pys"):
        office.resume()
    with pytest.raises(NotReadyError, match="pys"):
        office.rotate(["birim0"])


@pytest.mark.parametrize("down", DOWN)
def test_a_deletion_goes_on_where_it_can(
    world: World, office: Harness, down: Callable[[Harness, FaultTarget], None]
) -> None:
    office.close_accounts(LOGINS)
    down(office, world.targets["pys"])

    operations = office.delete(["birim0"])

    assert states(operations) == {OperationState.INCOMPLETE}
    assert office.store.accounts.target_states("birim0")["posta"] is TargetState.ABSENT
    assert not office.store.accounts.deleted(["birim0"])


def test_a_rule_closes_what_is_due_while_a_target_is_down(world: World) -> None:
    rules = RuleSet(name="renewal", rules=(RenewOrClose(days=30, warn_days=(7,)),))
    policy = Policy(rule_sets=(rules,), fingerprint="1")
    with world.start(policy) as harness:
        harness.know(units=UNITS[:1], persons=[PERSON])
        harness.open(["u0"])
        for _ in range(29):
            world.clock.advance(timedelta(days=1))
            list(harness.sweep().run())
        unreachable(harness, world.targets["pys"])
        world.clock.advance(timedelta(days=2))
        swept = [one for one in harness.sweep().run() if isinstance(one, Operation)]

        assert states(swept) == {OperationState.INCOMPLETE}
        assert world.let_in_by("birim0") == {"pys"}


def test_what_cannot_be_used_is_told_before_a_closing(world: World, office: Harness) -> None:
    """A dry run says which doors stay open for now."""
    unreachable(office, world.targets["pys"])
    plan = office.planner.close([office.account("birim0")], initiator=INITIATOR)

    assert [error.target for error in office.engine.preflight(plan.work)] == ["pys"]


def test_each_pair_of_dead_targets_leaves_the_third_door_shut(world: World, office: Harness) -> None:
    for login, pair in zip(LOGINS, itertools.combinations(world.targets, 2), strict=True):
        for name in pair:
            unreachable(office, world.targets[name])
        office.close_accounts([login])
        assert world.let_in_by(login) == set(pair)
        for name in pair:
            world.targets[name].faults.clear()
        world.clock.advance(timedelta(minutes=1))
