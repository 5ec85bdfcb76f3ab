"""Rotates accounts with one, two and four workers on one PostgreSQL, and with one worker beside a bare claim loop.

Each call of the target takes a while and does nothing else, so what is measured is the product: the queue, the journal
in PostgreSQL, and the processor time of the workers. The first comparison has three calls of 20 ms for an operation,
and one operation at a time in each worker, so that waiting is the limit, and two cores are enough for four workers. The
chunks are small, so that the last one of a worker costs little. The second comparison has operations of 100 ms, 50 at
the same time in one worker, in chunks of the usual size; the bare loop claims rows of a table with SKIP LOCKED, waits
as long, and writes that they are done. Processor time is that of the workers after their start.

With ``--due N``, a sweep of N due accounts begins while two workers are idle, and what is measured is the time from its
begin to the first call of the target.

Only ratios of one run mean anything, because the workers, the server and this program share the cores. Usage:
``python benchmarks/cluster.py [--accounts N] [--rounds N] [--chunk N] [--due N]``.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import attrs
import structlog
from workers import Durable, administrator, new_store, processor_time, working

from provisioner.config.load import LoadedConfiguration
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import Person, Unit
from provisioner.services.bootstrap import Mode, application
from provisioner.services.parts import open_store
from provisioner.store.queue import chunks

INITIATOR = Initiator(actor="1", reason="benchmark")

PLUGIN = """\
import os
import time

from provisioner import AccountReport, Outcome, Presence, Receipt, hookimpl
from provisioner.core.api.messages import ChannelReport, DeliveryReceipt, DeliveryState, TargetReport

CHANGE, PROBE = float(os.environ["CHANGE"]), float(os.environ["PROBE"])


def note_first():
    try:
        with open(os.environ["FIRST"], "x") as file:
            file.write(str(time.time()))
    except FileExistsError:
        pass


class Slow:
    @hookimpl
    def account_create(self, request):
        note_first()
        time.sleep(CHANGE)
        return Receipt(outcome=Outcome.APPLIED)

    account_rotate = account_create

    @hookimpl
    def account_probe(self, request):
        time.sleep(PROBE)
        return AccountReport(presence=Presence.ENABLED, secret_accepted=request.secret is not None)

    @hookimpl
    def target_check(self):
        return TargetReport()


Slow.account_rotate = hookimpl(lambda self, request: Slow.account_create(self, request))


class Phones:
    @hookimpl
    def secret_deliver(self, request):
        return DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=request.delivery_id)

    @hookimpl
    def channel_check(self):
        return ChannelReport()


@hookimpl
def provisioner_register(settings, register):
    for section in settings.targets:
        register.target(section.name, Slow())
    for section in settings.channels:
        register.channel(section.name, Phones())
"""

CONFIG = """\
[targets.slow]
plugin = "slow"
parallel = 256
omits = ["account_close"]
[channels.phones]
plugin = "slow"
parallel = 256
[worker]
sweep_at = ["00:00"]
[rules.rotation]
rule = "auto-rotate"
"""

#: Accounts whose rotation is due, as the engine would have opened them four weeks ago.
DUE = """INSERT INTO accounts (login, domain, unit, kind, holder, state, opened_at, password_changed_at, next_deadline)
    SELECT 'd' || n, 'meb.gov.tr', 'u0', 'unit', '1', 'open', now() - interval '28 days', now() - interval '28 days',
        now() - interval '1 hour' FROM generate_series(1, %s) n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=25)
    parser.add_argument("--due", type=int)
    options = parser.parse_args()
    if options.due:
        sweep(options.due)
        return
    usual = chunks.CHUNK
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with Durable() as server, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config = prepare(server, folder, options.accounts)
        scaling: dict[int, list[float]] = {2: [], 4: []}
        shares, firsts, costs = [], [], []
        for _ in range(options.rounds):
            os.environ |= {"CHANGE": "0.02", "PROBE": "0.02"}
            chunks.CHUNK = options.chunk
            measured = {count: rotated(folder, config, count, 1) for count in (1, 2, 4)}
            rates = {count: measure.rate for count, measure in measured.items()}
            costs += [measure.processor for measure in measured.values()]
            print(", ".join(f"{count} workers: {rate:.0f}/s" for count, rate in rates.items()), flush=True)
            for count, found in scaling.items():
                found.append(rates[count] / rates[1])
            os.environ |= {"CHANGE": "0.1", "PROBE": "0"}
            chunks.CHUNK = usual
            ours = rotated(folder, config, 1, 50)
            bare = claimed(server, options.accounts, 50, 0.1)
            print(
                f"one worker of 50: {ours.rate:.0f}/s, {1000 * ours.processor:.1f} ms of processor time each, "
                f"first after {ours.first:.2f} s; bare: {bare:.0f}/s",
                flush=True,
            )
            shares.append(ours.rate / bare)
            firsts.append(ours.first)
    for count, found in scaling.items():
        print(f"{count} workers, of one: {spread(found)}")
    print(f"processor time of an operation, one at a time: {spread([1000 * cost for cost in costs])} ms")
    print(f"one worker of 50, of the bare loop: {spread(shares)}")
    print(f"from the plan to the first operation that has ended: {spread(firsts)} s")


