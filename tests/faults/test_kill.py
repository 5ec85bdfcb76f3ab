"""Processes that are killed, for good, and ``resume`` in a process that knows nothing of them.

Nobody waits for leases to run out: that a process is gone is seen from its id.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from passlib.handlers.pbkdf2 import pbkdf2_sha256

from provisioner.core.model import AccountState, OperationState, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.kannel import wait_until
from provisioner_sms.simulator import SmsSimulator
from tests.faults.victims import DIRECTORIES, Place, Stage, Victims, at_work

pytestmark = pytest.mark.slow

#: How often the journal is written for a rotation or a handover on two targets.
WRITES = 5

#: What is killed at random instants: so many processes, of which so many are alive at once, with so many between two
#: looks at what they left.
KILLS, ALIVE, BATCH = 200, 4, 20

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)

KEY = "key-of-the-phones"
UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}") for n in range(8)]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in range(9)]
LOGINS = [unit.login or "" for unit in UNITS]
#: Who holds no account.
SUCCESSOR = PERSONS[-1]


class Scene(Stage):
    """Targets in files."""

    def passwords(self, login: str, mobile: str | None = None) -> list[str]:
        """Return what was sent about an account, to one phone or to all, the oldest first."""
        return [one.password for one in self.phones.inbox(mobile) if f"{login}@" in one.text]

    def valid(self, login: str) -> list[list[str]]:
        """Return, for each target, which of the passwords that were ever sent log in."""
        sent = self.passwords(login)
        hashes = [hash_in(self.folder / name, login) for name in DIRECTORIES]
        return [[one for one in sent if pbkdf2_sha256.verify(one, hashed)] for hashed in hashes]

    def check(self) -> None:
        """Check what must be true when nothing is left to do."""
        with self.store() as store:
            accounts = store.accounts.get_many(LOGINS)
            assert not store.operations.unended(LOGINS)
            assert all(operation.state.ended for operation in store.operations.find())
            assert store.audit_log.verify_chain() is None
            persons = store.persons.get_many({account.holder or "" for account in accounts.values()})
        for login, account in accounts.items():
            assert account.state is AccountState.OPEN
            last = self.passwords(login, persons[account.holder or ""].mobile)[-1]
            assert self.valid(login) == [[last], [last]]

    def check_secrecy(self) -> None:
        """See that no password is in any file but the phones'."""
        written = b"".join(file.read_bytes() for file in self.folder.iterdir())
        assert not any(password.encode() in written for login in LOGINS for password in self.passwords(login))


def hash_in(file: Path, login: str) -> str:
    with closing(sqlite3.connect(file)) as connection:
        row = connection.execute("SELECT hash FROM entries WHERE login = ? AND enabled", [login]).fetchone()
    return str(row[0])


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Iterator[Scene]:
    """Yield a scene in which all accounts are open."""
    folder = tmp_path / "work"
    folder.mkdir()
    with ExitStack() as stack:
        phones = SmsSimulator.start(tmp_path / "phones.sqlite", api_key=Secret(KEY))
        stack.callback(phones.stop)
        place = Place(folder=str(folder), url=phones.url, api_key=KEY)
        with place.harness() as harness:
            harness.know(units=UNITS, persons=PERSONS)
            opened = harness.open([unit.code for unit in UNITS])
            assert {one.state for one in opened} == {OperationState.DONE}
        yield Scene(folder, phones, stack.enter_context(Victims.at(place)), LOGINS)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["rotate", "handover"])
def test_killed_at_any_write_it_is_brought_to_its_end(scene: Scene, kind: str, *, after: bool) -> None:
    login, persons = LOGINS[0], itertools.cycle([SUCCESSOR, PERSONS[0]])
    for write in itertools.count(1):
        heir = next(persons)
        before = len(scene.passwords(login))
        pid = scene.victims.start(kind, login=login, to=heir.id, write=write, after=after)
        code = scene.victims.wait(pid)
        if code == 0:
            break
        assert code == -signal.SIGKILL, scene.output()
        scene.resume()
        scene.check()
        planned = write > 1 or after
        assert (len(scene.passwords(login)) > before) == planned
        if not planned:
            next(persons)
        elif kind == "handover":
            with scene.store() as store:
                assert store.accounts.get_many([login])[login].holder == heir.id

    assert write == WRITES + 1
    scene.check()
    scene.check_secrecy()


def test_killed_at_random_instants_among_others_it_is_brought_to_its_end(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every account has one valid password in the end, the last one that was sent to the person who holds it."""
    print(f"seed {SEED}")
    numbers = random.Random(SEED)  # noqa: S311 - to be repeatable
    persons = [person.id for person in PERSONS]
    for _ in range(KILLS // BATCH):
        alive: list[int] = []
        for killed in range(BATCH):
            while len(alive) < min(ALIVE, BATCH - killed):
                alive.append(scene.victims.start("work", logins=LOGINS, persons=persons, seed=numbers.randrange(10**9)))
            pid = alive.pop(numbers.randrange(len(alive)))
            wait_until(at_work(scene.folder, pid).exists)
            time.sleep(numbers.uniform(0, 0.15))
            os.kill(pid, signal.SIGKILL)
            assert scene.victims.wait(pid) == -signal.SIGKILL, scene.output()
        scene.resume()
        scene.check()
    scene.check_secrecy()
    with scene.store() as store:
        tries = [operation.tries for operation in store.operations.find()]
    with capsys.disabled():
        print(f"\n{KILLS} kills in {len(tries)} operations, {sum(n > 1 for n in tries)} resumed, seed {SEED}")
    assert sum(n > 1 for n in tries) > KILLS / 50
