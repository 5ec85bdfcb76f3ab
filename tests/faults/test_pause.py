"""Processes that are stopped for longer than their lease, while others take over what they were doing.

A process that wakes up believes that no time has passed. What it was about to send is older than what was sent
meanwhile, so it must not be sent.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import OperationState, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.store import LEASE_TTL
from provisioner.testing.kannel import wait_until
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from provisioner_sms.simulator import SmsSimulator
from tests.acceptance.province import Entrance
from tests.faults.victims import Place, Stage, Victims, at_work

pytestmark = pytest.mark.slow

#: How many processes are paused, how many of them at once, and how many accounts each of them renews.
PAUSES, ALIVE, ACCOUNTS = 8, 2, 24

#: After how many writes of its journal a process is paused at the latest: a rotation on two targets has four, and the
#: plan is one for all.
MOST_WRITES = 3 * ACCOUNTS

#: The seconds of a lease.
TTL = 0.6

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)

KEY = "key-of-the-phones"
NUMBERS = range(ALIVE * ACCOUNTS)
UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}") for n in NUMBERS]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+9053200000{n:02}") for n in NUMBERS]
LOGINS = [unit.login or "" for unit in UNITS]


@attrs.define(eq=False)
class Scene(Stage):
    """Servers behind a network, and processes that can be stopped."""

    pys: PysMock
    entrance: Entrance

    def pause(self, pid: int) -> None:
        """Stop a process, but not in the middle of a transaction: nobody else could write as long as it is stopped."""
        stop(pid)
        while not self.can_be_written():
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.005)
            stop(pid)

    def can_be_written(self) -> bool:
        with closing(sqlite3.connect(self.folder / "store.sqlite", timeout=0.05, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    def wait_for_writes(self, pid: int, count: int) -> None:
        """Wait until a process has written so often, or has ended: it writes less if it lost its lease before."""
        file = at_work(self.folder, pid)
        wait_until(lambda: has_ended(pid) or (file.exists() and file.stat().st_size >= count))

    def last_password(self, login: str) -> str:
        return [one.password for one in self.phones.inbox(None) if f"{login}@" in one.text][-1]

    def stale(self) -> list[str]:
        """Return where the last password that was sent does not log in."""
        last = {login: self.last_password(login) for login in LOGINS}
        return [
            *(f"{login} at PYS" for login, password in last.items() if not self.pys.logs_in(login, password)),
            *(f"{login} at LDAP" for login, password in last.items() if not self.entrance.logs_in(login, password)),
        ]


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Iterator[Scene]:
    """Yield a scene in which all accounts are open."""
    folder = tmp_path / "work"
    folder.mkdir()
    with ExitStack() as stack:
        phones = SmsSimulator.start(tmp_path / "phones.sqlite", api_key=Secret(KEY))
        stack.callback(phones.stop)
        slapd = stack.enter_context(Slapd())
        pys = stack.enter_context(PysMock.running(people=PERSONS, units=UNITS))
        place = Place(
            folder=str(folder),
            url=phones.url,
            api_key=KEY,
            lease_ttl=TTL,
            pys=(pys.url, pys.api_key.reveal()),
            ldap=(slapd.url, slapd.bind_password.reveal()),
        )
        # No other process is there yet: on a slow machine, opening may take longer than the short lease.
        with attrs.evolve(place, lease_ttl=LEASE_TTL.total_seconds()).harness() as harness:
            harness.know(units=UNITS, persons=PERSONS)
            opened = harness.open([unit.code for unit in UNITS])
            assert {one.state for one in opened} == {OperationState.DONE}
        entrance = stack.enter_context(Entrance.to(slapd))
        yield Scene(folder, phones, stack.enter_context(Victims.at(place)), LOGINS, pys, entrance)


def has_ended(pid: int) -> bool:
    """Whether a process is there only because nobody has waited for it."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] == "Z"


def stop(pid: int) -> None:
    """Stop a process, and wait until all its threads have stopped."""
    os.kill(pid, signal.SIGSTOP)
    threads = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
    wait_until(
        lambda: all(thread.read_text().rpartition(")")[2].split()[0] in "TZX" for thread in threads if thread.exists())
    )


def paused_at_random(scene: Scene, numbers: random.Random) -> list[int]:
    """Start processes that renew passwords, and pause each of them at some moment."""
    pids = []
    for number in range(ALIVE):
        logins = LOGINS[number * ACCOUNTS : (number + 1) * ACCOUNTS]
        pid = scene.victims.start("rotate_all", logins=logins)
        scene.wait_for_writes(pid, numbers.randrange(1, MOST_WRITES))
        scene.pause(pid)
        pids.append(pid)
    return pids


@pytest.mark.server("slapd")
def test_what_was_paused_for_longer_than_its_lease_sends_nothing_old(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    print(f"seed {SEED}")
    numbers = random.Random(SEED)  # noqa: S311 - to be repeatable
    stale: list[str] = []
    for _ in range(PAUSES // ALIVE):
        pids = paused_at_random(scene, numbers)
        time.sleep(TTL)
        successor = scene.victims.start("resume")
        scene.wait_for_writes(successor, 1)
        time.sleep(numbers.uniform(0, TTL))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        for pid in (*pids, successor):
            assert scene.victims.wait(pid) == 0, scene.output()
        scene.resume()
        stale += scene.stale()
    with scene.store() as store:
        tries = [operation.tries for operation in store.operations.find()]
        assert store.audit_log.verify_chain() is None
    with capsys.disabled():
        print(f"\n{PAUSES} pauses in {len(tries)} operations, {sum(n > 1 for n in tries)} resumed, {len(stale)} stale")
    assert stale == [], scene.output()
    assert sum(n > 1 for n in tries) > PAUSES / 4
