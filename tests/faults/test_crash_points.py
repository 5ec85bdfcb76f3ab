"""A process that dies at any point of its journal leaves something that ``resume`` brings to its end.

The points are enumerated: before and after each write of the journal, for each kind of operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.events import Event
from provisioner.core.api.messages import Presence
from provisioner.core.model import AccountState, OperationKind, OperationState
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

LOGIN = samples.ACCOUNT.login
#: All but the withdrawal, which is a closure on some of the targets.
KINDS: tuple[OperationKind, ...] = tuple(kind for kind in OperationKind if kind is not OperationKind.WITHDRAW)
SHUTTING = {OperationKind.CLOSE, OperationKind.DELETE}

#: The journal is written once to plan, once before each step that may change something (one for each of two targets,
#: one for the message) and once at the end; closing and deleting send no message, and neither does updating, which
#: moves the account on each of the two targets first.
WRITES: dict[OperationKind, int] = {kind: 4 if kind in SHUTTING else 5 for kind in KINDS} | {OperationKind.UPDATE: 6}

RENAMED = attrs.evolve(samples.UNIT, name="Yeni Ad")


class CrashError(BaseException):
    """The process is gone."""


class Crashing:
    """Lets a process die before or after its n-th write; after that, nothing of it is written any more."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.writes = 0

    def __call__(self, events: Sequence[Event]) -> None:
        self.writes += 1
        if self.writes >= self.at:
            raise CrashError


