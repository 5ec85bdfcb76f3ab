"""A process that was suspended for longer than its leases ends before it sends what is outdated by then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioner.core.engine.lease_timer import LeaseTimer

#: Holds a lease that nobody renews, and then writes as fast as it can.
HOLDER = """\
import sys
from provisioner.core.api.fencing import elapsed
from provisioner.core.engine.lease_timer import LeaseTimer
with open(sys.argv[1], "ab", buffering=0) as file:
    LeaseTimer().set("me", elapsed() + 2)
    while True:
        file.write(b".")
"""


@pytest.fixture(name="timers")
def _timers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """Return to what the timer of the process was set."""
    timers: list[tuple[int, float]] = []
    monkeypatch.setattr(signal, "setitimer", lambda which, seconds: timers.append((which, seconds)))
    return timers


def test_the_first_lease_of_all_stores_counts(timers: list[tuple[int, float]]) -> None:
    timer = LeaseTimer(clock=lambda: 100.0)

    timer.set("worker", 130.0)
    timer.set("run", 110.0)
    timer.set("run", None)

    assert timers == [(signal.ITIMER_REAL, 30.0), (signal.ITIMER_REAL, 10.0), (signal.ITIMER_REAL, 30.0)]


def test_what_holds_nothing_is_not_ended(timers: list[tuple[int, float]]) -> None:
    timer = LeaseTimer(clock=lambda: 100.0)

    timer.set("run", 110.0)
    timer.set("run", None)

    assert timers[-1] == (signal.ITIMER_REAL, 0.0)


def test_a_lease_that_has_run_out_ends_the_process_at_once(timers: list[tuple[int, float]]) -> None:
    """Zero would turn the timer off."""
    LeaseTimer(clock=lambda: 100.0).set("run", 90.0)

    assert 0 < timers[-1][1] < 0.001


@pytest.mark.slow
def test_a_suspended_process_ends_before_its_next_instruction(tmp_path: Path) -> None:
    file = tmp_path / "written"
    with subprocess.Popen(["env", "--default-signal", sys.executable, "-c", HOLDER, str(file)]) as process:
        while not (file.exists() and file.stat().st_size) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        while process.poll() is None and not alarm_is_pending(process.pid):
            time.sleep(0.01)
        written = file.stat().st_size
        process.send_signal(signal.SIGCONT)

    assert process.returncode == -signal.SIGALRM
    assert file.stat().st_size == written


def alarm_is_pending(pid: int) -> bool:
    """Whether the timer of a stopped process has ended."""
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [pending] = [line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd")]
    return bool(int(pending, 16) & 1 << (signal.SIGALRM - 1))
