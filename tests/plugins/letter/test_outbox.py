"""A letter is in the outbox as a whole or not at all, also after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioner.core.api.errors import UnavailableError, UnknownOutcomeError
from provisioner_letter.outbox import Outbox

#: Writes the same letter again and again, each time filled with another byte.
WRITER = """
import sys
from pathlib import Path
from provisioner_letter.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
for number in range(1_000_000):
    outbox.put("id", "age", bytes([number % 256]) * 100_000)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_kill_leaves_half_a_letter(tmp_path: Path) -> None:
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(0.003)
            writer.send_signal(signal.SIGKILL)
        content = (tmp_path / "id.pdf.age").read_bytes()

        assert len(content) == 100_000
        assert len(set(content)) == 1


def test_the_draft_of_a_killed_process_stays(tmp_path: Path) -> None:
    old, new, other = (
        tmp_path / name
        for name in (".a.pdf.age.0123456789abcdef", ".b.pdf.age.0123456789abcdef", ".nfs0123456789abcdef")
    )
    for file in (old, new, other):
        file.write_bytes(b"x")
    for file in (old, other):
        os.utime(file, (0, 0))

    Outbox(tmp_path).put("c", "age", b"x")

    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([new.name, other.name, "c.pdf.age"])


def test_a_full_disk_is_taken_for_a_written_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(UnavailableError, match="No space left"):
        Outbox(tmp_path).put("a", "age", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_letter_that_may_be_lost_is_taken_for_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", no_folder)

    with pytest.raises(UnknownOutcomeError):
        Outbox(tmp_path).put("a", "age", b"x")
    assert Outbox(tmp_path).holds("a")


def test_an_id_leads_out_of_the_outbox(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    outbox = Outbox(tmp_path / "outbox")

    outbox.put("../a", "age", b"x")

    assert [file.name for file in tmp_path.iterdir()] == ["outbox"]
    assert outbox.holds("../a")
    outbox.remove("../a")
    assert not outbox.holds("../a")
