"""What it costs to compare the journal with a directory: it should depend on how fast the directory can be read.

A real slapd has 100,000 accounts, and so has the store. One in a hundred differs: disabled, deleted, of another holder,
or unknown to the store. ``provisioner reconcile`` runs as a whole process and has to find exactly these. It is compared
with ``ldapsearch``, which reads the same attributes of the same entries in pages into a file, in the same run. The same
with 10,000 accounts shows whether the memory grows with their number.

Usage: ``python benchmarks/reconciling.py [--accounts N ...] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from provisioner.core.model import Person, Unit
from provisioner.store import Store
from provisioner.testing.slapd import Slapd

CONFIG = """
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
attributes = {{ cn = "{{unit_name}}", sn = "{{unit_name}}", mail = "{{mail}}", employeeNumber = "{{holder_id}}" }}
{directory}

[channels.phones]
plugin = "memory"
"""

ENTRY = """\
dn: uid={login},{base}
objectClass: inetOrgPerson
uid: {login}
cn: Unit
sn: Unit
mail: {login}@meb.gov.tr
employeeNumber: {holder}
{more}
"""

#: What a comparison reads of each entry.
ATTRIBUTES = (
    *("objectClass", "uid", "cn", "sn", "mail", "employeeNumber"),
    *("pwdChangedTime", "pwdStartTime", "pwdEndTime", "pwdAccountLockedTime"),
)

#: How many entries a page has, as the plug-in reads it.
PAGE = 500

#: One account in so many differs.
DRIFTED = 100

#: What somebody did to the accounts that differ, in turn.
DRIFTS = ("disabled", "missing", "holder", "extra")


#: Runs a command, and writes what it took into a file. A process of its own, because a new process inherits the maximum
#: memory of the one that starts it.
LAUNCHER = """
import json, os, subprocess, sys, time
begun = time.perf_counter()
_, status, usage = os.wait4(subprocess.Popen(sys.argv[2:]).pid, 0)
seconds, processor = time.perf_counter() - begun, usage.ru_utime + usage.ru_stime
taken = os.waitstatus_to_exitcode(status), seconds, processor, usage.ru_maxrss / 1024
open(sys.argv[1], "w").write(json.dumps(taken))
"""


class Measured(NamedTuple):
    """What a process took, start-up included."""

    seconds: float
    processor: float
    mebibytes: float


def drift(number: int) -> str | None:
    """Return what somebody did to an account, if anything."""
    return DRIFTS[number // DRIFTED % len(DRIFTS)] if number % DRIFTED == DRIFTED // 2 else None


def login(number: int) -> str:
    return f"u{number:08}"


def run(accounts: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, Slapd() as slapd:
        folder = Path(name)
        slapd.load("".join(entries(accounts, slapd.base_dn)))
        config = configured(folder, slapd)
        known(folder / "provisioner.sqlite", accounts)
        ratios = []
        for _ in range(rounds):
            plain = measured(search(slapd), folder / "entries.ldif")
            ours = measured(
                [sys.executable, "-m", "provisioner", "--config", str(config), "--json", "reconcile"],
                folder / "answer.json",
                code=4,
            )
            expect_exactly_the_drifts(json.loads((folder / "answer.json").read_text()), accounts)
            ratios.append(ours.seconds / plain.seconds)
            print(
                f"{accounts:8} accounts: ldapsearch {plain.seconds:6.2f} s, reconcile {ours.seconds:6.2f} s"
                f" ({ratios[-1]:.1f} times; {ours.processor:5.2f} s of processor time),"
                f" {ours.mebibytes:6.1f} MiB at the most",
                flush=True,
            )
        print(f"{accounts:8} accounts: {statistics.median(ratios):.1f} times ldapsearch", flush=True)


def entries(accounts: int, base: str) -> Iterator[str]:
    """Yield what the directory has, as LDIF."""
    for number in range(accounts):
        what = drift(number)
        if what != "missing":
            more = "pwdEndTime: 20250101000000Z\n" if what == "disabled" else ""
            yield ENTRY.format(login=login(number), base=base, holder="q" if what == "holder" else "p", more=more)


def known(file: Path, accounts: int) -> None:
    """Put the accounts into the store, without opening each."""
    at = (datetime.now(UTC) - timedelta(days=5)).strftime("%Y-%m-%d %H:%M:%S.%f")
    logins = [login(number) for number in range(accounts) if drift(number) != "extra"]
    with Store.create(f"sqlite:///{file}") as store:
        store.units.save([Unit(code="office", name="Unit", kind="office")])
        store.persons.save([Person(id="p", name="Person", mobile="+905321234567")])
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany(
            "INSERT INTO accounts (login, domain, unit, kind, holder, state, opened_at, password_changed_at)"
            " VALUES (?, 'meb.gov.tr', 'office', 'unit', 'p', 'open', ?, ?)",
            ((name, at, at) for name in logins),
        )
        database.executemany(
            "INSERT INTO account_targets (login, target, state) VALUES (?, 'directory', 'open')",
            ((name,) for name in logins),
        )


def configured(folder: Path, slapd: Slapd) -> Path:
    config = folder / "provisioner.toml"
    config.write_text(
        CONFIG.format(directory="\n".join(f"{key} = {json.dumps(value)}" for key, value in slapd.config.items()))
    )
    return config


def search(slapd: Slapd) -> list[str]:
    """Return the command that reads the same in pages."""
    os.environ["LDAPTLS_CACERT"] = str(slapd.ca_file)
    url = f"ldaps://{slapd.host}:{slapd.tls_port}"  # ldapsearch takes localhost for another name of the machine
    bind = ["-x", "-H", url, "-D", slapd.bind_dn, "-y", str(slapd.folder / "bind.password")]
    paged = ["-E", f"pr={PAGE}/noprompt", "-s", "one", "-b", slapd.base_dn]
    return ["ldapsearch", "-LLL", "-o", "ldif-wrap=no", *bind, *paged, "(uid=*)", *ATTRIBUTES]


def measured(command: Sequence[str], answer: Path, code: int = 0, folder: Path | None = None) -> Measured:
    """Run a command in a folder, and write what it says into a file."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    taken = answer.with_suffix(".measured")
    with answer.open("wb") as stream:
        launcher = [sys.executable, "-S", "-c", LAUNCHER, str(taken), *command]
        subprocess.run(launcher, cwd=folder, stdout=stream, check=True)
    ended, *cost = json.loads(taken.read_text())
    if ended != code:
        sys.exit(f"{command[0]} ended with {ended}")
    return Measured(*cost)


def expect_exactly_the_drifts(answer: dict[str, list[dict[str, str]]], accounts: int) -> None:
    """Check that every difference was found, and none invented."""
    expected = {(login(number), what) for number in range(accounts) if (what := drift(number))}
    found = [(item["login"], item["difference"]) for item in answer["items"]]
    if len(found) != len(expected) or set(found) != expected:
        sys.exit(f"{len(found)} of {len(expected)} differences were found, {len(set(found) - expected)} were invented")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for accounts in options.accounts:
        run(accounts, options.rounds)


if __name__ == "__main__":
    main()
