"""Runs commands of the product that serve something on this machine."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

from provisioner import files
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.text import Lines
from provisioner.testing.ports import free_ports, is_open

#: How long a service may take to listen, in seconds.
PATIENCE = 30.0


@attrs.frozen(kw_only=True)
class DemoService:
    """One command that serves, on a port of its own and for those who know its key.

    Args:

        name: A short name, for files.

        command: What comes after ``provisioner``.

        folder: Where its files go.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    port: int = attrs.field(factory=lambda: free_ports(1)[0], init=False)
    key: str = attrs.field(factory=lambda: secrets.token_urlsafe(24), init=False, repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / f"{self.name}.log"

    @property
    def key_file(self) -> Path:
        """Where its key is, for nobody else to read."""
        return self.folder / f"{self.name}.key"

    @contextmanager
    def started(self, config: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run it until the end of the block. It may not listen yet.

        Args:

            config: The configuration that names the plug-in with the command.
        """
        files.write(self.key_file, self.key)
        files.reserve(self.log)
        options = ["--port", str(self.port), "--api-key", f"file:{self.key_file.absolute()}"]
        arguments = [sys.executable, "-m", "provisioner", "--config", str(config), *self.command, *options]
        with self.log.open("wb") as log, subprocess.Popen(arguments, stdout=log, stderr=log) as process:
            try:
                yield process
            finally:
                process.terminate()

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it listens.

        Raises:

            ConfigurationError: It ended, or took too long.
        """
        deadline = time.monotonic() + PATIENCE
        while not is_open(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                output = self.log.read_text(encoding="utf-8", errors="replace").strip()
                said = Lines.of(output.split("\n"))
                raise ConfigurationError("{service} does not start: {output}", service=self.name, output=said)
            time.sleep(0.02)


@contextmanager
def running(services: Sequence[DemoService], config: Path) -> Iterator[None]:
    """Run all of them until the end of the block; all listen when it begins.

    Args:

        services: Whom to run.

        config: The configuration that names the plug-ins with their commands.

    Raises:

        ConfigurationError: One of them does not start.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(service.started(config)) for service in services]
        for one, process in zip(services, processes, strict=True):
            one.wait(process)
        yield
