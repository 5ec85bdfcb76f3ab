"""What it costs to send warnings: how many a second, and the memory for them.

Every warned account belongs to a person of its own, so that no message stands for several. Messages go to the simulated
phone network, which runs in a process of its own, and is the same for all builds. A sweep runs as a whole process,
start-up included, with the journal on disk.

With ``--baseline PYTHON``, the build that this interpreter imports sweeps the same accounts, in turn with this one.
With ``--custodians``, each account is that of a unit of its own, whose custodian holds it.

Usage: ``python benchmarks/notices.py [--baseline PYTHON] [--warnings N ...] [--rounds N] [--custodians]``.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciling import Measured, measured

CONFIG = """
language = "en"

[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "memory"

[channels.sms]
plugin = "sms"
help_desk = "705 53 53"
gateway = "simulator"
simulator = {{ url = "{url}" }}

[rules.passwords]
rule = "renew-or-close"
"""

#: What earlier builds don't know. Messages are sent at any time of day.
MORE_CONFIG = """
[notices]
quiet_hours = ""
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", metavar="PYTHON")
    parser.add_argument("--warnings", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--custodians", action="store_true")
    options = parser.parse_args()
    for warnings in options.warnings:
        rates, shares = [], []
        for _ in range(options.rounds):
            ours = told("this build", sys.executable, warnings, CONFIG + MORE_CONFIG, custodians=options.custodians)
            if options.baseline:
                theirs = told("baseline", options.baseline, warnings, CONFIG, custodians=options.custodians)
                rates.append(theirs.seconds / ours.seconds)
                shares.append(theirs.processor / ours.processor)
        if rates:
            print(
                f"{warnings:6} warnings: {statistics.median(rates):.2f} times the rate of the baseline,"
                f" {statistics.median(shares):.2f} times by processor time",
                flush=True,
            )


def told(name: str, python: str, warnings: int, config: str, *, custodians: bool) -> Measured:
    """Let a build send the warnings, and print what that took."""
    with tempfile.TemporaryDirectory(prefix="notices-") as folder, phones(Path(folder)) as url:
        site = Path(folder)
        fill(site, python, warnings, config.format(url=url), custodians=custodians)
        taken = measured([python, "-m", "provisioner", "policy", "sweep"], site / "answer", folder=site)
        require_messages(site, warnings)
    rate, share = warnings / taken.seconds, 1000 * taken.processor / warnings
    print(
        f"{warnings:6} warnings, {name:10}: {taken.seconds:6.2f} s, {rate:5.0f} a second,"
        f" {share:5.2f} ms of processor time each, {taken.mebibytes:6.1f} MiB at the most",
        flush=True,
    )
    return taken


@contextmanager
def phones(site: Path) -> Iterator[str]:
    """Run the simulated phone network of this build, and return its address."""
    command = [sys.executable, "-m", "provisioner", "sms-simulator", "serve", "--port", "0"]
    with subprocess.Popen([*command, "--database", str(site / "sms.sqlite")], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        try:
            yield one.stdout.readline().strip()
        finally:
            one.terminate()


def fill(site: Path, python: str, warnings: int, config: str, *, custodians: bool) -> None:
    """Put the persons and their accounts into a store of a build, without opening each."""
    units = [f"o{number},Office {number},office,,o{number},p{number}" for number in range(warnings)]
    lines = units if custodians else ["office,Office,office,,office,"]
    (site / "units.csv").write_text("\n".join(["code,name,kind,parent,login,custodian", *lines, ""]))
    run(site, python, "init")
    (site / "provisioner.toml").write_text(config)
    run(site, python, "unit", "import", "units.csv")
    run(site, python, "policy", "sweep")
    at, due = (text(datetime.now(UTC) - age) for age in (timedelta(days=24), timedelta(minutes=1)))
    with closing(sqlite3.connect(site / "provisioner.sqlite")) as database, database:
        database.executemany(
            "INSERT INTO persons (id, name, title, mobile) VALUES (?, ?, '', ?)",
            ((f"p{number}", f"Person {number}", f"+90532{number:07}") for number in range(warnings)),
        )
        database.executemany(
            "INSERT INTO accounts"
            " (login, domain, unit, kind, holder, state, opened_at, password_changed_at, next_deadline)"
            " VALUES (?, 'meb.gov.tr', ?, 'unit', ?, 'open', ?, ?, ?)",
            (
                (f"u{number:08}", f"o{number}" if custodians else "office", f"p{number}", at, at, due)
                for number in range(warnings)
            ),
        )


def run(site: Path, python: str, *command: str) -> None:
    subprocess.run([python, "-m", "provisioner", *command], cwd=site, check=True, stdout=subprocess.DEVNULL)


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.%f")


def require_messages(site: Path, warnings: int) -> None:
    """Check that every person got one message."""
    with closing(sqlite3.connect(site / "sms.sqlite")) as database:
        [[messages, persons]] = database.execute("SELECT count(*), count(DISTINCT recipient) FROM messages")
    if (messages, persons) != (warnings, warnings):
        sys.exit(f"{persons} of {warnings} persons got {messages} messages")


if __name__ == "__main__":
    main()
