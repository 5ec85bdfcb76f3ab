"""What the pages of the console cost when 50 officers use it at once.

The store has 100,000 accounts in 50 districts, and 500 access requests that wait. A console of its own process serves
it over HTTP on this machine. Fifty officers, each of one district, request a page as soon as they have the one before:
the page of their session, which shows nothing from the store but a name; searches by login, unit, name and number; and
their inbox. The same number of threads runs the database queries of the pages alone, each on a connection of its own.
Then 20,000 further requests show whether the memory of the console grows.

Usage: ``python benchmarks/console.py [--accounts N] [--officers N] [--requests N]``.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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

#: What the pages read from the database, by the name of the page; the last query of the search reads every person.
SEARCHES = (
    ("SELECT * FROM accounts WHERE login BETWEEN ? AND ? ORDER BY login LIMIT 51", "login"),
    ("SELECT * FROM accounts WHERE unit IN (SELECT code FROM units WHERE name LIKE ?) LIMIT 51", "unit"),
    ("SELECT * FROM accounts WHERE holder IN (SELECT id FROM persons WHERE name LIKE ?) LIMIT 51", "name"),
    ("SELECT * FROM accounts WHERE holder IN (SELECT id FROM persons WHERE mobile LIKE ?) LIMIT 51", "number"),
)
INBOX = "SELECT * FROM requests WHERE state IN ('submitted', 'approved', 'executing') ORDER BY submitted_at, id"

#: One request of an officer: the number of the officer, and how often the officer has asked.
Ask = Callable[[int, int], object]


class Times(NamedTuple):
    """How long requests took."""

    middle: float
    #: What 95 of 100 did not exceed, in seconds.
    p95: float
    rate: float

    @classmethod
    def of(cls, ask: Ask, officers: int, rounds: int) -> Times:
        """Let officers ask at the same time."""

        def one_officer(officer: int) -> list[float]:
            taken = []
            for number in range(rounds):
                begun = time.perf_counter()
                ask(officer, number)
                taken.append(time.perf_counter() - begun)
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
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="console-") as folder:
        site = Path(folder)
        (site / "provisioner.toml").write_text(CONFIG)
        fill(site / "provisioner.sqlite", options.accounts, options.officers)
        with served(site) as (port, process):
            compare(site, port, options.accounts, options.officers)
            watch_memory(port, process, options.accounts, options.officers, options.requests)


def compare(site: Path, port: int, accounts: int, officers: int) -> None:
    """Print how long pages and bare queries take."""
    browsers: list[Browser] = []
    databases = [sqlite3.connect(site / "provisioner.sqlite", check_same_thread=False) for _ in range(officers)]
    words = Words(accounts, officers)
    asks: dict[str, Ask] = {
        "empty page": lambda officer, _: browsers[officer].get("/me"),
        "search page": lambda officer, number: browsers[officer].get(words.page(officer, number)),
        "search queries alone": lambda officer, number: words.query(databases[officer], officer, number),
        "inbox page": lambda officer, _: browsers[officer].get("/requests"),
        "inbox query alone": lambda officer, _: databases[officer].execute(INBOX).fetchall(),
    }
    for name, ask in asks.items():
        browsers[:] = [Browser(port, officer) for officer in range(officers)]
        Times.of(ask, officers, 4)
        found = Times.of(ask, officers, 20)
        middle, most = 1000 * found.middle, 1000 * found.p95
        print(f"{name:22} {found.rate:6.0f}/s, median {middle:6.1f} ms, 95 % within {most:6.1f} ms", flush=True)
    for database in databases:
        database.close()


def watch_memory(port: int, process: int, accounts: int, officers: int, requests: int) -> None:
    """Print what memory the console has before and after many requests."""
    browsers = [Browser(port, officer) for officer in range(officers)]
    words = Words(accounts, officers)

    def ask(officer: int, number: int) -> None:
        paths = ("/me", "/requests", words.page(officer, number))
        browsers[officer].get(paths[number % 3])

    Times.of(ask, officers, max(1, requests // 10 // officers))
    before = mebibytes(process)
    Times.of(ask, officers, requests // officers)
    print(f"memory: {before:.1f} MiB, and {mebibytes(process):.1f} MiB after {requests} requests", flush=True)


class Browser:
    """An officer's browser with a session, behind the reverse proxy."""

    def __init__(self, port: int, officer: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Host": HOST, "X-Remote-User": f"officer{officer}", "X-Forwarded-For": "10.0.0.1"}
        self._connection.request("GET", "/login", headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        cookies = [value.split(";")[0] for name, value in answer.getheaders() if name == "set-cookie"]
        self._headers["Cookie"] = "; ".join(cookie for cookie in cookies if not cookie.endswith("="))

    def get(self, path: str) -> None:
        """Request a page, which has to be there."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK:
            sys.exit(f"{path}: {answer.status} {body[:200]!r}")


class Words(NamedTuple):
    """What officers search for, in turn: a login, a unit, a name, and the end of a number, each of their districts."""

    accounts: int
    officers: int

    def page(self, officer: int, number: int) -> str:
        return f"/?{urlencode({'q': self._words(officer, number)[number % 4]}, quote_via=quote)}"

    def query(self, database: sqlite3.Connection, officer: int, number: int) -> Sequence[object]:
        query, kind = SEARCHES[number % 4]
        words = self._words(officer, number)[number % 4]
        values = {"login": (words, f"{words}\U0010ffff"), "number": (f"%{words}",)}.get(kind, (f"%{words}%",))
        return database.execute(query, values).fetchall()

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


def mebibytes(process: int) -> float:
    """Return the memory that a process has now."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main()
