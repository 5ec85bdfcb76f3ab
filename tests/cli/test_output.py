"""What a person sees on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.core.model import Person, Unit
from tests.cli.conftest import UNITS, Office

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("command", [("unit", "list"), ("account", "list")])
def test_a_drawn_table_obeys_nothing_that_others_wrote(config: Path, office: Office, command: tuple[str, str]) -> None:
    """A name from a list would turn a line around, clear the screen or add a row."""
    with office.open() as store:
        store.units.save(
            [Unit(code="tem", name="B\u202e\x1b[2J\x9b\nrow", kind="office", login="tem46", custodian="1001")]
        )
        store.persons.save([Person(id="1001", name="A\u202e\x1b[2J\x9b\nrow", mobile="+905321234599")])
    if command[0] == "account":
        assert office.type("unit", "open", "tem").code == 0

    shown = on_terminal(config, *command)

    assert "tem" in shown
    assert [one for one in ("\u202e", "\x1b[2J", "\x9b", "\nrow") if one in shown] == []


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


@pytest.mark.parametrize(
    "streams", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", "| true", "2>&1 >/dev/null | true"]
)
def test_a_stream_that_is_closed_or_full_changes_nothing_else(config: Path, office: Office, streams: str) -> None:
    """A closed one would otherwise lend its number to the store, and what is written to it would go there."""
    command = f'set -o pipefail; "$0" -m provisioner -v --config "$1" --json unit open il-mem ar-ge {streams}'

    result = subprocess.run(["bash", "-c", command, sys.executable, config], capture_output=True, text=True, check=True)

    assert not result.stdout or set(json.loads(result.stdout)) == {"operations", "unchanged"}
    assert set(office.states().values()) == {"open"}
    with office.open() as store:
        assert store.audit_log.verify_chain() is None


@pytest.mark.parametrize("arguments", ["--help", "--version", "unit list", "unit open"])
def test_a_full_stdout_is_no_defect(config: Path, arguments: str) -> None:
    command = f'"$0" -m provisioner --config "$1" {arguments} >/dev/full'

    result = subprocess.run(
        ["bash", "-c", command, sys.executable, config], capture_output=True, text=True, check=False
    )

    assert result.returncode == (2 if arguments == "unit open" else 0)
    assert "defect" not in result.stderr
