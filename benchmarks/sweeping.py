"""What a sweep costs: it should depend on what is due, and not on what exists.

A thousand accounts are due (of four: one closing, one rotation, two warnings) of ever more that are not. Targets and
phones do nothing, so that what is measured is the product: finding, planning, carrying out, the journal on disk.

With ``--recalculate`` also the other cost, which does grow: recalculating all deadlines after a change of the rule
sets, and the memory for it, which does not.

Usage: ``python benchmarks/sweeping.py [--recalculate] [--accounts N ...]``. Each number of accounts runs in a process
of its
own.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from provisioner.core.api.events import RulesChanged
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import ChannelReport, DeliveryReceipt, DeliveryState, Receipt
from provisioner.core.model import Outcome, Person, Unit
from provisioner.core.policy.policy import Policy, RuleSet, Scope
from provisioner.core.policy.policy_run import Refusal
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness

DUE = 1000
NOW = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
RULE_SETS = (
    RuleSet(name="renewal", rules=(RenewOrClose(),)),
    RuleSet(name="schools", rules=(AutoRotate(),), scope=Scope(kinds=frozenset({"school"}))),
)


def run(accounts: int, *, recalculate: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store.sqlite"
        policy = Policy(
            rule_sets=RULE_SETS,
            fingerprint="benchmark",
            since=dict.fromkeys(("renewal", "schools"), NOW - timedelta(days=400)),
        )
        harness = Harness(
            file, targets={"target": Nothing()}, channels={"phones": Nothing()}, clock=FakeClock(NOW), policy=policy
        )
        with harness:
            fill(harness, file, accounts)
            begun = time.perf_counter()
            done = list(harness.sweep().run())
            swept, peak = time.perf_counter() - begun, peak_mebibytes()
            if len(done) != DUE or any(isinstance(one, Refusal) for one in done):
                sys.exit(f"{len(done)} of {DUE} were done")
            print(f"{DUE} due of {accounts:8}: sweep {swept:6.2f} s, {peak:6.1f} MiB at the most", flush=True)
            if recalculate:
                policy.fingerprint = "changed"
                begun = time.perf_counter()
                harness.sweep().reschedule()
                elapsed = time.perf_counter() - begun
                print(f"all {accounts:8} deadlines again: {elapsed:7.2f} s, {peak_mebibytes():6.1f} MiB", flush=True)


def fill(harness: Harness, file: Path, accounts: int) -> None:
    """Put the accounts into the store, without opening each."""
    units = [
        Unit(code="office", name="Office", kind="office"),
        Unit(code="school", name="School", kind="school"),
    ]
    harness.know(units=units, persons=[Person(id="p", name="Person", mobile="+905321234567")])
    harness.store.write(
        RulesChanged(at=NOW - timedelta(days=400), actor="", fingerprint="benchmark", rule_sets=("renewal", "schools"))
    )
    harness.store.schedule.finish()
    with sqlite3.connect(file) as database:
        database.executemany(
            "INSERT INTO accounts"
            " (login, domain, unit, kind, holder, state, opened_at, password_changed_at, next_deadline)"
            " VALUES (?, 'meb.gov.tr', ?, 'unit', 'p', 'open', ?, ?, ?)",
            rows(accounts),
        )
    database.close()


def rows(accounts: int) -> Iterator[tuple[str, str, str, str, str]]:
    for number in range(accounts):
        unit, age = "office", timedelta(days=5)
        if number < DUE:
            unit, age = (
                ("office", timedelta(days=31)),
                ("school", timedelta(days=27, hours=1)),
                ("office", timedelta(days=24)),
                ("office", timedelta(days=28)),
            )[number % 4]
        due = NOW - timedelta(minutes=1) if number < DUE else NOW + timedelta(days=18, seconds=number % 86400)
        # Logins of due accounts lie all over the others, as they do in life.
        login = f"u{number * 7919 % 10_000_019:08}"
        yield login, unit, text(NOW - age), text(NOW - age), text(due)


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.%f")


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@attrs.define(eq=False)
class Nothing:
    """A target and a channel that do nothing and say that they did."""

    @hookimpl
    def account_rotate(self) -> Receipt:
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def account_close(self) -> Receipt:
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def secret_deliver(self) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.DELIVERED)

    @hookimpl
    def notice_deliver(self) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.DELIVERED)

    @hookimpl
    def channel_check(self) -> ChannelReport:
        return ChannelReport()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--recalculate", action="store_true")
    options = parser.parse_args()
    if len(options.accounts) == 1:
        run(options.accounts[0], recalculate=options.recalculate)
        return
    for accounts in options.accounts:
        more = ["--recalculate"] if options.recalculate else []
        subprocess.run([sys.executable, __file__, "--accounts", str(accounts), *more], check=True)


if __name__ == "__main__":
    main()
