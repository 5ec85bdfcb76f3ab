"""Signals to a real process, in the middle of a real run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.cli.signals import stop_between_steps
from provisioner.core.model import Operation
from provisioner.store import Store
from tests.cli.conftest import MANY_UNITS, ONE_BY_ONE, PERSONS
from tests.cli.held_phones import PATIENCE, HeldPhones

pytestmark = pytest.mark.slow


#: A signal that is ignored where the tests run would be ignored in the program, too.
UNIGNORED = ("env", "--default-signal")


@pytest.fixture(name="phones")
def _phones() -> Iterator[HeldPhones]:
    """Let no program come further than to its second message before a test says so."""
    with HeldPhones.running() as phones:
        yield phones


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, phones: HeldPhones) -> Path:
    (tmp_path / "provisioner.toml").write_text(phones.configuration)
    with Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}") as store:
        store.persons.save(PERSONS)
        store.units.save(MANY_UNITS)
    return tmp_path


@contextmanager
def running(folder: Path, phones: HeldPhones, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Start to open all units, and yield the process when it waits in the middle."""
    command = [*UNIGNORED, *prefix, *_command(folder, "unit", "open", *(unit.code for unit in MANY_UNITS))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        phones.wait()
        yield process
    finally:
        process.kill()
        process.communicate()


def _command(folder: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "provisioner", "--config", str(folder / "provisioner.toml"), "--json", *args]


def _operations(folder: Path) -> list[Operation]:
    with Store.open(f"sqlite:///{folder / 'provisioner.sqlite'}") as store:
        return list(store.operations.find())


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_between_two_steps(folder: Path, phones: HeldPhones, number: signal.Signals) -> None:
    """No step is left in the middle, what is left is said and kept, and ``resume`` finishes it."""
    with running(folder, phones) as process:
        process.send_signal(number)
        _expect_stopping(process)
        if number is signal.SIGHUP:
            process.send_signal(number)  # the terminal and the shell in it both send one
        phones.release()
        out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 4
    assert "stopping between two steps" not in err, "it says it once"
    assert "Traceback" not in err
    states = [load["state"] for load in json.loads(out)["operations"]]
    assert len(states) == len(MANY_UNITS)
    assert "planned" in states
    assert {operation.state.value for operation in _operations(folder)} <= {"done", "planned", "incomplete"}
    assert all(step.outcome for operation in _operations(folder) for step in operation.steps if operation.tries)

    resumed = subprocess.run(_command(folder, "resume"), capture_output=True, text=True, check=False)

    assert resumed.returncode == 0, resumed.stdout
    assert {operation.state.value for operation in _operations(folder)} == {"done"}


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGTERM), (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_ends_the_program_at_once(folder: Path, numbers: tuple[signal.Signals, ...]) -> None:
    """A server that does not answer must not hold the program against the will of the person who started it."""
    with socket.create_server(("127.0.0.1", 0)) as server, _waiting_for(server, folder) as process:
        server.settimeout(PATIENCE)
        connection, _ = server.accept()
        with connection:
            connection.recv(1)  # the program has sent its request, and waits
            *first, last = numbers
            for number in first:
                process.send_signal(number)
            _expect_stopping(process)
            _wait_for(lambda: not _catches(process, last))
            assert process.poll() is None
            process.send_signal(last)
            assert process.wait(timeout=PATIENCE) == -last


def test_a_signal_that_reaches_another_thread_is_noticed_while_the_main_one_waits() -> None:
    noticed: list[bool] = []

    with stop_between_steps("stopping") as stop:

        def signalled() -> None:
            time.sleep(0.2)  # until the main thread waits
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            noticed.append(stop.wait(PATIENCE))

        thread = threading.Thread(target=signalled)
        thread.start()
        thread.join()

    assert noticed == [True]


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM])
def test_a_late_second_hang_up_does_not_keep_the_result_from_being_written(first: signal.Signals) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with stop_between_steps("stopping"):
        pass
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL

    with stop_between_steps("stopping"):
        signal.raise_signal(first)

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def _expect_stopping(process: subprocess.Popen[str]) -> None:
    """Wait until the program says that it stops."""
    assert process.stderr is not None
    assert process.stderr.readline() == "\n"
    assert "stopping between two steps" in process.stderr.readline()


def _catches(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether the program has a handler for a signal at this moment."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@contextmanager
def _waiting_for(server: socket.socket, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command that asks a directory which takes connections and never answers."""
    settings = f"""plugin = "ldap"
urls = ["ldap://127.0.0.1:{server.getsockname()[1]}"]
tls = "none"
bind_dn = "cn=provisioner,dc=test"
bind_password = "env:PASSWORD"
base_dn = "dc=test"
timeout = 600
"""
    local = 'plugin = "local"\ndatabase = "directory.sqlite"\n'
    (folder / "provisioner.toml").write_text(ONE_BY_ONE.replace(local, settings))
    command = [*UNIGNORED, *_command(folder, "unit", "open", MANY_UNITS[0].code)]
    environment = {**os.environ, "PASSWORD": "Gizli.1234"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_program_that_was_started_with_nohup_goes_on_when_the_terminal_closes(
    folder: Path, phones: HeldPhones
) -> None:
    with running(folder, phones, "nohup") as process:
        process.send_signal(signal.SIGHUP)
        phones.release()
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 0


def test_a_run_that_was_killed_is_finished_by_resume(folder: Path, phones: HeldPhones) -> None:
    """Nothing can be said after SIGKILL; the journal knows."""
    with running(folder, phones) as process:
        process.kill()
        process.communicate()
    phones.release()

    resumed = subprocess.run(_command(folder, "resume"), capture_output=True, text=True, check=False)

    assert resumed.returncode == 0, resumed.stdout
    assert {operation.state.value for operation in _operations(folder)} == {"done"}


def test_a_signal_before_anything_was_changed_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is not even written down."""
    from provisioner.core.engine.engine import Engine
    from tests.cli.conftest import typed

    monkeypatch.setattr(Engine, "preflight", lambda *_: signal.raise_signal(signal.SIGTERM))
    listing = folder / "units.csv"
    listing.write_text("code,name,kind,login,custodian\nyeni,Yeni,office,yeni46,1001\n")

    answer = typed("--config", folder / "provisioner.toml", "--json", "unit", "open", listing)

    assert answer.code == 4
    assert answer.json["error"]["class"] == "StoppedError"
    assert _operations(folder) == []
