"""What it costs to import lists of units: ten times as many should take at most ten times as long.

Three lists of each length: flat, as a tree (ten below each), and 200 levels deep, all below one district; each a second
time, when nothing of it is new. Once by an administrator, and once by an officer of the district, whose right
has to be found out for each unit. Each import is a whole process, as a script would run it.

Usage: ``python benchmarks/importing.py [--units N ...]``.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from provisioner.core.governance.roles import Granted, Role, RoleAssignment
from provisioner.core.model import Unit
from provisioner.store import Store

CONFIG = """\
store = "store.sqlite"
[accounts]
domain = "meb.gov.tr"
[authority]
administrators = ["admin"]
"""

LEVELS = 200

#: The number of the unit above each one, or 0 for the district.
SHAPES: Mapping[str, Callable[[int], int]] = {
    "flat": lambda _: 0,
    "tree": lambda number: number // 10,
    "deep": lambda number: number - 1 if number % LEVELS else 0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    for count in parser.parse_args().units:
        for shape, above in SHAPES.items():
            for actor in ("admin", "officer"):
                with tempfile.TemporaryDirectory() as folder:
                    print(
                        f"{count:7} units, {shape}, {actor:7}: {measured(Path(folder), count, above, actor)}",
                        flush=True,
                    )


def measured(folder: Path, count: int, above: Callable[[int], int], actor: str) -> str:
    (folder / "provisioner.toml").write_text(CONFIG)
    (folder / "units.csv").write_text("code,name,kind,parent\n" + "".join(lines(count, above)))
    with Store.create(f"sqlite:///{folder / 'store.sqlite'}") as store:
        store.units.save([Unit(code="district", name="District", kind="district")])
        at = datetime(2026, 1, 5, tzinfo=UTC)
        grant = RoleAssignment(
            id="1", person="officer", role=Role.OFFICER, unit="district", granted_by="admin", granted_at=at
        )
        store.write(Granted(at=at, actor="admin", grant=grant))
    return f"{imported(folder, actor)}, once more {imported(folder, actor)}"


def lines(count: int, above: Callable[[int], int]) -> Iterator[str]:
    for number in range(1, count + 1):
        parent = above(number)
        yield f"s{number},Şehit {number} İlkokulu,school,{f's{parent}' if parent else 'district'}\n"


def imported(folder: Path, actor: str) -> str:
    begun, used = time.perf_counter(), processor_time()
    command = [sys.executable, "-m", "provisioner", "--actor", actor, "unit", "import", "units.csv"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return f"{time.perf_counter() - begun:6.1f} s ({processor_time() - used:5.1f} s of processor time)"


def processor_time() -> float:
    """Seconds that all processes have used that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
