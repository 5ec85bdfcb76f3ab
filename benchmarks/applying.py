"""What it costs to apply a list in which nothing has changed: little more than to read it and what is known.

For each number of units, all with an open account: reading the file alone, one read of all units and accounts of the
store, and what ``unit apply --dry-run --close-missing --handover`` does, in the same process. The three take turns,
and the shortest processor time of each counts. Each number of units runs in a process of its own.

Usage: ``python benchmarks/applying.py [--units N ...]``.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioner.core.engine.plan import Initiator
from provisioner.core.model import Person, Unit
from provisioner.manifest import Manifest, read_units
from provisioner.testing.harness import NAMING, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

ROUNDS = 3
#: How many units there are below each.
BRANCHES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run(options.one)
        return
    for count in options.units:
        subprocess.run([sys.executable, __file__, "--one", str(count)], check=True)


def run(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, store = Path(folder) / "units.csv", Path(folder) / "store.sqlite"
        units = [unit(number) for number in range(count)]
        file.write_text("code,name,kind,parent,login,custodian\n" + "".join(map(line, units)), encoding="utf-8")
        with Harness(store, targets={"target": MemoryTarget()}, channels={"sms": MemoryChannel()}) as harness:
            harness.know(units=units, persons=[Person(id="p", name="Person", mobile="+905321234567")])
            fill(store, units)
            del units
            tell(count, harness, file)


def tell(count: int, harness: Harness, file: Path) -> None:
    works: Sequence[Callable[[], object]] = (
        lambda: read(harness, file),
        lambda: [*harness.store.units.all(), *harness.store.accounts.find()],
        lambda: applied(harness, file),
    )
    rounds = [[timed(work) for work in works] for _ in range(ROUNDS)]
    reading, known, applying = (min(seconds) for seconds in zip(*rounds, strict=True))
    print(
        f"{count:7} units: file {reading:6.2f} s, store {known:6.2f} s, apply {applying:6.2f} s, "
        f"ratio {applying / (reading + known):4.2f}, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.1f} MiB at the most",
        flush=True,
    )


def read(harness: Harness, file: Path) -> Manifest[Unit]:
    return read_units(file, NAMING, harness.store)


def applied(harness: Harness, file: Path) -> None:
    service = harness.app.unit_list
    plan = service.plan(read(harness, file), close_missing=True, hand_over=True, initiator=Initiator(actor="admin"))
    service.preview(plan, viewer="admin")
    if not plan.does_nothing or plan.changes:
        sys.exit("something has changed")


def timed(work: Callable[[], object]) -> float:
    """Return the processor time of some work: nothing here waits, and the load of a machine varies."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def unit(number: int) -> Unit:
    return Unit(
        code=f"s{number}",
        name=f"Şehit {number} İlkokulu",
        kind="school",
        parent=f"s{number // BRANCHES}" if number else None,
        login=f"okul{number}",
        custodian="p",
    )


def line(one: Unit) -> str:
    return f"{one.code},{one.name},{one.kind},{one.parent or ''},{one.login},{one.custodian}\n"


def fill(file: Path, units: list[Unit]) -> None:
    """Put the open accounts into the store, without opening each."""
    with sqlite3.connect(file) as database:
        database.executemany(
            "INSERT INTO accounts (login, domain, unit, kind, holder, state, opened_at)"
            " VALUES (?, 'meb.gov.tr', ?, 'unit', 'p', 'open', '2026-09-01 06:00:00.000000')",
            ((one.login, one.code) for one in units),
        )
    database.close()


if __name__ == "__main__":
    main()
