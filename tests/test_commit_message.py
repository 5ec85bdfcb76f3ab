"""A commit that says neither what kind of change it is, nor what changes, nor why is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci/commit-message"


def check(folder: Path, message: str) -> subprocess.CompletedProcess[str]:
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    return subprocess.run(["bash", SCRIPT, file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "message",
    [
        "fix: look rights up once for a list\n\nIt took minutes.",
        "feat(cli)!: name the initiator\n\nScripts name who asks.",
        "docs: say it\n\nNobody had.\n# Please enter the commit message",
        f"test: {'x' * 66}\n\nIt was not seen.",
        "fixup! anything",
        "Merge branch 'main'",
    ],
)
def test_a_message_by_the_convention_is_taken(tmp_path: Path, message: str) -> None:
    done = check(tmp_path, message)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Look rights up once", "expected one of build, ci, docs"),
        ("fix:no blank", "expected one of"),
        ("oops: what", "expected one of"),
        ("", "expected one of"),
        (f"test: {'x' * 67}", "at most 72 characters, found 73"),
        ("fix: look it up.", "no full stop"),
        ("fix: look it up\nat once", "an empty line"),
        ("fix: look it up", "a body that says why"),
        ("fix: look it up\n\n# Please enter the commit message", "a body that says why"),
    ],
)
def test_another_message_is_refused_with_the_reason(tmp_path: Path, message: str, said: str) -> None:
    done = check(tmp_path, message)

    assert done.returncode == 1
    assert said in done.stderr
