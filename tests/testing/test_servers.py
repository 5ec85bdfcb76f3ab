"""A test of a server that is not there: skipped for a developer, failed where nothing may be left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]

NEEDY = """
import pytest

@pytest.mark.server("kannel")
def test_needs_a_server():
    pass
"""


@pytest.mark.parametrize(("continuous", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_server_is_skipped_by_hand_and_fails_in_ci(tmp_path: Path, continuous: str, outcome: str) -> None:
    (tmp_path / "test_needy.py").write_text(NEEDY, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "-c", os.devnull, "-ra"]
    environment = os.environ | {"PATH": "/nowhere", "CI": continuous, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)

    assert outcome in done.stdout
    assert "apt-get install kannel" in done.stdout
