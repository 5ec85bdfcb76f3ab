"""Runs commands, and scripts that run commands, in processes of their own against a written configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

#: How long one command or script may take, in seconds.
TIME_LIMIT = 120.0


@attrs.frozen(kw_only=True)
class CommandLine:
    """A folder with a configuration, and the commands that use it.

    Nothing is shared with the test but the configured services: each command is a process, as in production.
    """

    #: Where commands and scripts start; ``provisioner.toml`` and the store are in it.
    folder: Path

    def run(self, *arguments: str, actor: str | None = None, exit_code: int | None = 0) -> str:
        """Run ``provisioner ARGUMENTS`` and return what it writes to stdout.

        Args:

            arguments: What follows ``provisioner``.

            actor: The id of the person who acts.

            exit_code: What it must end with; ``None`` if anything will do.

        Raises:

            AssertionError: It ended with another code; the message has what it wrote.
        """
        options = ("--actor", actor) if actor else ()
        command = (sys.executable, "-m", "provisioner", *options, *arguments)
        return self._finished(command, exit_code)

    def json(self, *arguments: str, actor: str | None = None, exit_code: int | None = 0) -> Any:
        """Run ``provisioner --json ARGUMENTS`` and return the document; see :meth:`run`."""
        return json.loads(self.run("--json", *arguments, actor=actor, exit_code=exit_code))

    def script(self, file: Path, *arguments: str, exit_code: int | None = 0) -> str:
        """Run a script of yours that calls ``provisioner``, and return what it writes to stdout.

        Args:

            file: The script: Python if it ends in ``.py``, and otherwise a program.

            arguments: What it is given.

            exit_code: What it must end with; ``None`` if anything will do.

        Raises:

            AssertionError: It ended with another code; the message has what it wrote.
        """
        interpreter = (sys.executable,) if file.suffix == ".py" else ()
        return self._finished((*interpreter, str(file.resolve()), *arguments), exit_code)

    def _finished(self, command: tuple[str, ...], exit_code: int | None) -> str:
        finished = subprocess.run(  # noqa: PLW1510 - the code is compared below
            command, cwd=self.folder, env=self._environment(), capture_output=True, text=True, timeout=TIME_LIMIT
        )
        if exit_code is not None and finished.returncode != exit_code:
            message = (
                f"{' '.join(command[1:])} ended with {finished.returncode}, not {exit_code}:\n"
                f"{finished.stdout}{finished.stderr}"
            )
            raise AssertionError(message)
        return finished.stdout

    def _environment(self) -> Mapping[str, str]:
        """Return the environment of a process in which ``provisioner`` is on the path and finds the configuration."""
        programs = str(Path(sys.executable).parent)
        return {
            **os.environ,
            "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
            "PROVISIONER_CONFIG": str(self.folder / "provisioner.toml"),
        }
