"""Every operation, at every place of the chain, with every fault, whether it lasts or ends at the second try.

Whatever happens, one of two things is true afterwards: every target takes the same one password (the old one, or the
new one that its owner has), or the operation says that it is incomplete and when it will be tried next; and then that
try succeeds. The cells are counted and printed.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import FindPerson, Presence
from provisioner.core.engine.plan import Plan
from provisioner.core.gateways.health import Change, MemoryHealth, TargetHealth
from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Person, Unit
from provisioner.store import LEASE_TTL
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import APPLIED, EVERY_CALL, Fault, FaultChannel, Faults, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
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


class Office(FaultTarget):
    """A target that is also asked who is who, and knows nobody whom the store does not know."""

    @hookimpl
    def person_find(self, request: FindPerson) -> Person | None:
        """Know nobody, or fail."""
        person: Person | None = self.faults.run("person_find", lambda: None, request)
        return person


class World:
    """Two targets and some channels, each of which can fail, and the phones behind them."""

    def __init__(self, folder: Path, *, undoes: bool, channels: Sequence[str] = ("sms",)) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directories = {"first": MemoryTarget(), "second": MemoryTarget()}
        self.phones = MemoryChannel()
        self.faults = {name: Faults() for name in (*self.directories, *channels)}
        self.targets = {
            name: Office(directory, self.faults[name], undoes=undoes) for name, directory in self.directories.items()
        }
        self.channels = {name: FaultChannel(self.phones, self.faults[name]) for name in channels}
        for faults in self.faults.values():
            faults.pause = self.take_over
        #: What another process brought to its end while the first one was stopped.
        self.taken_over: list[Operation] | None = None

    def copy(self, former: World) -> None:
        """Let everything be as it was there in the end."""
        shutil.copy(former.file, self.file)
        for name, directory in former.directories.items():
            self.directories[name]._entries.update(directory._entries)
        self.phones._messages.update(former.phones._messages)

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
        return [directory.logs_in(LOGIN, password) if password else False for directory in self.directories.values()]

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
        assert [directory.account_probe(samples.probe()).presence for directory in world.directories.values()] == [
            there
        ] * 2
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
        drawn_again = cell.kind not in SHUTTING and cell.hook.startswith("account_")
        is_refused = cell.fault is Fault.REFUSE or (cell.fault is Fault.REFUSE_SECRET and not drawn_again)
        if not cell.lasts and not is_refused:
            assert operation.state is OperationState.DONE

    written = bytes_of(tmp_path)
    printed = capsys.readouterr()
    for password in world.passwords():
        assert password.encode() not in written
        assert password not in "".join([*shown, printed.out, printed.err])


def test_the_matrix_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(CELLS)} cells, and {len(REFUSALS)} of one item's refusal")
    assert len(CELLS) == (4 * 6 + 4) * len(Fault) * 2 * 2
    # 6 operations change and prove on 2 targets; 4 of them ask 2 systems for people and send over 2 channels.
    assert len(REFUSALS) == (6 + 4) * 2 * len(REASONS) + (6 + 4 + 4) * 2 * len(ANSWERS)


# -- one item's refusal ------------------------------------------------------------------------------------------------

LIST = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}") for n in range(3)]
LOGINS = [unit.login or "" for unit in LIST]
STAFF = [Person(id=f"{role}{n}", name=f"Kişi {n}", mobile=f"+90532000000{n}") for role in "ph" for n in range(3)]
REFUSED = LIST[1]

#: What is said of an item, by the fault. A pause is that of the whole process, without a connection nothing is said
#: about an item, a delay refuses nothing, and an answer that is cut off is one that is lost.
REASONS = {
    Fault.REFUSE: "it is against the rules here",
    Fault.REFUSE_SECRET: "the password is in the history",
    Fault.THROTTLE: "too many requests",
    Fault.LOSE_REQUEST: "no answer within the timeout",
    Fault.APPLY_AND_LOSE_ANSWER: "no answer within the timeout",
    Fault.MISCONFIGURED: "wrong credentials",
    Fault.DEFECT: "raised KeyError",
    Fault.APPLY_AND_DEFECT: "raised KeyError",
}

#: A question has no password that could be refused, and leaves nothing behind that was done.
QUESTIONS = {"account_probe", "delivery_probe", "person_find"}
ANSWERS = sorted(REASONS.keys() - APPLIED - {Fault.REFUSE_SECRET})


@attrs.frozen
class Refusal:
    """One row of the column: where one item is refused, and how."""

    kind: OperationKind
    place: str
    hook: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.kind}-{self.place}-{self.hook}-{self.fault}"

    @property
    def overcome(self) -> bool:
        """Whether the item is done all the same: it was done there already, or another channel takes it."""
        return self.hook not in QUESTIONS and (self.fault in APPLIED or self.place == "sms")

    def happen_in(self, world: World) -> None:
        """Let the item be refused there; the answer to a message has to be lost before anybody asks what became of it.

        The second channel is tried when the first one has refused.
        """
        rules = [(self.place, self.hook, self.fault)]
        if self.hook == "delivery_probe":
            rules.append((self.place, "secret_deliver", Fault.APPLY_AND_LOSE_ANSWER))
        if self.place == "mail":
            rules.append(("sms", "secret_deliver", Fault.REFUSE))
        recipient = f"{'h' if self.kind is OperationKind.HANDOVER else 'p'}1"
        items = {"person_find": recipient, "secret_deliver": recipient, "delivery_probe": None}
        for place, hook, fault in rules:
            world.faults[place].on(hook, fault, item=items.get(hook, REFUSED.login))


def refusals() -> Iterator[Refusal]:
    for kind, change in CHANGE_HOOK.items():
        places = [*itertools.product(("first", "second"), (change, "account_probe"))]
        if kind not in SHUTTING:
            places += itertools.product(("first", "second"), ("person_find",))
            places += itertools.product(("sms", "mail"), ("secret_deliver", "delivery_probe"))
        for place, hook in places:
            for fault in ANSWERS if hook in QUESTIONS else REASONS:
                yield Refusal(kind, place, hook, fault)


REFUSALS = list(refusals())


class Openings(MemoryHealth):
    """Keeps the names of the targets and channels whose circuit has opened."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def change(self, name: str, change: Change, /) -> TargetHealth | None:
        self.names.append(name)
        return super().change(name, change)


