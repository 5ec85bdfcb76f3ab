"""A process that is killed in the middle of opening the whole list, and ``provisioner resume`` after it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import attrs
import pytest

from provisioner.core.model import AccountState, TargetState
from provisioner.store import Store
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from provisioner_sms.simulator import SmsSimulator
from tests.acceptance.province import UNITS, Entrance, Province, password_in, persons
from tests.forks import ForkServer

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd")]

#: How often the process is killed. Each time at another part of the run, at a random event of that part.
POINTS = 32

#: How many runs go on at once.
LANES = 2

#: How long a run may take to come to its point, in seconds.
PATIENCE = 60

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)


@attrs.frozen(kw_only=True)
class Scene:
    """A province whose services outlive the processes that use them."""

    province: Province
    pys: PysMock
    sms: SmsSimulator
    entrance: Entrance
    forks: ForkServer

    @contextmanager
    def counting(self) -> Iterator[Callable[[], int]]:
        """Yield what tells how much the journal holds more by now."""
        with closing(sqlite3.connect(f"file:{self.province.store}?mode=ro", uri=True)) as connection:
            [before] = connection.execute("SELECT max(seq) FROM events").fetchone()
            yield lambda: connection.execute("SELECT max(seq) FROM events").fetchone()[0] - before

    def open_and_kill(self, event: int, pause: float) -> bool:
        """Open the list, and kill the process a moment after an event is in the journal. False if it was too late."""
        with self.counting() as count:
            pid = self.forks.start(self.province.folder, "unit", "open", str(UNITS))
            deadline = time.monotonic() + PATIENCE
            while count() < event and time.monotonic() < deadline:
                time.sleep(0.003)
        time.sleep(pause)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.forks.wait() == -signal.SIGKILL

    def resume(self) -> None:
        """Drive everything on, as an administrator would."""
        codes: list[int] = []
        while 0 not in codes and len(codes) < 5:
            self.forks.start(self.province.folder, "resume")
            codes.append(self.forks.wait())
        assert codes[-1] == 0, codes

    def passwords(self) -> dict[str, list[str]]:
        """What each phone received, by login, the oldest first."""
        numbers = self.province.numbers
        return {login: [password_in(one.text) for one in self.sms.inbox(number)] for login, number in numbers.items()}

    def accepted(self, login: str, password: str) -> set[str]:
        """The systems where the password logs in."""
        doors = {"directory": self.entrance.logs_in, "pys": self.pys.logs_in}
        return {name for name, logs_in in doors.items() if logs_in(login, password)}


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nothing in it but the units, to be copied."""
    province = Province(folder=tmp_path_factory.mktemp("made"), targets={}, channel={"plugin": "memory"})
    assert province.run("init").code == 0
    assert province.run("unit", "import", str(UNITS)).code == 0
    return province.store


@attrs.frozen
class Lane:
    """What one run after the other uses."""

    directory: Slapd
    forks: ForkServer


@pytest.fixture(name="lanes", scope="module")
def _lanes() -> Iterator[SimpleQueue[Lane]]:
    """Lanes that are free to use."""
    lanes: SimpleQueue[Lane] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(LANES):
            lanes.put(Lane(stack.enter_context(Slapd()), stack.enter_context(ForkServer.running())))
        yield lanes


