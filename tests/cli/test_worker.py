"""A worker as a real process: it does what is due, ends between two steps, and loses nothing if it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from provisioner.core.model import Operation, OperationKind
from provisioner.core.model.routines import Routine
from provisioner.store import Store
from tests.cli.conftest import MANY_UNITS, PERSONS, Office
from tests.cli.held_phones import PATIENCE, HeldPhones

WORKER = """\
[worker]
look_every_seconds = 1
listen = "127.0.0.1:0"
"""


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ('sweep_at = ["7:15"]', "sweep_at"),
        ('sweep_at = ["24:00"]', "sweep_at"),
        ('reconcile_at = [""]', "reconcile_at"),
        ("sweep_every_minutes = 0", "sweep_every_minutes"),
        ('listen = "8461"', "listen"),
        ('listen = "127.0.0.1:65536"', "listen"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_runs(office: Office, setting: str, key: str) -> None:
    with office.config.open("a") as file:
        file.write(f"[worker]\n{setting}\n")

    answer = office.type("worker")

    assert (answer.code, key in answer.err) == (2, True)


def test_an_address_that_cannot_be_used_is_told(office: Office) -> None:
    answer = office.type("worker", "--listen", "192.0.2.1:8461")

    assert answer.code == 2
    assert "cannot answer about the health on 192.0.2.1:8461" in answer.err
    assert "--listen" in answer.err


@pytest.fixture(name="phones")
def _phones() -> Iterator[HeldPhones]:
    with HeldPhones.running() as phones:
        yield phones


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, phones: HeldPhones) -> Path:
    (tmp_path / "provisioner.toml").write_text(phones.configuration + WORKER)
    with Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}") as store:
        store.persons.save(PERSONS)
        store.units.save(MANY_UNITS)
    return tmp_path


def command(folder: Path, *args: str) -> list[str]:
    program = [sys.executable, "-m", "provisioner", "--config", str(folder / "provisioner.toml"), "--json"]
    return ["env", "--default-signal", *program, *args]


@contextmanager
def working(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a worker, and yield it with its address when it is ready."""
    process = subprocess.Popen(command(folder, "worker"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


@contextmanager
def reading(folder: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{folder / 'provisioner.sqlite'}") as store:
        yield store


def operations(folder: Path) -> list[Operation]:
    with reading(folder) as store:
        return list(store.operations.find())


def states(folder: Path) -> set[str]:
    return {operation.state.value for operation in operations(folder)}


def plan(folder: Path, phones: HeldPhones) -> None:
    """Plan to open all units, and let nothing of it be done but the first account."""
    process = subprocess.Popen(command(folder, "unit", "open", *(unit.code for unit in MANY_UNITS)))
    phones.wait()
    wait_for(lambda: any(operation.state.ended for operation in operations(folder)))
    process.kill()
    process.wait()
    phones.release()
    assert len(operations(folder)) == len(MANY_UNITS)
    assert states(folder) != {"done"}


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def health(url: str, path: str = "/healthz") -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(f"{url}{path}", timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
def test_a_worker_finishes_what_was_left_and_ends_with_success(folder: Path, phones: HeldPhones) -> None:
    plan(folder, phones)
    with working(folder) as (process, url):
        wait_for(lambda: states(folder) == {"done"})
        wait_for(lambda: health(url)[1]["routines"].get("sweep", {}).get("state") == "done")
        assert health(url, "/readyz") == (200, {"status": "ok"})
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, "Traceback" in err) == (0, False)
    with reading(folder) as store:
        assert Routine.SWEEP in store.routines.last()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_ends_in_the_middle_of_operations_loses_none(
    folder: Path, phones: HeldPhones, number: signal.Signals
) -> None:
    plan(folder, phones)
    phones.hold(after=2)
    with working(folder) as (process, _):
        phones.wait()
        process.send_signal(number)
        if number is signal.SIGTERM:
            assert process.stderr
            while "stopping between two steps" not in (line := process.stderr.readline()):
                assert line, "the worker ended without a word"
        phones.release()
        _, err = process.communicate(timeout=PATIENCE)
    left = [operation for operation in operations(folder) if not operation.state.ended]
    assert left
    if number is signal.SIGTERM:
        assert (process.returncode, "Traceback" in err) == (0, False)
        assert all(step.outcome for operation in left for step in operation.steps if operation.tries)

    with working(folder):
        wait_for(lambda: states(folder) == {"done"})

    assert {operation.kind for operation in operations(folder)} == {OperationKind.CREATE}


@pytest.mark.slow
def test_two_workers_on_one_store_share_the_work(folder: Path, phones: HeldPhones) -> None:
    """Each account gets one password, and one of them goes on when the other one is killed."""
    plan(folder, phones)
    with ExitStack() as both:
        (first, _), (second, url) = (both.enter_context(working(folder)) for _ in range(2))
        wait_for(lambda: health(url)[1]["routines"] != {} or states(folder) == {"done"})
        first.kill()
        wait_for(lambda: states(folder) == {"done"})
        assert second.poll() is None

    logins = [operation.login for operation in operations(folder)]
    assert len(logins) == len(set(logins)) == len(MANY_UNITS)
