"""Examples of plug-ins in a folder, installed as strangers install them, and programs that find them there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from zipfile import ZipFile

import attrs

from provisioner_sms.simulator import Inbox

EXAMPLES = Path(__file__).parents[1] / "examples"


@attrs.frozen
class ExampleSite:
    """A folder in which examples are installed."""

    folder: Path

    @classmethod
    def with_examples(cls, folder: Path, *names: str) -> Self:
        """Build the wheels of these examples, and unpack them in a folder."""
        for name in names:
            wheels = folder / "wheels" / name
            command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels)]
            subprocess.run(command, cwd=EXAMPLES / name, check=True, capture_output=True)
            [wheel] = wheels.glob("*.whl")
            ZipFile(wheel).extractall(folder)
        return cls(folder)

    def run(self, folder: Path, module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a module as a program, for example ``pytest``, in a folder and to its end."""
        command = [sys.executable, "-m", module, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)

    def answer(self, folder: Path, *arguments: object, code: int = 0) -> Any:
        """Run a command of the product in a folder, and return its document."""
        done = self.run(folder, "provisioner", "--json", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)


def passwords(phones: Path, number: str) -> list[str]:
    """Return the passwords that the phone with this number received, the oldest first."""
    found = []
    for message in Inbox(phones).messages(number):
        with suppress(LookupError):  # a notice has none
            found.append(message.password)
    return found
