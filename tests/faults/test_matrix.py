"""Every operation, at every place of the chain, with every fault, whether it lasts or ends at the second try.

Whatever happens, one of two things is true afterwards: every target takes the same one password (the old one, or the
new one that its owner has), or the operation says that it is incomplete and when it will be tried next; and then that
try succeeds. The cells are counted and printed.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Person, Unit
from provisioner.core.requests import Presence
from provisioner.store import LEASE_TTL
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import EVERY_CALL, Fault, FaultChannel, Faults, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

LOGIN = samples.ACCOUNT.login
NUMBERS = (samples.HOLDER.mobile or "", samples.SUCCESSOR.mobile or "")

CHANGE_HOOK = {
    OperationKind.CREATE: "account_create",
    OperationKind.REOPEN: "account_create",
    OperationKind.ROTATE: "account_rotate",
    OperationKind.HANDOVER: "account_handover",
    OperationKind.CLOSE: "account_close",
    OperationKind.DELETE: "account_delete",
}

#: Operations that send no message.
SHUTTING = {OperationKind.CLOSE, OperationKind.DELETE}

#: Operations on an account that is closed.
CLOSED = {OperationKind.REOPEN, OperationKind.DELETE}


@attrs.frozen
class Cell:
    """One row of the matrix."""

    kind: OperationKind
    place: str
    hook: str
    fault: Fault
    lasts: bool
    undoes: bool

    def __str__(self) -> str:
        lasts = "lasts" if self.lasts else "once"
        return f"{self.kind}-{self.place}-{self.hook}-{self.fault}-{lasts}-{'undo' if self.undoes else 'no_undo'}"


def cells() -> Iterator[Cell]:
    for kind, hook in CHANGE_HOOK.items():
        places = [(target, name) for target in ("first", "second") for name in (hook, "account_probe")]
        if kind not in SHUTTING:
            places += [("sms", "secret_deliver")]
        for (place, name), fault, lasts, undoes in itertools.product(places, Fault, (True, False), (True, False)):
            yield Cell(kind, place, name, fault, lasts, undoes)


CELLS = list(cells())


class World:
    """Two targets and a channel, each of which can fail, and the phones behind it."""

    def __init__(self, folder: Path, *, undoes: bool) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directories = {"first": MemoryTarget(), "second": MemoryTarget()}
        self.phones = MemoryChannel()
        self.faults = {name: Faults() for name in ("first", "second", "sms")}
        self.targets = {
            name: FaultTarget(directory, self.faults[name], undoes=undoes)
            for name, directory in self.directories.items()
        }
        self.channels = {"sms": FaultChannel(self.phones, self.faults["sms"])}
        for faults in self.faults.values():
            faults.pause = self.take_over
        #: What another process brought to its end while the first one was stopped.
        self.taken_over: list[Operation] | None = None

    def copy(self, former: World) -> None:
        """Let everything be as it was there in the end."""
        shutil.copy(former.file, self.file)
        for name, directory in former.directories.items():
            self.directories[name]._entries.update(directory._entries)
        self.phones._messages.extend(former.phones._messages)

    def start(self) -> Harness:
        return Harness(
            self.file, targets=self.targets, channels=self.channels, clock=self.clock, elapsed=self.clock.elapsed
        )

    def take_over(self) -> None:
        """Let another process do the work of one that is stopped for longer than its lease lasts."""
        if self.taken_over is None:
            self.taken_over = []
            self.clock.advance(2 * LEASE_TTL)
            with self.start() as successor:
                self.taken_over = successor.resume()

    def passwords(self) -> list[str]:
        """Return every password that was ever sent, the oldest first."""
        return [message.password for number in NUMBERS for message in self.phones.inbox(number)]

    def takes(self, password: str | None) -> list[bool]:
        return [one.logs_in(LOGIN, password) if password else False for one in self.directories.values()]

    def fail(self, cell: Cell) -> None:
        faults = self.faults[cell.place]
        number = faults.calls[cell.hook] + 1
        faults.on(cell.hook, cell.fault, EVERY_CALL if cell.lasts else {number})


@pytest.fixture(name="beginnings", scope="module")
def _beginnings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[OperationKind, World]:
    """Return, for each kind of operation, a world in which the account is where such an operation begins."""
    worlds = {kind: World(tmp_path_factory.mktemp(kind), undoes=False) for kind in CHANGE_HOOK}
    for kind, world in worlds.items():
        with world.start() as harness:
            prepare(harness, kind)
    return worlds


def prepare(harness: Harness, kind: OperationKind) -> None:
    harness.know(units=[samples.UNIT], persons=[samples.HOLDER, samples.SUCCESSOR])
    if kind is not OperationKind.CREATE:
        harness.open([samples.UNIT.code])
    if kind in CLOSED:
        harness.close_accounts([LOGIN])


def carry_out(harness: Harness, kind: OperationKind) -> Operation:
    if kind is OperationKind.CREATE:
        return harness.open([samples.UNIT.code])[0]
    if kind is OperationKind.REOPEN:
        return harness.reopen([LOGIN])[0]
    if kind is OperationKind.ROTATE:
        return harness.rotate([LOGIN])[0]
    if kind is OperationKind.HANDOVER:
        return harness.hand_over(LOGIN, samples.SUCCESSOR.id)[0]
    if kind is OperationKind.DELETE:
        return harness.delete([LOGIN])[0]
    return harness.close_accounts([LOGIN])[0]


def drive_on(world: World, harness: Harness, operation: Operation) -> Operation:
    """Let everything work again, wait for the next try, and make it."""
    for faults in world.faults.values():
        faults.clear()
    assert operation.next_try_at is not None
    world.clock.advance(operation.next_try_at - world.clock() + timedelta(seconds=31))
    return harness.resume()[0]


def check_ended(world: World, harness: Harness, operation: Operation, old: str | None) -> None:
    """Check what must be true once an operation has ended."""
    state = harness.account(LOGIN).state
    if operation.state is not OperationState.DONE:
        before = {OperationKind.CREATE: AccountState.PLANNED} | dict.fromkeys(CLOSED, AccountState.CLOSED)
        assert state is before.get(operation.kind, AccountState.OPEN)
        assert world.takes(old) == [state is AccountState.OPEN] * 2
        return
    last = world.passwords()[-1] if world.passwords() else None
    if operation.kind in SHUTTING:
        there = Presence.ABSENT if operation.kind is OperationKind.DELETE else Presence.DISABLED
        assert state is AccountState.CLOSED
        assert world.takes(last) == [False, False]
        assert [one.account_probe(samples.probe()).presence for one in world.directories.values()] == [there] * 2
    else:
        assert state is AccountState.OPEN
        assert last != old
        assert world.takes(last) == [True, True]
        assert not any(any(world.takes(earlier)) for earlier in world.passwords()[:-1])
    if operation.kind is OperationKind.HANDOVER:
        assert harness.account(LOGIN).holder == samples.SUCCESSOR.id
        assert world.phones.inbox(NUMBERS[1])[-1].password == last


def given_up(world: World, operation: Operation) -> Operation:
    """Check that a process gave up what another one did while it was stopped, and return what that came to."""
    assert operation.error is not None
    assert (operation.state, operation.error.name) == (OperationState.RUNNING, "LeaseLostError")
    assert world.taken_over is not None
    [taken_over] = world.taken_over
    return taken_over


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_no_fault_loses_a_password(
    cell: Cell, beginnings: Mapping[OperationKind, World], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path, undoes=cell.undoes)
    world.copy(beginnings[cell.kind])
    with world.start() as harness:
        old = world.passwords()[-1] if world.passwords() and cell.kind not in CLOSED else None
        world.fail(cell)
        operation = carry_out(harness, cell.kind)
        shown = [repr(operation)]
        if cell.fault is Fault.PAUSE:
            operation = given_up(world, operation)
        if operation.state is OperationState.INCOMPLETE:
            assert operation.error is not None
            operation = drive_on(world, harness, operation)
            shown.append(repr(operation))
        check_ended(world, harness, operation, old)
        if not cell.lasts and cell.fault not in {Fault.REFUSE, Fault.REFUSE_SECRET}:
            assert operation.state is OperationState.DONE

    written = bytes_of(tmp_path)
    printed = capsys.readouterr()
    for password in world.passwords():
        assert password.encode() not in written
        assert password not in "".join([*shown, printed.out, printed.err])


def test_the_matrix_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(CELLS)} cells")
    assert len(CELLS) == (4 * 6 + 4) * len(Fault) * 2 * 2


LIST = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}") for n in range(8)]
STAFF = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in range(8)]
REFUSED = LIST[3]

ONE_ITEM = [
    (kind, place, hook, item, fault)
    for kind, change in (
        (OperationKind.CREATE, "account_create"),
        (OperationKind.ROTATE, "account_rotate"),
        (OperationKind.CLOSE, "account_close"),
    )
    for place, hook, item in (("first", change, REFUSED.login), ("sms", "secret_deliver", REFUSED.custodian))
    if place != "sms" or kind is not OperationKind.CLOSE
    for fault in sorted(set(Fault) - {Fault.PAUSE})  # a pause is that of the whole process
]


@pytest.mark.parametrize(("kind", "place", "hook", "item", "fault"), ONE_ITEM, ids=str)
def test_the_refusal_of_one_item_stops_no_other(  # noqa: PLR0917 - the dimensions of the matrix
    kind: OperationKind, place: str, hook: str, item: str, fault: Fault, tmp_path: Path
) -> None:
    world = World(tmp_path, undoes=True)
    with world.start() as harness:
        harness.know(units=LIST, persons=STAFF)
        if kind is not OperationKind.CREATE:
            harness.open([unit.code for unit in LIST])
        world.faults[place].on(hook, fault, item=item)
        logins = [unit.login or "" for unit in LIST]
        if kind is OperationKind.CREATE:
            operations = harness.open([unit.code for unit in LIST])
        else:
            operations = (harness.rotate if kind is OperationKind.ROTATE else harness.close_accounts)(logins)

        left = [one for one in operations if one.state is not OperationState.DONE]
        assert len(operations) == len(LIST)
        assert {one.login for one in left} <= {REFUSED.login}
        assert all(one.error and one.error.name != "LeftAloneError" for one in left)
