"""A real OpenID provider: oidc-provider (MIT), which npm brings in the versions of a file with hashes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

FOLDER = Path(__file__).parent / "provider"

CLIENT_ID, SECRET = "console", "a secret of tests + / % : 7"


def install(folder: Path) -> None:
    """Install the provider in a folder; without npm, skip the test, except in CI."""
    npm = shutil.which("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FOLDER / name, folder)
    command = [npm or "npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    if npm is None or subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=240).returncode:
        assert not os.environ.get("CI"), "npm is missing, or can't load oidc-provider"
        pytest.skip("npm is missing, or can't load oidc-provider")


@attrs.define(eq=False)
class RealProvider:
    """A running provider."""

    issuer: str
    _process: subprocess.Popen[str]

    def register(self, console: str) -> None:
        """Let people come back to the console at this address."""
        self._order({"console": console})

    def rotate_key(self) -> None:
        """Sign with a new key from now on, and forget the one before."""
        self._order({"rotate": True})

    def _order(self, order: dict[str, object]) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        assert "done\n" in iter(self._process.stdout.readline, ""), "it has ended"


@contextmanager
def running(installed: Path) -> Iterator[RealProvider]:
    """Run the provider that is installed in a folder."""
    command = ["node", str(FOLDER / "provider.mjs"), str(installed)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        yield RealProvider(json.loads(process.stdout.readline())["issuer"], process)
        process.kill()