@pytest.fixture(name="total", scope="module")
def _total(made: Path, lanes: SimpleQueue[Lane], tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many events there are when nothing goes wrong."""
    with _scene(made, lanes, tmp_path_factory.mktemp("whole")) as scene, scene.counting() as count:
        assert scene.province.run("unit", "open", str(UNITS)).code == 0
        return count()


@contextmanager
def _scene(made: Path, lanes: SimpleQueue[Lane], folder: Path) -> Iterator[Scene]:
    """Yield one scene, with nothing in it but the list of people."""
    lane = lanes.get()
    try:
        with (
            PysMock.running(people=persons()) as pys,
            SmsSimulator.running() as sms,
            Entrance.to(lane.directory) as entrance,
        ):
            entrance.clear()
            targets = {"directory": {"plugin": "ldap", **lane.directory.config}, "pys": pys.settings()}
            province = Province(folder=folder, targets=targets, channel=sms.settings())
            shutil.copy(made, province.store)
            yield Scene(province=province, pys=pys, sms=sms, entrance=entrance, forks=lane.forks)
    finally:
        lanes.put(lane)


@attrs.frozen(kw_only=True)
class Outcome:
    """What one crash left, and what came of it."""

    killed: bool
    #: How many accounts were open when the process was gone.
    open_at_crash: int
    #: What is not as it should be in the end.
    wrong: Sequence[str]


def _crash(scene: Scene, event: int, pause: float) -> Outcome:
    killed = scene.open_and_kill(event, pause)
    with Store.open(f"sqlite:///{scene.province.store}") as store:
        open_at_crash = store.accounts.count().get(AccountState.OPEN, 0)
    scene.resume()
    return Outcome(
        killed=killed,
        open_at_crash=open_at_crash,
        wrong=[*_wrong_in_store(scene), *_wrong_passwords(scene)],
    )


def _wrong_in_store(scene: Scene) -> Iterator[str]:
    with Store.open(f"sqlite:///{scene.province.store}") as store:
        accounts = {account.login: account for account in store.accounts.find()}
        everywhere = dict.fromkeys(scene.province.targets, TargetState.OPEN)
        for login in scene.province.numbers:
            if login not in accounts or accounts[login].state is not AccountState.OPEN:
                yield f"{login} is not open"
            if store.accounts.target_states(login) != everywhere:
                yield f"{login}: {store.accounts.target_states(login)}"
        yield from (f"{login} has work left" for login in store.operations.unended(accounts))
        if (broken := store.audit_log.verify_chain()) is not None:
            yield f"the audit log is broken at {broken}"


def _wrong_passwords(scene: Scene) -> Iterator[str]:
    everywhere = set(scene.province.targets)
    for login, received in scene.passwords().items():
        if not received:
            yield f"{login} received nothing"
            continue
        *earlier, last = received
        if scene.accepted(login, last) != everywhere:
            yield f"{login}: the last password logs in at {scene.accepted(login, last) or 'no system'}"
        yield from (f"{login}: an earlier password logs in" for one in earlier if scene.accepted(login, one))


def test_killed_anywhere_it_resumes_to_one_valid_password_each(
    made: Path, lanes: SimpleQueue[Lane], total: int, tmp_path: Path, record_testsuite_property: Any
) -> None:
    """Every account is open on every system with exactly one valid password, the last one that was sent."""
    numbers = random.Random(SEED)  # noqa: S311 - to be repeatable
    record_testsuite_property("crash_seed", SEED)
    parts = [total * 0.95 * part / POINTS for part in range(POINTS + 1)]
    points = [(1 + int(numbers.uniform(low, high)), numbers.uniform(0, 0.02)) for low, high in pairwise(parts)]

    def crash(number: int) -> Outcome:
        # Two points may be at the same event: a folder is named by the number of the point.
        with _scene(made, lanes, tmp_path / str(number)) as scene:
            return _crash(scene, *points[number])

    with ThreadPoolExecutor(LANES) as pool:
        outcomes = dict(zip(points, pool.map(crash, range(POINTS)), strict=True))

    wrong = {point: outcome.wrong for point, outcome in outcomes.items() if outcome.wrong}
    assert not wrong, f"seed {SEED}"
    # A run that ends before the signal reaches it proves nothing, and is no fault.
    assert sum(outcome.killed for outcome in outcomes.values()) >= POINTS * 3 / 4, f"seed {SEED}"
    assert {outcome.open_at_crash > 0 for outcome in outcomes.values()} == {True, False}, f"seed {SEED}"
