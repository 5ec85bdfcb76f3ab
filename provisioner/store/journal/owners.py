"""Who holds a lease: a name for this process, and whether the process behind another name is gone.

The name is ``host/machine/pid/start-time/random``. The machine is the boot and the process namespace: only within
these does a process id mean something. The start time tells a process from a later one with the same id.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC = Path("/proc")


def new_owner() -> str:
    """Return a new name for this process."""
    pid = os.getpid()
    return "/".join((_host(), _machine(), str(pid), _start_time(pid) or "", secrets.token_hex(4)))


def owner_is_gone(owner: str) -> bool:
    """Whether the process with this name has certainly ended. If in doubt, it has not."""
    host, machine, pid, start_time, _ = owner.split("/")
    if not machine or (host, machine) != (_host(), _machine()):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, as another user
    return _start_time(int(pid)) not in {start_time, None}


def _host() -> str:
    return socket.gethostname().replace("/", "")


def _machine() -> str:
    """Return what makes process ids unique, or nothing where the system does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _start_time(pid: int) -> str | None:
    """Return when the process began, in ticks since the boot; empty if it has ended and nobody took note yet.

    ``None`` means that the system does not tell.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may contain anything, even parentheses.
    fields = stat.rpartition(")")[2].split()
    state, start_time = fields[0], fields[19]
    return "" if state in {"Z", "X"} else start_time
