"""The engine alone: rotates accounts on five targets in memory, with the journal on disk and every write synced.

It shows what the engine itself costs, and that rate and memory do not depend on how many accounts there are. The
accounts are planned in portions, as a sweep does, so that a plan never has to hold all of them.

For scale: midPoint publishes 12 accounts/s for an import with five in-memory targets. That is not like for like: it
has a repository, an HR source and a hundred mappings, and runs on another machine.

Usage: ``python benchmarks/engine.py [--accounts N ...] [--targets N]``. Each number of accounts runs in a process of
its own, because the peak of memory is a process's.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs

from provisioner.bootstrap import utc_now
from provisioner.core.hookspecs import hookimpl
from provisioner.core.model import OperationState, Person, Unit
from provisioner.core.requests import ChannelReport, DeliveryReceipt, DeliveryState
from provisioner.testing.harness import CAUSE, Harness
from provisioner.testing.memory import MemoryTarget

PORTION = 1000


def run(accounts: int, targets: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(
            Path(folder) / "store.sqlite",
            targets={f"target{n}": MemoryTarget() for n in range(targets)},
            channels={"phones": Void()},
            clock=utc_now,
        )
        with harness:
            portions = [range(start, min(start + PORTION, accounts)) for start in range(0, accounts, PORTION)]
            for portion in portions:
                harness.know(units=map(unit, portion), persons=map(person, portion))
                harness.open([unit(number).code for number in portion])
            begun = time.perf_counter()
            for portion in portions:
                rotate(harness, portion)
            elapsed = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{accounts:7} accounts on {targets} targets: {accounts / elapsed:6.1f} accounts/s, {peak:6.0f} MiB at the most"
    )


def rotate(harness: Harness, portion: range) -> None:
    logins = [f"unit{number}" for number in portion]
    found = harness.store.accounts(logins)
    plan = harness.planner.rotate([found[login] for login in logins], cause=CAUSE)
    for operation in harness.engine.apply(plan):
        if operation.state is not OperationState.DONE:
            sys.exit(f"{operation}")


def unit(number: int) -> Unit:
    return Unit(code=f"u{number}", name=f"Unit {number}", kind="office", login=f"unit{number}", custodian=f"p{number}")


def person(number: int) -> Person:
    return Person(id=f"p{number}", name=f"Person {number}", mobile="+905321234567")


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
    options = parser.parse_args()
    if len(options.accounts) == 1:
        run(options.accounts[0], options.targets)
        return
    for accounts in options.accounts:
        command = [sys.executable, __file__, "--accounts", str(accounts), "--targets", str(options.targets)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