def sweep(due: int) -> None:
    """Print how long a sweep takes to its first call of a target."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with Durable() as server, tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        config = prepare(server, folder, 1)
        first = folder / "first"
        os.environ |= {"CHANGE": "0.02", "PROBE": "0.02", "FIRST": str(first)}
        for _ in range(2):
            stack.enter_context(working(folder, 8))
        time.sleep(10)  # the workers make the sweep of today, in which nothing is due
        with administrator(server, "provisioner") as connection:
            connection.execute("UPDATE rule_sets SET since = now() - interval '1 year'")
            connection.execute(DUE, [due])
            connection.execute("ANALYZE")
        stop = threading.Event()
        app = stack.enter_context(application(config, mode=Mode(distributes=True), stop=stop))
        begun = time.time()
        sweeping = threading.Thread(target=app.deadlines.sweep().run.wait)
        sweeping.start()
        while sweeping.is_alive() and not (first.exists() and first.read_text()):
            time.sleep(0.01)
        planned = sum(app.store.operations.count_unended().values())
        stop.set()
        sweeping.join()
        print(f"first call {float(first.read_text()) - begun:.2f} s after the begin of a sweep; {planned} were planned")


def spread(found: Sequence[float]) -> str:
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def prepare(server: Durable, folder: Path, accounts: int) -> LoadedConfiguration:
    """Open the accounts that are rotated afterwards."""
    os.environ |= {"CHANGE": "0", "PROBE": "0", "FIRST": "/dev/null"}
    config = new_store(server, folder, plugin="slow", code=PLUGIN, settings=CONFIG)
    units = [Unit(code=f"u{n}", name=f"U{n}", kind="office", login=f"u{n}", custodian="1") for n in range(accounts)]
    with open_store(config) as store:
        store.persons.save([Person(id="1", name="Ali Veli", mobile="+905321234567")])
        store.units.save(units)
    with application(config) as app:
        app.runs.start(app.planner.open_units(units, INITIATOR)).wait()
    return config


@attrs.frozen(kw_only=True)
class Measure:
    """What a run of all accounts took."""

    #: How many operations ended in a second.
    rate: float
    #: The seconds until the first one had ended.
    first: float
    #: The processor time of the workers for each, in seconds.
    processor: float


def rotated(folder: Path, config: LoadedConfiguration, workers: int, concurrency: int) -> Measure:
    """Rotate all accounts with some workers."""
    with ExitStack() as stack:
        processes = [stack.enter_context(working(folder, concurrency)) for _ in range(workers)]
        app = stack.enter_context(application(config, mode=Mode(distributes=True)))
        logins = [account.login for account in app.store.accounts.find()]
        plan = app.accounts.plan_rotation(logins, INITIATOR)
        used = sum(map(processor_time, processes))
        begun = time.perf_counter()
        run = app.runs.start(plan)
        waiting = threading.Thread(target=run.wait)
        waiting.start()
        first = 0.0
        while not first:
            time.sleep(0.05)
            if sum(app.store.operations.count_unended().values()) < len(logins):
                first = time.perf_counter() - begun
        waiting.join()
        seconds = time.perf_counter() - begun
        assert run.summary.is_complete, run.summary
        used = sum(map(processor_time, processes)) - used
    return Measure(rate=len(logins) / seconds, first=first, processor=used / len(logins))


def claimed(server: Durable, rows: int, threads: int, seconds: float) -> float:
    """Return the rate of a loop that claims rows, waits for each, and writes that they are done."""
    with administrator(server) as connection, ThreadPoolExecutor(threads) as pool:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute("CREATE TABLE bare (id int PRIMARY KEY, state text NOT NULL)")
        connection.execute("INSERT INTO bare SELECT n, 'planned' FROM generate_series(1, %s) n", [rows])
        begun = time.perf_counter()
        while claims := connection.execute(
            "UPDATE bare SET state = 'running' WHERE id IN (SELECT id FROM bare WHERE state = 'planned' "
            "LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id",
            [2 * threads],
        ).fetchall():
            list(pool.map(lambda _: time.sleep(seconds), claims))
            connection.execute("UPDATE bare SET state = 'done' WHERE id = ANY(%s)", [[row[0] for row in claims]])
        return rows / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
