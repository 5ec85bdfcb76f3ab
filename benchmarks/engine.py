"""The engine alone: rotates accounts on five targets in memory, with the journal on disk and every write synced.

It shows what the engine itself costs, and that rate and memory do not depend on how many accounts there are. The
accounts are planned in portions, as a sweep does, so that a plan never has to hold all of them. They are put there
without the engine, because that is not measured.

For scale: midPoint publishes 12 accounts/s for an import with five in-memory targets. That is not like for like: it
has a repository, an HR source and a hundred mappings, and runs on another machine.

Usage: ``python benchmarks/engine.py [--accounts N ...] [--targets N] [--rotated N] [--known N] [--latency MS]``. Each
number of accounts runs in a process of its own, so that none has what another one left in memory; ``--rotated`` rotates
so many of them and no more. ``--known`` puts so many further open accounts into the store, on no target in memory. With
``--latency``, each call of a target takes so long, and what is printed in addition is the largest possible rate: that
of targets that are never idle.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from provisioner.core.api.events import Event, OperationEnded, OperationPlanned, OperationStarted
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountReport,
    ChannelReport,
    CreateAccount,
    DeliveryReceipt,
    DeliveryState,
    ProbeAccount,
    Receipt,
    RotateSecret,
)
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.gateways.plugins import DEFAULT_PARALLEL
from provisioner.core.model import AccountState, OperationState, Person, Unit
from provisioner.core.model.days import utc_now
from provisioner.core.model.secret import Secret
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryTarget

PORTION = 1000

#: How often each target is called for one account: to set the password, and to test it.
CALLS = 2


def run(accounts: int, targets: int, rotated: int, known: int, latency: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory = {f"target{n}": Distant(latency) for n in range(targets)}
        file = Path(folder) / "store.sqlite"
        harness = Harness(
            file,
            targets=memory,
            channels={"phones": Void()},
            clock=utc_now,
        )
        with harness:
            portions = [range(start, min(start + PORTION, accounts)) for start in range(0, accounts, PORTION)]
            for portion in portions:
                harness.know(units=map(unit, portion), persons=map(person, portion))
                put_there(harness, memory.values(), portion)
            fill(file, known, memory)
            there = memory_peak(forget=True)
            begun, used = time.perf_counter(), time.process_time()
            for target in memory.values():
                target.is_distant = latency > 0
            for portion in portions[: -(-rotated // PORTION)]:
                rotate(harness, portion)
            elapsed, used = time.perf_counter() - begun, time.process_time() - used
    count = min(accounts, -(-rotated // PORTION) * PORTION)
    print(
        f"{accounts:7} accounts on {targets} targets, {count} rotated: {count / elapsed:6.1f} accounts/s, "
        f"{used / count * 1000:5.2f} ms of processor each, {memory_peak() - there:5.1f} MiB more than the "
        f"{there:.0f} MiB with the targets' accounts",
        flush=True,
    )
    if latency:
        limit = DEFAULT_PARALLEL / (CALLS * latency)
        print(
            f"  limit of calls of {latency * 1000:.0f} ms: {limit:6.1f} accounts/s,  0.00 ms of processor each; "
            f"reached {count / elapsed / limit:.2f} of it",
            flush=True,
        )


def memory_peak(*, forget: bool = False) -> float:
    """Return the most memory that the process has had, in MiB; *forget* what it had before now."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def put_there(harness: Harness, targets: Iterable[MemoryTarget], portion: range) -> None:
    """Open accounts by writing down that it was done."""
    units = [unit(number) for number in portion]
    work = harness.planner.open_units(units, initiator=INITIATOR).work
    harness.store.write(*(event for one in work for event in opened(one)))
    secret = Secret("put there")
    for one in work:
        request = CreateAccount(
            operation_id=one.operation.id, account=one.account, unit=one.unit, holder=one.recipient, secret=secret
        )
        for target in targets:
            target.account_create(request)


def fill(file: Path, known: int, targets: Iterable[str]) -> None:
    """Put further open accounts into the store, without opening each."""
    logins = [f"known{number}" for number in range(known)]
    with sqlite3.connect(file) as database:
        database.executemany(
            "INSERT INTO accounts (login, domain, unit, kind, holder, state, opened_at, password_changed_at)"
            " VALUES (?, 'meb.gov.tr', 'u0', 'unit', 'p0', 'open', ?, ?)",
            ((login, *["2026-09-01 06:00:00.000000"] * 2) for login in logins),
        )
        for target in targets:
            database.executemany(
                "INSERT INTO account_targets (login, target, state) VALUES (?, ?, 'open')",
                ((login, target) for login in logins),
            )
    database.close()


def opened(work: PlannedOperation) -> Iterator[Event]:
    operation = work.operation
    facts = {"at": utc_now(), "operation_id": operation.id, "login": operation.login, "actor": operation.actor}
    account = attrs.evolve(work.account, state=AccountState.OPEN)
    yield OperationPlanned(**facts, operation=operation, account=work.account)
    yield OperationStarted(**facts, tries=1)
    yield OperationEnded(**facts, state=OperationState.DONE, account=account)


def rotate(harness: Harness, portion: range) -> None:
    logins = [f"unit{number}" for number in portion]
    found = harness.store.accounts.get_many(logins)
    plan = harness.planner.rotate([found[login] for login in logins], initiator=INITIATOR)
    for operation in harness.engine.iter_apply(plan):
        if operation.state is not OperationState.DONE:
            sys.exit(f"{operation}")


def unit(number: int) -> Unit:
    return Unit(code=f"u{number}", name=f"Unit {number}", kind="office", login=f"unit{number}", custodian=f"p{number}")


def person(number: int) -> Person:
    return Person(id=f"p{number}", name=f"Person {number}", mobile="+905321234567")


@attrs.define(eq=False)
class Distant(MemoryTarget):
    """A directory in memory whose answers take a while."""

    #: How long, in seconds.
    latency: float
    is_distant: bool = False

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        self._wait()
        return super().account_rotate(request)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        self._wait()
        return super().account_probe(request)

    def _wait(self) -> None:
        if self.is_distant:
            time.sleep(self.latency)


@attrs.define(eq=False)
class Void:
    """A channel that forgets, so that the messages do not count as the engine's memory."""

    @hookimpl
    def secret_deliver(self) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.DELIVERED)

    @hookimpl
    def channel_check(self) -> ChannelReport:
        return ChannelReport()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--targets", type=int, default=5)
    parser.add_argument("--rotated", type=int, default=sys.maxsize)
    parser.add_argument("--known", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0, metavar="MS")
    options = parser.parse_args()
    if len(options.accounts) == 1:
        gc.set_threshold(100_000)  # as the command line does
        run(options.accounts[0], options.targets, options.rotated, options.known, options.latency / 1000)
        return
    others = {name: value for name, value in vars(options).items() if name != "accounts"}
    for accounts in options.accounts:
        arguments = [f"--{name}={value}" for name, value in others.items()]
        subprocess.run([sys.executable, __file__, "--accounts", str(accounts), *arguments], check=True)


if __name__ == "__main__":
    main()
