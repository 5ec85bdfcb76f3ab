"""What it costs to import all units and persons of a ministry, compared with inserting the same rows and nothing else.

Both run as whole processes on stores of their own. The import checks each row, and records who was added in the audit
log; the bare script does neither. Time and memory should be at most three times as much, and ten times as many rows
should need the same memory.

Usage: ``python benchmarks/importing_rows.py [--units N ...] [--persons N ...] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CONFIG = """\
store = "store.sqlite"
[accounts]
domain = "meb.gov.tr"
"""


class Usage(NamedTuple):
    """What processes used, one after the other."""

    seconds: float
    processor: float
    #: The most memory of any of them, in MiB.
    memory: float

    def then(self, other: Usage) -> Usage:
        """Return what these processes and others used."""
        memory = max(self.memory, other.memory)
        return Usage(self.seconds + other.seconds, self.processor + other.processor, memory)

    def said(self, name: str, rows: int) -> str:
        each = f"{self.processor / rows * 1000:.4f} ms of processor each"
        return f"{name:7} {rows:8} rows: {rows / self.seconds:8.1f} rows/s, {each}, {self.memory:.1f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[7_500, 75_000])
    parser.add_argument("--persons", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for units, persons in zip(options.units, options.persons, strict=True):
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                compare(Path(folder), units, persons)


def compare(folder: Path, units: int, persons: int) -> None:
    write(folder / "units.csv", "code,name,kind,parent,login,custodian", unit_lines(units, persons))
    write(folder / "persons.csv", "id,name,unit,title,mobile,supervisor", person_lines(units, persons))
    files = [str(folder / name) for name in ("units.csv", "persons.csv")]
    command = [sys.executable, "-P", "-m", "provisioner"]
    for name in ("ours", "bare"):
        (folder / name).mkdir()
        (folder / name / "provisioner.toml").write_text(CONFIG)
        used(folder / name, [*command, "init"])
    ours_of_units = used(folder / "ours", [*command, "unit", "import", files[0]])
    ours_of_persons = used(folder / "ours", [*command, "person", "import", files[1]])
    ours = ours_of_units.then(ours_of_persons)
    bare = used(folder / "bare", [sys.executable, str(HERE / "importing_bare.py"), "store.sqlite", *files])
    print(ours_of_units.said("units", units), ours_of_persons.said("persons", persons), sep="\n")
    print(ours.said("ours", units + persons), bare.said("bare", units + persons), sep="\n", flush=True)
    ratios = (mine / other for mine, other in zip(ours, bare, strict=True))
    print("  ours / bare: {:.1f} of the time, {:.1f} of the processor time, {:.1f} of the memory".format(*ratios))


def write(file: Path, heading: str, lines: Iterator[str]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.write(f"{heading}\n")
        stream.writelines(lines)


def unit_lines(units: int, persons: int) -> Iterator[str]:
    for number in range(units):
        parent = f"s{number // 10}" if number else ""
        yield f"s{number},Şehit {number} İlkokulu,school,{parent},s{number},{number % persons}\n"


def person_lines(units: int, persons: int) -> Iterator[str]:
    for number in range(persons):
        yield f"{number},Ayşe Yılmaz {number},s{number % units},Müdür,0532{number % 10**7:07},\n"


def used(folder: Path, *commands: Sequence[str]) -> Usage:
    """Run commands in a folder, one after the other, and return what they used."""
    begun, processor, memory = time.perf_counter(), 0.0, 0.0
    for command in commands:
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command} failed with {process.returncode}")
        processor += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
    return Usage(time.perf_counter() - begun, processor, memory)


if __name__ == "__main__":
    main()
