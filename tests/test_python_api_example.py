"""The example of the Python API works as its README says, and needs nothing else."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "examples" / "python-api"
SCRIPT = EXAMPLE / "first_week.py"


@pytest.fixture(name="config", scope="module")
def _config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(EXAMPLE / "provisioner.toml", tmp_path_factory.mktemp("office")))


@pytest.fixture(name="done", scope="module")
def _done(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(SCRIPT), str(config)]
    return subprocess.run(command, cwd=config.parent, check=False, capture_output=True, text=True)


def test_does_all_three_steps(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stdout.splitlines()[-4:]) == (
        0,
        [
            "open_accounts: 2 done",
            "renew: 1 done",
            "hand_over: 1 done",
            "arge46@meb.gov.tr belongs to 1004",
        ],
    ), done.stderr


def test_is_in_the_audit_log_with_who_did_what(done: subprocess.CompletedProcess[str], config: Path) -> None:
    """What a script does is no less recorded than what a command does."""
    command = [sys.executable, "-m", "provisioner", "--config", config, "--actor", "9000", "--json", "audit", "list"]
    found = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)

    events = [item["event"] for item in json.loads(found.stdout)["items"]]
    by_kind = {event["kind"]: event["actor"] for event in events}
    assert done.returncode == 0
    assert (by_kind["request_submitted"], by_kind["request_approved"]) == ("1002", "1001")
    assert [event["actor"] for event in events if event["kind"] == "operation_ended"] == [
        "9000",
        "9000",
        "1003",
        "9000",
    ]


def test_imports_the_public_names_alone() -> None:
    """A deeper import would show that the API lacks something."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert modules == {"__future__", "pathlib", "provisioner"}
