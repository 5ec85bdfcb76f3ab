"""What a person sees on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import UNITS, Office


@pytest.fixture(name="config")
def _config(office: Office) -> Path:
    office.config.write_text(office.config.read_text().replace('"faulty"', '"memory"'))
    return office.config


def on_terminal(config: Path, *args: str) -> str:
    """Run a command whose stdout and stderr are a terminal, and return what it shows."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "provisioner", "--config", str(config), *args]
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # how a terminal ends
        pass
    finally:
        os.close(ours)
    assert process.wait() == 0
    return shown.decode()


def test_tables_are_drawn(config: Path) -> None:
    shown = on_terminal(config, "unit", "list")

    assert "━" in shown
    assert all(unit.code in shown for unit in UNITS)


def test_long_work_shows_a_bar(config: Path) -> None:
    assert "changing accounts" in on_terminal(config, "unit", "open", "il-mem", "ar-ge")


def test_json_stays_pure_beside_the_bar(config: Path) -> None:
    """The bar goes to stderr, so a script that is run by hand gets its document all the same."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "provisioner", "--config", str(config), "--json", "unit", "open", "il-mem"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    os.close(ours)

    assert result.stdout.startswith(b'{"operations": [')
    assert result.stdout.count(b"\n") == 1
