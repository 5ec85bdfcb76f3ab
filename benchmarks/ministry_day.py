"""One day of a ministry: 1,000,000 accounts are known, 40,000 passwords are renewed and 120,000 people are warned.

Four workers share the work on one PostgreSQL. This program has the sweep, so it sends the warnings. Each call of the
target and of the channel takes 20 ms and does nothing else. The store is filled by the server itself, so all the
accounts are there even if only a share of the day is due.

The bound is the time that the calls would take if nothing else took any: calls x 20 ms / how many are made at the same
time. Passwords are renewed by all workers, each with some operations at a time; the warnings are sent by the sweep, as
many at a time as the channel accepts. The processor time of the workers includes their start.

Usage: ``python benchmarks/ministry_day.py [--share 0.05] [--accounts N] [--workers N] [--concurrency N]``. The whole
day (``--share 1``) takes about 15 minutes.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import structlog
from workers import Durable, administrator, new_store, server_seconds, working

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.events import ClockConfirmed, RulesChanged
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.services.bootstrap import Mode, application
from provisioner.services.parts import open_store

#: What is due on the whole day.
RENEWALS, WARNINGS = 40_000, 120_000

#: How long a call takes, in seconds.
CALL = 0.02

#: How many times the bound the day may take.
GOAL = 1.3

#: How many operations a worker takes at once for the whole day; for a share of it, the same number of chunks is made.
CHUNK = 200

PLUGIN = """\
import atexit
import itertools
import os
import time
from pathlib import Path

from provisioner import AccountReport, Outcome, Presence, Receipt, hookimpl
from provisioner.core.api.messages import ChannelReport, DeliveryReceipt, DeliveryState, TargetReport
from provisioner.store.queue import chunks

chunks.CHUNK = int(os.environ["CHUNK"])
CALL, CALLS = float(os.environ["CALL"]), {"renewals": itertools.count(), "warnings": itertools.count()}


def call(kind):
    next(CALLS[kind])
    time.sleep(CALL)


@atexit.register
def tell():
    for kind, calls in CALLS.items():
        place = Path(os.environ["COUNTS"])
        if place.exists() and (count := next(calls)):
            (place / f"{os.getpid()}.{kind}").write_text(str(count))


class Directory:
    @hookimpl
    def account_rotate(self, request):
        call("renewals")
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def account_close(self, request):
        return Receipt(outcome=Outcome.APPLIED)

    @hookimpl
    def account_probe(self, request):
        call("renewals")
        return AccountReport(presence=Presence.ENABLED, secret_accepted=request.secret is not None)

    @hookimpl
    def target_check(self):
        return TargetReport()


class Phones:
    @hookimpl
    def secret_deliver(self, request):
        call("renewals")
        return DeliveryReceipt(state=DeliveryState.DELIVERED)

    @hookimpl
    def notice_deliver(self, request):
        call("warnings")
        return DeliveryReceipt(state=DeliveryState.DELIVERED)

    @hookimpl
    def channel_check(self):
        return ChannelReport()


@hookimpl
def provisioner_register(settings, register):
    for section in settings.targets:
        register.target(section.name, Directory())
    for section in settings.channels:
        register.channel(section.name, Phones())
"""

CONFIG = """\
[targets.directory]
plugin = "day"
parallel = 64
omits = ["account_create"]
[channels.phones]
plugin = "day"
parallel = 16
[worker]
sweep_every_minutes = 1440
[rules.renewal]
rule = "renew-or-close"
[rules.schools]
rule = "auto-rotate"
kinds = ["school"]
"""

#: How many warnings are sent at the same time.
CHANNEL = 16

#: Logins of due accounts lie all over the others, as they do in life. Everybody holds one account.
FILL = """
INSERT INTO units (code, name, kind) VALUES ('office', 'Office', 'office'), ('school', 'School', 'school');
INSERT INTO persons (id, name, title, mobile)
    SELECT 'p' || n, 'Kişi ' || n, '', '+90532' || lpad(n::text, 7, '0') FROM generate_series(0, {accounts} - 1) n;
INSERT INTO accounts (login, domain, unit, kind, holder, state, opened_at, password_changed_at, next_deadline)
    SELECT 'u' || lpad((n * 7919::bigint % 10000019)::text, 8, '0'), 'meb.gov.tr',
        CASE WHEN n < {renewals} THEN 'school' ELSE 'office' END, 'unit', 'p' || n, 'open', changed, changed,
        CASE WHEN n < {due} THEN now() - interval '1 minute'
             ELSE now() + interval '18 days' + make_interval(secs => n % 86400) END
    FROM generate_series(0, {accounts} - 1) n, LATERAL (
        SELECT now() - CASE WHEN n < {renewals} THEN interval '27 days 1 hour' WHEN n < {due} THEN interval '24 days'
            ELSE interval '5 days' END AS changed
    ) age;
