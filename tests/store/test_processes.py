"""Many processes, and processes that are killed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.core.model import OperationState
from provisioner.store import Store
from tests.planted import plant

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent

#: Carries out operations one after the other in some threads, and says which submissions are durable.
WORKER = """
import sys, threading
from conftest import Story
from provisioner.store import Store
url, name, threads, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = Store.open(url)

def live(thread):
    for number in range(count):
        login = f"{name}-{thread}-{number}"
        for done, submission in enumerate(Story(login).submissions(), start=1):
            store.write(*submission)
            sys.stdout.write(f"{login} {done}\\n")

workers = [threading.Thread(target=live, args=(thread,)) for thread in range(threads)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
store.close()
"""

#: How many events the four submissions of an operation have.
EVENTS = [1, 2, 2, 2]


def work(url: str, name: str, *, threads: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", WORKER, url, name, str(threads), str(count)],
        env=os.environ | {"PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_write_at_once_lose_nothing(store: Store, url: str) -> None:
    """Deferred transactions would fail here with "database is locked", whatever the timeout."""
    processes = [work(url, f"p{number}", threads=3, count=8) for number in range(4)]

    outputs = [process.communicate(timeout=300) for process in processes]

    assert [errors for _, errors in outputs] == [""] * 4
    assert store.operations.count() == {OperationState.DONE: 4 * 3 * 8}
    assert len(list(store.audit_log.entries())) == 4 * 3 * 8 * sum(EVENTS)
    assert store.audit_log.verify_chain() is None


def test_killed_process_leaves_whole_submissions_and_a_whole_chain(url: str, tmp_path: Path) -> None:
    """What a caller was told is durable is there; every submission is there with all its events, or not at all."""
    with Store.create(url) as store:
        plant(url)
    told: Counter[str] = Counter()
    for number, submissions in enumerate([1, 7, 30, 90]):
        with work(url, f"p{number}", threads=4, count=10_000) as process:
            assert process.stdout
            assert process.stderr
            told.update(process.stdout.readline().split()[0] for _ in range(submissions))
            process.kill()
            told.update(line.split()[0] for line in process.stdout if line.endswith("\n"))
            assert process.stderr.read() == ""

        if url.startswith("sqlite"):
            with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    with Store.open(url) as store:
        assert store.audit_log.verify_chain() is None
        stored: dict[str, int] = defaultdict(int)
        for entry in store.audit_log.entries():
            stored[entry.login] += 1
    whole = {sum(EVENTS[:submissions]) for submissions in range(1, 5)}
    assert set(stored.values()) <= whole
    assert all(stored[login] >= sum(EVENTS[:submissions]) for login, submissions in told.items())
    assert told.total() >= 1 + 7 + 30 + 90


def test_what_a_killed_process_left_is_driven_on(store: Store, url: str) -> None:
    with work(url, "p", threads=4, count=10_000) as process:
        assert process.stdout
        for _ in range(50):
            process.stdout.readline()
        process.kill()

    left = list(store.operations.resumable(store.operations.find().__next__().created_at))

    assert 1 <= len(left) <= 4
    assert {operation.state for operation in left} <= {OperationState.PLANNED, OperationState.RUNNING}
