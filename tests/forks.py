"""Runs command lines in processes that have the product imported already, so that many can be started quickly.

Run as a program, it reads one order after the other from its standard input and forks a process for each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO, Self

import attrs

#: Where the output of a command goes.
STDOUT, STDERR = "stdout.txt", "stderr.txt"

#: What a command that changes accounts would import anyway.
IMPORTED = (
    "provisioner.cli.root",
    "provisioner.cli.commands.runs",
    "provisioner.cli.commands.units",
    "provisioner.services.credentials",
    "provisioner_ldap.directory",
    "provisioner_pys.connection",
    "provisioner_sms.plugin",
    "provisioner_sms.simulator",
    "provisioner_sms.simulator_gateway",
)


@attrs.frozen
class ForkServer:
    """Runs one command line at a time."""

    _orders: IO[str]
    _answers: IO[str]

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Be there for the length of the block."""
        command = [sys.executable, "-W", "ignore", __file__]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            yield cls(process.stdin, process.stdout)
            process.stdin.close()

    def start(
        self, folder: Path, *arguments: str, die_at: int = 0, within: Sequence[str] = (), functions: Sequence[str] = ()
    ) -> int:
        """Start a command in a folder, and return the process id. Its output goes to two files there, again.

        Args:

            folder: The folder.

            arguments: The arguments of the command.

            die_at: At which call or return of a function it kills itself.

            within: The modules in which calls and returns count.

            functions: The names of the functions whose calls and returns count, there and called from there.
        """
        watched = {"die_at": die_at, "within": within, "functions": functions}
        order = {"folder": str(folder), "arguments": arguments, **watched}
        print(json.dumps(order), file=self._orders, flush=True)
        return int(self._answers.readline())

    def run(self, folder: Path, *arguments: str) -> tuple[int, str, str]:
        """Run a command in a folder to its end, and return the exit code and the output."""
        self.start(folder, *arguments)
        code = self.wait()
        return code, (folder / STDOUT).read_text(encoding="utf-8"), (folder / STDERR).read_text(encoding="utf-8")

    def wait(self) -> int:
        """Wait for its end, and return the exit code; negative if a signal killed it."""
        return int(self._answers.readline())


def _serve() -> None:
    for module in IMPORTED:
        import_module(module)
    from provisioner.cli.root import root

    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.chdir(order["folder"])
            for stream, name in ((0, os.devnull), (1, STDOUT), (2, STDERR)):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
            if order["die_at"]:
                _die_at(order["die_at"], frozenset(order["within"]), frozenset(order["functions"]))
            root.main(order["arguments"])
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _die_at(number: int, modules: frozenset[str], functions: frozenset[str]) -> None:
    """Let this process kill itself at the n-th call or return of some functions in some modules."""
    left = number

    def count(frame: FrameType, event: str, function: object) -> None:
        nonlocal left
        name = getattr(function, "__name__", "") if event.startswith("c_") else frame.f_code.co_name
        if name in functions and frame.f_globals.get("__name__") in modules:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


if __name__ == "__main__":
    _serve()