"""

RENEWED = "SELECT count(*) FROM operations WHERE state = 'done'"
WARNED = "SELECT count(*) FROM notices WHERE state = 'delivered'"

#: From the first to the last event of some kinds, in seconds.
LASTED = "SELECT extract(epoch FROM max(at) - min(at))::float FROM events WHERE kind IN ({kinds})"


class Counts(NamedTuple):
    """Calls, or accounts."""

    renewals: int
    warnings: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.05, help="of the day; 1 is the whole day")
    parser.add_argument("--accounts", type=int, default=1_000_000, help="how many accounts are known")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=2, help="of each worker")
    options = parser.parse_args()
    due = Counts(round(RENEWALS * options.share), round(WARNINGS * options.share))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with Durable() as server, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config = prepare(server, folder, chunk=max(10, round(CHUNK * options.share)))
        with ExitStack() as stack:
            for _ in range(options.workers):
                stack.enter_context(working(folder, options.concurrency))
            with administrator(server, "provisioner") as connection:
                connection.execute(FILL.format(accounts=options.accounts, renewals=due.renewals, due=sum(due)))
                connection.execute("VACUUM ANALYZE")
            print(f"{options.accounts} accounts and persons are known", flush=True)
            served, swept, begun = server_seconds(server), time.process_time(), time.perf_counter()
            with application(config, mode=Mode(distributes=True)) as app:
                sweep = app.deadlines.sweep()
                sweep.pass_on_notices(lambda _: None, viewer=POLICY_ACTOR)
                sweep.run.wait()
            seconds, swept = time.perf_counter() - begun, time.process_time() - swept
            served = server_seconds(server) - served
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        import_module("day").tell()
        report(config, server, due, calls_in(folder / "counts"), seconds=seconds, options=options)
        costs = {"sweep": swept, "workers": usage.ru_utime + usage.ru_stime, "server": served}
        spent = [f"{name} {cost:.0f} s ({cost / sum(due) * 1000:.1f} ms each)" for name, cost in costs.items()]
        print(f"processor time: {', '.join(spent)}")


def prepare(server: Durable, folder: Path, *, chunk: int) -> LoadedConfiguration:
    """Make a store without accounts, whose rules have applied for long."""
    (folder / "counts").mkdir()
    settings = {"CALL": CALL, "CHUNK": chunk, "COUNTS": folder / "counts"}
    os.environ |= {name: str(value) for name, value in settings.items()}
    config = new_store(server, folder, plugin="day", code=PLUGIN, settings=CONFIG)
    now, names = datetime.now(UTC), ("renewal", "schools")
    with application(config) as app:
        fingerprint = app.policy.fingerprint
        app.store.write(
            RulesChanged(at=now - timedelta(days=400), actor="", fingerprint=fingerprint, rule_sets=names),
            ClockConfirmed(at=now, actor="1", trusted_at=now),
        )
        app.store.schedule.finish()
    return config


def calls_in(folder: Path) -> Counts:
    """Return how many calls all workers made."""

    def total(kind: str) -> int:
        return sum(int(file.read_text()) for file in folder.glob(f"*.{kind}"))

    return Counts(total("renewals"), total("warnings"))


def report(
    config: LoadedConfiguration,
    server: Durable,
    due: Counts,
    calls: Counts,
    *,
    seconds: float,
    options: argparse.Namespace,
) -> None:
    """Print how long everything took, and how long it would take at least."""
    with open_store(config) as store, administrator(server, "provisioner") as connection:
        done = Counts(*(connection.execute(query).fetchall()[0][0] for query in (RENEWED, WARNED)))
        renewing, warning = (
            connection.execute(LASTED.format(kinds=kinds)).fetchall()[0][0]
            for kinds in ("'operation_planned', 'operation_ended'", "'notice_begun', 'notice_ended'")
        )
        head = store.audit_log.head()
    written = head.seq if head else 0
    if done != due:
        sys.exit(f"{done} of {due} were done")
    bounds = [
        calls.renewals * CALL / (options.workers * options.concurrency),
        calls.warnings * CALL / CHANNEL,
    ]
    print(f"{options.share:g} of the day, {options.workers} workers of {options.concurrency}: {seconds:.1f} s")
    for name, count, made, lasted, bound in zip(Counts._fields, due, calls, (renewing, warning), bounds, strict=True):
        print(f"{count} {name}: {made} calls, {lasted:.1f} s, {lasted / bound:.2f} of the bound of {bound:.1f} s")
    factor = seconds / sum(bounds)
    print(f"together {factor:.2f} of the bound of {sum(bounds):.1f} s, goal {GOAL}; {written} entries of the audit log")


if __name__ == "__main__":
    main()