class World:
    """Two targets and a phone that outlive the processes which work on them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directories = {"first": MemoryTarget(), "second": MemoryTarget()}
        self.phones = MemoryChannel()
        self.processes = ExitStack()

    def start(self) -> Harness:
        """Start a process. It is not ended before the world is, as a process that dies gives nothing back."""
        harness = Harness(self.file, targets=self.directories, channels={"sms": self.phones}, clock=self.clock)
        return self.processes.enter_context(harness)

    def passwords(self) -> list[str]:
        """Return every password that was ever sent, the oldest first; the successor's come after the holder's."""
        numbers = (samples.HOLDER.mobile or "", samples.SUCCESSOR.mobile or "")
        return [message.password for number in numbers for message in self.phones.inbox(number)]

    def valid(self) -> list[list[str]]:
        """Return, for each target, which of the passwords that were ever sent log in."""
        return [
            [password for password in self.passwords() if d.logs_in(LOGIN, password)] for d in self.directories.values()
        ]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    with world.processes:
        yield world


def prepare(world: World, kind: OperationKind) -> None:
    harness = world.start()
    harness.know(units=[samples.UNIT], persons=[samples.HOLDER, samples.SUCCESSOR])
    if kind is not OperationKind.CREATE:
        harness.open([samples.UNIT.code])
    if kind in {OperationKind.REOPEN, OperationKind.DELETE}:
        harness.close_accounts([LOGIN])


def carry_out(harness: Harness, kind: OperationKind) -> None:
    if kind is OperationKind.CREATE:
        harness.open([samples.UNIT.code])
    elif kind is OperationKind.REOPEN:
        harness.reopen([LOGIN])
    elif kind is OperationKind.ROTATE:
        harness.rotate([LOGIN])
    elif kind is OperationKind.HANDOVER:
        harness.hand_over(LOGIN, samples.SUCCESSOR.id)
    elif kind is OperationKind.DELETE:
        harness.delete([LOGIN])
    elif kind is OperationKind.UPDATE:
        harness.know(units=[RENAMED])
        harness.update([LOGIN])
    else:
        harness.close_accounts([LOGIN])


def check_end(world: World, harness: Harness, kind: OperationKind) -> None:
    if kind in SHUTTING:
        there = Presence.ABSENT if kind is OperationKind.DELETE else Presence.DISABLED
        assert harness.account(LOGIN).state is AccountState.CLOSED
        assert world.valid() == [[], []]
        assert [directory.account_probe(samples.probe()).presence for directory in world.directories.values()] == [
            there
        ] * 2
    else:
        assert harness.account(LOGIN).state is AccountState.OPEN
        assert world.valid() == [world.passwords()[-1:]] * 2
    if kind is OperationKind.UPDATE:
        reports = [directory.account_probe(samples.probe()) for directory in world.directories.values()]
        assert [report.attributes["unit"] for report in reports] == [RENAMED.name] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_journal_is_written_as_often_as_is_enumerated_here(world: World, kind: OperationKind) -> None:
    prepare(world, kind)
    harness = world.start()
    counting = Crashing(at=10**9)
    harness.on_record = counting
    carry_out(harness, kind)

    assert counting.writes == WRITES[kind]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("kind", "point"), [(kind, n) for kind in KINDS for n in range(1, WRITES[kind] + 1)])
def test_a_crash_at_any_point_is_brought_to_its_end(
    world: World, kind: OperationKind, point: int, *, after: bool
) -> None:
    prepare(world, kind)
    dying = world.start()
    crash = Crashing(at=point)
    if after:
        dying.after_record = crash
    else:
        dying.on_record = crash
    with pytest.raises(CrashError):
        carry_out(dying, kind)
    dead = dying.clock()

    world.clock.advance(timedelta(minutes=2))
    heir = world.start()
    resumed = heir.resume()
    if point == 1 and not after:
        assert resumed == []
        carry_out(heir, kind)
    elif point == WRITES[kind] and after:
        assert resumed == []
    else:
        assert [one.state for one in resumed] == [OperationState.DONE]

    check_end(world, heir, kind)
    assert heir.resume() == []
    assert dead < heir.clock()


def test_the_owner_is_told_that_a_message_after_a_crash_replaces_the_earlier_one(world: World) -> None:
    prepare(world, OperationKind.CREATE)
    dying = world.start()
    dying.on_record = Crashing(at=WRITES[OperationKind.CREATE])
    with pytest.raises(CrashError):
        carry_out(dying, OperationKind.CREATE)
    world.clock.advance(timedelta(minutes=2))
    world.start().resume()

    messages = world.phones.inbox(samples.HOLDER.mobile or "")
    assert [message.replaces_earlier for message in messages] == [False, True]
    assert world.valid() == [[messages[-1].password]] * 2


@pytest.mark.parametrize("where", ["first", "second"])
def test_what_a_crashed_try_left_is_not_called_undone(world: World, where: str) -> None:
    """An undo takes back what its own try did. What the crashed one set, its owner does not have."""
    prepare(world, OperationKind.ROTATE)
    dying = world.start()
    dying.on_record = Crashing(at=3)
    with pytest.raises(CrashError):
        carry_out(dying, OperationKind.ROTATE)
    world.clock.advance(timedelta(minutes=2))
    refusing = FaultTarget(world.directories[where])
    refusing.faults.on("account_rotate", Fault.REFUSE)
    targets = {**world.directories, where: refusing}
    heir = Harness(world.file, targets=targets, channels={"sms": world.phones}, clock=world.clock)
    with heir:
        (operation,) = heir.resume()
        state = heir.account(LOGIN).state

    assert (operation.state, state) == (OperationState.INCOMPLETE, AccountState.INCOMPLETE)


def test_an_account_whose_opening_crashed_is_incomplete_while_its_closing_waits(world: World) -> None:
    """A person who closes it must know that the targets may have something."""
    prepare(world, OperationKind.CREATE)
    dying, heir = world.start(), world.start()
    dying.on_record = Crashing(at=3)
    with pytest.raises(CrashError):
        carry_out(dying, OperationKind.CREATE)
    world.clock.advance(timedelta(minutes=2))
    heir.after_record = Crashing(at=2)
    with pytest.raises(CrashError):
        carry_out(heir, OperationKind.CLOSE)

    assert world.start().account(LOGIN).state is AccountState.INCOMPLETE


def test_a_process_that_is_alive_keeps_its_operation(world: World) -> None:
    """Taking over from a process that is only slow would set two passwords at once."""
    prepare(world, OperationKind.CREATE)
    slow = world.start()
    slow.on_record = Crashing(at=3)
    with pytest.raises(CrashError):
        carry_out(slow, OperationKind.CREATE)

    assert world.start().resume() == []


def test_a_process_that_wakes_up_after_it_was_taken_over_writes_and_sends_nothing(world: World) -> None:
    prepare(world, OperationKind.CREATE)
    sleeper = world.start()
    heirs: list[Harness] = []

    def sleep(events: Sequence[Event]) -> None:
        """Sleep through the lease before the message is sent, while another process brings the work to its end."""
        last = events[-1]
        if getattr(getattr(last, "step", None), "hook", "") == "secret_deliver" and not heirs:
            world.clock.advance(timedelta(minutes=2))
            heirs.append(world.start())
            assert [one.state for one in heirs[0].resume()] == [OperationState.DONE]

    sleeper.on_record = sleep
    operations = sleeper.open([samples.UNIT.code])

    assert operations[0].error is not None
    assert operations[0].error.name == "LeaseLostError"
    assert len(world.passwords()) == 1
    assert world.valid() == [world.passwords()] * 2


def test_a_plan_that_was_overtaken_by_a_crash_is_not_carried_out(world: World) -> None:
    """It does not know that a message is out; with the same id, its own message would be taken for that one."""
    prepare(world, OperationKind.ROTATE)
    dying, stale = world.start(), world.start()
    begun = dying.engine.iter_apply(dying.planner.rotate([dying.account(LOGIN)], initiator=INITIATOR))
    plan = stale.planner.rotate([stale.account(LOGIN)], initiator=INITIATOR)
    dying.on_record = Crashing(at=WRITES[OperationKind.ROTATE] - 1)
    with pytest.raises(CrashError):
        list(begun)
    world.clock.advance(timedelta(minutes=2))
    (refused,) = stale.run(plan)

    assert refused.error is not None
    assert refused.error.name == "BusyError"
    assert [one.state for one in stale.resume()] == [OperationState.DONE]
    check_end(world, stale, OperationKind.ROTATE)


def test_a_plan_that_was_overtaken_by_a_handover_sends_nothing_to_the_outgoing_holder(world: World) -> None:
    prepare(world, OperationKind.HANDOVER)
    first, stale = world.start(), world.start()
    plan = stale.planner.rotate([stale.account(LOGIN)], initiator=INITIATOR)
    first.hand_over(LOGIN, samples.SUCCESSOR.id)
    before = world.passwords()
    (refused,) = stale.run(plan)

    assert refused.error is not None
    assert refused.error.name == "BusyError"
    assert world.passwords() == before
    check_end(world, stale, OperationKind.HANDOVER)


def test_an_account_that_was_deleted_is_opened_again_with_another_password(world: World) -> None:
    prepare(world, OperationKind.DELETE)
    harness = world.start()
    carry_out(harness, OperationKind.DELETE)
    (operation,) = harness.reopen([LOGIN])

    assert operation.state is OperationState.DONE
    check_end(world, harness, OperationKind.REOPEN)
    assert len(set(world.passwords())) == 2
