"""Runs this build beside an earlier one and beside bare scripts, and prints one table in Markdown.

Only ratios of one run mean anything: the same code may take twice as long a minute later. Every round measures all
candidates of a row, one after the other. Both builds are installed in ``build``, each in an environment of its own. The
earlier one is taken from the history, and kept.

Usage: ``python benchmarks/all.py [--accounts N] [--rounds N] [--baseline COMMIT]``.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import opening
from reconciling import measured

from provisioner.testing.slapd import Slapd

HERE = Path(__file__).parent
ROOT = HERE.parent

#: The build of which ``docs`` and the issues tell the first figures.
BASELINE = "7ee2285"

#: What the bare scripts need that no build does.
BARE = ("httpx",)

LIBRARIES = ("SQLAlchemy", "ldap3", "attrs", "cattrs", "click", "pluggy", "tenacity", "structlog")

CONFIG = """
[accounts]
domain = "meb.gov.tr"

[targets.first]
plugin = "local"
database = "first.sqlite"

[targets.second]
plugin = "local"
database = "second.sqlite"

[channels.phones]
plugin = "memory"
"""

_COST = re.compile(
    r"^ *(?P<name>\w+) .*?(?P<rate>[\d.]+) (?:accounts|rows)/s, +(?P<each>[\d.]+) ms of processor each"
    r"(?:, (?P<memory>[\d.]+) MiB$)?",
    re.MULTILINE,
)


class Sample(NamedTuple):
    """One run of one candidate."""

    #: Accounts per second.
    rate: float
    #: Milliseconds of processor time for each.
    processor: float
    #: The most memory of the process, in MiB, if that was measured.
    memory: float = 0.0


#: What one round says of each candidate: ``ours``, ``base`` and maybe ``bare``.
Round = Mapping[str, Sample]


class Build(NamedTuple):
    """One build that is measured."""

    folder: Path
    python: str

    def run(self, script: str, *arguments: object) -> Mapping[str, Sample]:
        """Run a benchmark of the build, and read what it prints."""
        command = [self.python, str(self.folder / "benchmarks" / script), *map(str, arguments)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.folder).stdout
        return {
            found["name"]: Sample(float(found["rate"]), float(found["each"]), float(found["memory"] or 0))
            for found in _COST.finditer(printed)
        }

    def command(self, folder: Path, *arguments: str) -> list[str]:
        config = str(folder / "provisioner.toml")
        return [self.python, "-P", "-m", "provisioner", "--config", config, "--json", *arguments]


def this_build() -> Build:
    """Install this build again, and return it.

    In an environment for development, each command looks for plug-ins in five times as many packages.
    """
    folder = ROOT / "build/this"
    return Build(ROOT, installed(ROOT, folder, "--force-reinstall", "--no-deps"))


def earlier_build(commit: str) -> Build:
    """Return an earlier build, which is made once."""
    folder = ROOT / "build" / f"baseline-{commit}"
    if not folder.exists():
        folder.mkdir(parents=True)
        source = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=source, check=True)
    return Build(folder, installed(folder, folder))


def installed(source: Path, folder: Path, *again: str) -> str:
    """Install a build into an environment of its own, and return its interpreter.

    Args:

        source: The working copy.

        folder: Where the environment is. It is made once.

        again: How pip installs the build if the environment is there already; by default, it isn't installed again.
    """
    environment = folder / ".venv"
    python = str(environment / "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", str(source), *BARE]
    if not environment.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run(install, check=True)
    elif again:
        subprocess.run([*install, *again], check=True)
    return python


def opened(ours: Build, base: Build, accounts: int, rounds: int) -> Iterator[Round]:
    """Open accounts in one slapd, for each candidate others."""
    candidates: dict[str, Callable[[Slapd, Path, list[str]], opening.Cost]] = {
        "ours": lambda *given: opening.ours(*given, python=ours.python),
        "base": lambda *given: opening.ours(*given, python=base.python),
        "bare": opening.bare,
    }
    with Slapd() as slapd:
        for number in range(rounds):
            found = {}
            for name, run in candidates.items():
                with tempfile.TemporaryDirectory() as folder:
                    cost = run(slapd, Path(folder), opening.logins(f"{name}{number}x", accounts))
                found[name] = Sample(accounts / cost.seconds, cost.processor / accounts * 1000)
            yield found


def rotated(ours: Build, base: Build, accounts: int, rounds: int) -> Iterator[Round]:
    """Rotate accounts on servers of their own for each build."""
    for _ in range(rounds):
        found = ours.run("rotating.py", "--accounts", accounts, "--rounds", 1)
        yield {**found, "base": base.run("rotating.py", "--accounts", accounts, "--rounds", 1)["ours"]}


def engine_alone(ours: Build, base: Build, accounts: int, rounds: int) -> Iterator[Round]:
    """Rotate accounts on five targets in memory."""
    for _ in range(rounds):
        yield {
            name: next(iter(build.run("engine.py", "--accounts", accounts).values()))
            for name, build in (("ours", ours), ("base", base))
        }


def distant(ours: Build, accounts: int, rounds: int) -> Iterator[Round]:
    """Rotate accounts on a target that takes 20 ms for each call, beside the rate of a target that is never idle."""
    for _ in range(rounds):
        found = ours.run("engine.py", "--accounts", accounts, "--targets", 1, "--latency", 20)
        yield {"ours": found[str(accounts)], "bare": found["limit"]}


def among_others(ours: Build, accounts: int, known: int, rounds: int) -> Iterator[Round]:
    """Rotate accounts while many others are known, and while none are."""
    for _ in range(rounds):
        yield {
            name: next(iter(ours.run("engine.py", "--accounts", accounts, "--known", others).values()))
            for name, others in (("ours", known), ("bare", 0))
        }


def imported(ours: Build, persons: int, rounds: int) -> Iterator[Round]:
    """Import units and persons, and insert the same rows."""
    for _ in range(rounds):
        yield ours.run("importing_rows.py", "--units", persons * 3 // 40, "--persons", persons)


def commands(ours: Build, base: Build, *arguments: str, rounds: int) -> Iterator[Round]:
    """Run a command about one account, and a bare interpreter."""
    with tempfile.TemporaryDirectory() as place:
        lines = {"bare": [sys.executable, "-c", "pass"]}
        for name, build in (("ours", ours), ("base", base)):
            lines[name] = build.command(one_account(build, Path(place) / name), *arguments)
        answer = Path(place) / "answer"
        for line in lines.values():
            sample(line, answer)  # the first run compiles modules, which takes time and memory
        for _ in range(rounds):
            yield {name: sample(line, answer) for name, line in lines.items()}


def one_account(build: Build, folder: Path) -> Path:
    """Return a folder in which one account is open."""
    folder.mkdir()
    (folder / "provisioner.toml").write_text(CONFIG)
    (folder / "persons.csv").write_text("id,name,unit,title,mobile,supervisor\n1,Ali Veli,,,05321234567,\n")
    (folder / "units.csv").write_text("code,name,kind,parent,login,custodian\nu1,Unit,office,,u1,1\n")
    for arguments in (
        ("init",),
        ("person", "import", str(folder / "persons.csv")),
        ("unit", "open", str(folder / "units.csv")),
    ):
        subprocess.run(build.command(folder, *arguments), check=True, capture_output=True)
    return folder


def sample(line: list[str], answer: Path) -> Sample:
    """Run a program once, and let it write into a file."""
    taken = measured(line, answer)
    return Sample(1 / taken.seconds, taken.processor * 1000, taken.mebibytes)


def spread(rounds: list[Round], other: str, value: Callable[[Sample, Sample], float]) -> str:
    """Return the median of what each round says of ours and another candidate, with the least and the most."""
    found = [ratio for one in rounds if other in one and (ratio := value(one["ours"], one[other]))]
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})" if found else "-"


def by_rate(ours: Sample, other: Sample) -> float:
    return ours.rate / other.rate


def by_processor(ours: Sample, other: Sample) -> float:
    return other.processor / ours.processor


def by_memory(ours: Sample, other: Sample) -> float:
    return ours.memory / other.memory


def bulk(name: str, rounds: Iterator[Round]) -> str:
    """Return the row of a benchmark with many accounts. More than 1 is faster than the other candidate."""
    found = list(rounds)
    ratios = [spread(found, other, value) for other in ("bare", "base") for value in (by_rate, by_processor)]
    rate = statistics.median(one["ours"].rate for one in found)
    processor = statistics.median(one["ours"].processor for one in found)
    return row(name, f"{rate:.0f}/s, {processor:.1f} ms", *ratios)


def many_rows(name: str, rounds: Iterator[Round]) -> str:
    """Return the row of an import, with how many times the memory of the bare script it needs."""
    found = list(rounds)
    return f"{bulk(name, iter(found))} memory: {spread(found, 'bare', by_memory)} times bare |"


def single(name: str, rounds: Iterator[Round]) -> str:
    """Return the row of a command: the least of all rounds, because others only take time away."""
    found = list(rounds)
    least = {who: min(one[who].processor for one in found) for who in ("ours", "base", "bare")}
    memory = max(one["ours"].memory for one in found)
    interpreter, before = least["ours"] / least["bare"], least["base"] / least["ours"]
    return row(
        name, f"{least['ours']:.0f} ms, {memory:.0f} MiB", f"{interpreter:.1f} x `pass`", "", "", f"{before:.2f}"
    )


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> Iterator[str]:
    """Yield what the figures depend on."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.stdout.strip()}"
    yield f"{os.cpu_count()} x {processor[1] if processor else platform.machine()}, load {load}, {platform.platform()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--known", type=int, default=100_000, help="how many other accounts are known in one row")
    parser.add_argument("--persons", type=int, default=100_000, help="how many are imported, with units for them")
    parser.add_argument("--baseline", default=BASELINE, help="the earlier build, as git names it")
    rows_known = "show, rotate, engine, latency, known, import, opening, rotating"
    parser.add_argument("--only", nargs="+", metavar="ROW", help=f"{rows_known}; default: all")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled once
    ours, base = this_build(), earlier_build(options.baseline)
    accounts, rounds = options.accounts, options.rounds
    rows: dict[str, Callable[[], str]] = {
        "show": lambda: single("`account show`", commands(ours, base, "account", "show", "u1", rounds=3 * rounds)),
        "rotate": lambda: single(
            "`account rotate`", commands(ours, base, "account", "rotate", "u1", rounds=3 * rounds)
        ),
        "engine": lambda: bulk("engine, five targets in memory", engine_alone(ours, base, 2 * accounts, rounds)),
        "latency": lambda: bulk("one target, calls of 20 ms; bare: its limit", distant(ours, accounts, rounds)),
        "known": lambda: bulk(
            f"engine, {options.known} other accounts; bare: none", among_others(ours, accounts, options.known, rounds)
        ),
        "import": lambda: many_rows("import; bare: `executemany`", imported(ours, options.persons, rounds)),
        "opening": lambda: bulk("opening, slapd", opened(ours, base, accounts, rounds)),
        "rotating": lambda: bulk("rotating, slapd, PYS and Kannel", rotated(ours, base, accounts, rounds)),
    }
    print(*machine(), "", sep="\n")
    print(f"{accounts} accounts, {rounds} rounds; ratios: median (least to most), more than 1 is better", "", sep="\n")
    print(row("benchmark", "ours", "of bare, rate", "of bare, processor", f"of {options.baseline}, rate", "processor"))
    print(row(*["---"] * 6), flush=True)
    for name, make in rows.items():
        if not options.only or name in options.only:
            print(make(), flush=True)


if __name__ == "__main__":
    main()