@pytest.fixture(name="lists", scope="module")
def _lists(tmp_path_factory: pytest.TempPathFactory) -> Mapping[OperationKind, World]:
    """Return, for each kind of operation, a world in which all accounts are where such an operation begins."""
    worlds = {kind: World(tmp_path_factory.mktemp(kind), undoes=True) for kind in CHANGE_HOOK}
    for kind, world in worlds.items():
        with world.start() as harness:
            harness.know(units=LIST, persons=STAFF)
            if kind is not OperationKind.CREATE:
                harness.open([unit.code for unit in LIST])
            if kind in CLOSED:
                harness.close_accounts(LOGINS)
    return worlds


def plan_all(harness: Harness, kind: OperationKind) -> Plan:
    planner = harness.planner
    if kind is OperationKind.CREATE:
        return planner.open_units(LIST, INITIATOR)
    accounts = [harness.account(login) for login in LOGINS]
    if kind is OperationKind.HANDOVER:
        plans = [planner.hand_over(account, to=f"h{n}", initiator=INITIATOR) for n, account in enumerate(accounts)]
        return Plan(
            work=tuple(work for plan in plans for work in plan.work),
            refused=tuple(refused for plan in plans for refused in plan.refused),
        )
    plan_of = {
        OperationKind.REOPEN: planner.reopen,
        OperationKind.ROTATE: planner.rotate,
        OperationKind.CLOSE: planner.close,
        OperationKind.DELETE: planner.delete,
    }
    return plan_of[kind](accounts, INITIATOR)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_the_refusal_of_one_item_stops_no_other(
    refusal: Refusal, lists: Mapping[OperationKind, World], tmp_path: Path
) -> None:
    """Any failure that were not the item's alone would open a circuit here."""
    world, openings = World(tmp_path, undoes=True, channels=("sms", "mail")), Openings()
    world.copy(lists[refusal.kind])
    with world.start() as harness:
        for gateway in (*harness.plugins.targets.values(), *harness.plugins.channels.values()):
            gateway.breaker.threshold, gateway.breaker.health = 1, openings
        refusal.happen_in(world)
        plan = plan_all(harness, refusal.kind)
        operations = harness.run(plan)

    left = {operation.login: operation for operation in operations if operation.state is not OperationState.DONE}
    named = {login: str(operation.error.message) if operation.error else "" for login, operation in left.items()}
    named |= {refused.login: str(refused.reason) for refused in plan.refused}
    assert len(operations) + len(plan.refused) == len(LIST)
    assert list(named) == ([] if refusal.overcome else [REFUSED.login])
    assert all(REASONS[refusal.fault] in reason for reason in named.values())
    assert openings.names == []
