"""Lists with many lines: imported as a whole or not at all, whatever happens in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Office

HEADER = "id,name,unit,title,mobile,supervisor\n"
COUNT = 20_000

#: Imports a list, and is killed while it writes a page.
KILLED = """
import os, signal
from provisioner.cli import main
from provisioner.store.audit.chain import AuditLogWriter
pages, store = [], AuditLogWriter.store

def store_or_die(self):
    store(self)
    pages.append(self)
    if len(pages) == 30:
        print([name for name in os.listdir(os.environ["TMPDIR"])], len([
            place for entry in os.scandir("/proc/self/fd")
            if entry.is_symlink() and (place := os.readlink(entry.path)).startswith(os.environ["TMPDIR"])
        ]), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

AuditLogWriter.store = store_or_die
main()
"""

CONFIG = 'store = "store.sqlite"\n[accounts]\ndomain = "meb.gov.tr"\n'


def lines(count: int) -> str:
    return "".join(f"{number},Ayşe Yılmaz,il-mem,Müdür,0532{number:07},\n" for number in range(5_000, 5_000 + count))


def test_an_error_in_the_last_line_changes_nothing(office: Office) -> None:
    file = office.write("people.csv", f"{HEADER}{lines(1_200)}9999999,,il-mem,Müdür,,\n")

    answer = office.type("person", "import", file)

    assert answer.code == 2
    assert f"{file}:1202:name" in answer.err
    with office.open() as store:
        assert store.persons.get_many(["5000", "6199", "9999999"]) == {}


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_no_person_and_no_file(tmp_path: Path) -> None:
    """Half a list would be believed to be the whole, and a file would hold the numbers of people."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "provisioner.toml").write_text(CONFIG)
    (tmp_path / "people.csv").write_text(HEADER + lines(COUNT))
    environment = os.environ | {"TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary), "LANG": "C.UTF-8"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert run("-m", "provisioner", "init").returncode == 0
    killed = run("-c", KILLED, "person", "import", "people.csv")

    assert killed.returncode == -signal.SIGKILL
    assert killed.stdout == "[] 2\n", "the rows and the changed persons are in files without names"
    assert list(temporary.iterdir()) == []
    assert "5000" in run("-m", "provisioner", "person", "show", "5000").stderr
    assert run("-m", "provisioner", "audit", "verify").returncode == 0
    assert "20000" in run("-m", "provisioner", "--lang", "en", "person", "import", "people.csv").stdout
