"""What the pages of the console cost when 50 officers use it at once.

The store has 100,000 accounts in 50 districts, and 500 access requests that wait. A console of its own process serves
it over HTTP on this machine, behind a proxy that names the officer. Fifty officers, each of one district, request the
page of their session, which shows nothing from the store but a name; searches by login, unit, name and number; and
their inbox. The same number of threads runs the database queries of the pages alone, each on a connection of its own,
with every meaning that the words of a search can have.

First, each officer requests a page as soon as the one before is there. Then each looks at a page for two seconds on
average, as people do. Both tables show what 95 of 100 pages did not exceed, and how many times as long that is as for
the queries alone and as for the page of the session. Then 20,000 further requests show whether the memory grows.

Usage: ``python benchmarks/console.py [--short] [--accounts N] [--officers N] [--requests N]``. It takes 3 minutes, with
``--short`` one minute; the figures are then less exact.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

from provisioner.core.model import Person, Unit
from provisioner.store import Store

HOST = "console.example"
CONFIG = f"""
[accounts]
domain = "example.gov.tr"

[authority]
administrators = ["admin"]

[console]
url = "https://{HOST}"
proxies = ["127.0.0.1/32"]
log_in = "proxy"

[targets.directory]
plugin = "memory"

[channels.phones]
plugin = "memory"
"""

#: How many accounts a unit and a person have, and how many access requests wait in a district.
IN_UNIT, OF_PERSON, WAITING = 10, 4, 10

#: How long an officer looks at a page on average, in seconds.
LOOKING = 2.0

#: After how many seconds without a request a browser connects again; the console closes connections after five.
KEPT = 3.0

#: What a search for some words reads from the database: they can be a login, a unit, a name, or the end of a number.
DISTRICT = (
    "IN (WITH RECURSIVE below AS (SELECT code FROM units WHERE code = :district"
    " UNION SELECT units.code FROM units JOIN below ON units.parent = below.code) SELECT code FROM below)"
)
SEARCHES = (
    f"SELECT * FROM accounts WHERE login BETWEEN :words AND :last AND +unit {DISTRICT} ORDER BY login LIMIT 51",
    f"SELECT * FROM accounts WHERE unit IN (SELECT code FROM units WHERE code {DISTRICT} AND name LIKE :part) LIMIT 51",
    f"SELECT * FROM accounts WHERE holder IN (SELECT id FROM persons WHERE name LIKE :part) AND +unit {DISTRICT}",
)
NUMBERS = f"SELECT * FROM accounts WHERE holder IN (SELECT id FROM persons WHERE mobile LIKE :end) AND +unit {DISTRICT}"

#: What an inbox reads: what waits for a decision, what waits in the district, and the officer's own requests.
INBOX = (
    "SELECT r.* FROM requests r, persons p WHERE r.state = 'submitted' AND p.id = requester AND supervisor = :officer",
    f"SELECT * FROM requests WHERE state IN ('approved', 'executing') AND unit {DISTRICT}",
    "SELECT * FROM requests WHERE requester = :officer ORDER BY submitted_at DESC, id DESC LIMIT 31",
)

#: One request of an officer: the number of the officer, and how often the officer has asked.
Ask = Callable[[int, int], object]


class Times(NamedTuple):
    """How long requests took."""

    middle: float
    #: What 95 of 100 did not exceed, in seconds.
    p95: float
    rate: float

    @classmethod
    def of(cls, ask: Ask, officers: int, rounds: int, looking: float = 0) -> Times:
        """Let officers ask at the same time.

        Args:

            ask: One request.

            officers: How many officers there are.

            rounds: How many requests each makes.

            looking: How long each looks at a page on average, in seconds.
        """

        def one_officer(officer: int) -> list[float]:
            pauses, taken = random.Random(officer), []
            time.sleep(pauses.uniform(0, looking))
            for number in range(rounds):
                begun = time.perf_counter()
                ask(officer, number)
                taken.append(time.perf_counter() - begun)
                time.sleep(pauses.uniform(0, 2 * looking))
            return taken

        begun = time.perf_counter()
        with ThreadPoolExecutor(officers) as pool:
            taken = sorted(itertools.chain.from_iterable(pool.map(one_officer, range(officers))))
        rate = len(taken) / (time.perf_counter() - begun)
        return cls(statistics.median(taken), statistics.quantiles(taken, n=20)[-1], rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--officers", type=int, default=50)
    parser.add_argument("--requests", type=int, help="how many show whether the memory grows")
    parser.add_argument("--short", action="store_true", help="fewer requests")
    options = parser.parse_args()
    requests = options.requests or (2_000 if options.short else 20_000)
    with tempfile.TemporaryDirectory(prefix="console-") as folder:
        site = Path(folder)
        (site / "provisioner.toml").write_text(CONFIG)
        fill(site / "provisioner.sqlite", options.accounts, options.officers)
        with served(site) as (port, process):
            office = Office(site, port, process, options.accounts, options.officers)
            office.compare("without a pause", rounds=8 if options.short else 20)
            office.compare(f"a page in {LOOKING:.0f} seconds", rounds=5 if options.short else 10, looking=LOOKING)
            office.watch_memory(requests)


class Office:
    """Fifty officers, each with a browser and with a connection to the database.

    Args:

        site: The folder of the store.

        port: The port of the console.

        process: The ID of its process.

        accounts: How many accounts there are.

        officers: How many officers there are.
    """

    def __init__(self, site: Path, port: int, process: int, accounts: int, officers: int) -> None:
        self._process, self._officers, self._words = process, officers, Words(accounts, officers)
        self._browsers = [Browser(port, officer) for officer in range(officers)]
        file = site / "provisioner.sqlite"
        self._databases = [sqlite3.connect(file, check_same_thread=False) for _ in range(officers)]

    def compare(self, title: str, *, rounds: int, looking: float = 0) -> None:
        """Print how long pages take, beside the bare queries and an empty page."""
        print(f"\n{title:22} | a second | median | 95 % within | of the queries | of the empty page | processor time")
        print("--- | --- | --- | --- | --- | --- | ---")
        empty = self._times(self._empty, rounds, looking)
        self._row("empty page", *empty)
        for name, page, queries in (
            ("search", self._search, self._search_queries),
            ("inbox", self._inbox, self._inbox_queries),
        ):
            times, processor = self._times(page, rounds, looking)
            bare, _ = self._times(queries, rounds, looking)
            ratios = f"{times.p95 / bare.p95:.1f} x", f"{times.p95 / empty[0].p95:.1f} x"
            self._row(name, times, processor, *ratios)
            self._row("its queries alone", bare)

    def watch_memory(self, requests: int) -> None:
        """Print what memory the console has before, during and after many requests."""
        asks = (self._empty, self._inbox, self._search)

        def ask(officer: int, number: int) -> None:
            asks[number % len(asks)](officer, number)

        Times.of(ask, self._officers, max(1, requests // 10 // self._officers))
        found = [mebibytes(self._process)]
        for _ in range(4):
            Times.of(ask, self._officers, requests // 4 // self._officers)
            found.append(mebibytes(self._process))
        shown = ", ".join(f"{size:.1f}" for size in found)
        print(f"\nmemory before and after each quarter of {requests} requests: {shown} MiB", flush=True)

    def _times(self, ask: Ask, rounds: int, looking: float) -> tuple[Times, float]:
        """Return how long requests take, and the processor time of the console for each, in milliseconds."""
        Times.of(ask, self._officers, 2)
        before = processor_seconds(self._process)
        times = Times.of(ask, self._officers, rounds, looking)
        return times, 1000 * (processor_seconds(self._process) - before) / (rounds * self._officers)

    def _row(self, name: str, times: Times, processor: float = 0, queries: str = "", empty: str = "") -> None:
        spent = f"{processor:.1f} ms" if processor else ""
        cells = (
            f"{times.rate:.0f}",
            f"{1000 * times.middle:.0f} ms",
            f"{1000 * times.p95:.0f} ms",
            queries,
            empty,
            spent,
        )
        print(" | ".join((f"{name:22}", *cells)), flush=True)

    def _empty(self, officer: int, _: int) -> None:
        self._browsers[officer].get("/me")

    def _search(self, officer: int, number: int) -> None:
        self._browsers[officer].get(self._words.page(officer, number))

    def _inbox(self, officer: int, _: int) -> None:
        self._browsers[officer].get("/requests")

    def _search_queries(self, officer: int, number: int) -> None:
        self._words.query(self._databases[officer], officer, number)

    def _inbox_queries(self, officer: int, _: int) -> None:
        values = {"officer": f"officer{officer}", "district": f"d{officer}"}
        for query in INBOX:
            self._databases[officer].execute(query, values).fetchall()


class Browser:
    """An officer's browser with a session, behind the reverse proxy."""

    def __init__(self, port: int, officer: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Host": HOST, "X-Remote-User": f"officer{officer}", "X-Forwarded-For": "10.0.0.1"}
        self._connection.request("GET", "/login", headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        cookies = [value.split(";")[0] for name, value in answer.getheaders() if name == "set-cookie"]
        self._used_at = time.monotonic()
        self._headers["Cookie"] = "; ".join(cookie for cookie in cookies if not cookie.endswith("="))

    def get(self, path: str) -> None:
        """Request a page, which has to be there."""
        if time.monotonic() - self._used_at > KEPT:
            self._connection.close()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self._used_at = time.monotonic()
        if answer.status != HTTPStatus.OK:
            sys.exit(f"{path}: {answer.status} {body[:200]!r}")


class Words(NamedTuple):
    """What officers search for, in turn: a login, a unit, a name, and the end of a number, each of their districts."""

    accounts: int
    officers: int

    def page(self, officer: int, number: int) -> str:
        return f"/?{urlencode({'q': self._words(officer, number)[number % 4]}, quote_via=quote)}"

    def query(self, database: sqlite3.Connection, officer: int, number: int) -> None:
        words = self._words(officer, number)[number % 4]
        values = {"words": words, "last": f"{words}\U0010ffff", "part": f"%{words}%", "end": f"%{words}"}
        for query in (*SEARCHES, NUMBERS) if words.isdecimal() else SEARCHES:
            database.execute(query, {**values, "district": f"d{officer}"}).fetchall()

    def _words(self, officer: int, number: int) -> tuple[str, str, str, str]:
        schools = self.accounts // IN_UNIT
        account = (number * 7919 * self.officers + officer) % schools * IN_UNIT
        person = account // OF_PERSON
        return f"u{account:07}"[:7], f"School {account // IN_UNIT}", f"Person {person}", f"{person:07}"[-4:]


@contextmanager
def served(site: Path) -> Iterator[tuple[int, int]]:
    """Serve the console, and yield its port and the ID of its process."""
    port = 8461
    command = [sys.executable, "-m", "provisioner", "console", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=site, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            process.stdout.readline()
            yield port, process.pid
        finally:
            process.terminate()


def fill(file: Path, accounts: int, officers: int) -> None:
    """Put the organisation into the store, without opening each account."""
    schools = accounts // IN_UNIT
    units = [Unit(code="province", name="Province", kind="province")]
    units += [Unit(code=f"d{n}", name=f"District {n}", kind="district", parent="province") for n in range(officers)]
    units += [Unit(code=f"s{n}", name=f"School {n}", kind="school", parent=f"d{n % officers}") for n in range(schools)]
    persons = [Person(id=f"officer{n}", name=f"Officer {n}", mobile=None, unit=f"d{n}") for n in range(officers)]
    persons += [
        Person(id=f"p{n}", name=f"Person {n}", mobile=f"+90532{n:07}", supervisor=f"officer{n % officers}")
        for n in range(accounts // OF_PERSON)
    ]
    with Store.create(f"sqlite:///{file}") as store:
        store.units.save(units)
        store.persons.save(persons)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany(
            "INSERT INTO accounts"
            " (login, domain, unit, kind, holder, state, opened_at, password_changed_at, next_deadline)"
            " VALUES (?, 'example.gov.tr', ?, 'unit', ?, 'open', ?, ?, ?)",
            ((f"u{n:07}", f"s{n // IN_UNIT}", f"p{n // OF_PERSON}", now, now, now) for n in range(accounts)),
        )
        database.executemany(
            "INSERT INTO grants (id, person, role, unit, granted_by, granted_at)"
            " VALUES (?, ?, 'officer', ?, 'admin', ?)",
            ((f"g{n}", f"officer{n}", f"d{n}", now) for n in range(officers)),
        )
        database.executemany(
            "INSERT INTO requests (id, kind, login, unit, requester, reason, submitted_at, state, revision, remark)"
            " VALUES (?, 'rotate', ?, ?, ?, 'Forgotten', ?, ?, 1, '')",
            (
                (f"r{n}", f"u{n * IN_UNIT:07}", f"s{n}", f"p{n}", now, "submitted" if n % 2 else "approved")
                for n in range(officers * WAITING)
            ),
        )
        database.execute("ANALYZE")


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used until now."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mebibytes(process: int) -> float:
    """Return the memory that a process has now."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main()
