"""The mock inside the program that uses it."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import CheckTarget, Presence
from provisioner.testing import samples
from provisioner.testing.samples import ACCOUNT, SECRET
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings


def embedded(file: Path) -> Pys:
    return Pys(settings=PysSettings(embedded=file))


def services() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pys-mock")]


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "pys.sqlite"


def test_nothing_is_started_before_it_is_needed(file: Path) -> None:
    with closing(embedded(file)):
        assert services() == []
    assert not file.exists()


def test_it_ends_with_the_program(file: Path) -> None:
    with closing(embedded(file)) as pys:
        pys.target_check(CheckTarget())
        assert services() != []
    assert services() == []


def test_what_it_was_told_is_there_next_time(file: Path) -> None:
    with closing(embedded(file)) as pys:
        pys.account_create(samples.create())
    with closing(embedded(file)) as pys:
        assert pys.account_probe(samples.probe(SECRET)).secret_accepted


def test_threads_that_come_first_at_once_start_one_service(file: Path) -> None:
    with closing(embedded(file)) as pys, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pys.target_check(CheckTarget()), range(8)))

        assert services().count("pys-mock") == 1


@pytest.mark.parametrize("place", ["missing/pys.sqlite", "folder"])
def test_a_file_that_cannot_be_used_is_a_misconfiguration(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with closing(embedded(tmp_path / place)) as pys:
        with pytest.raises(MisconfiguredError, match="embedded PYS cannot use"):
            pys.target_check(CheckTarget())
        assert services() == []


OPEN_MANY = """
import sys
from pathlib import Path
import attrs
from provisioner.testing import samples
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings

pys = Pys(settings=PysSettings(embedded=Path(sys.argv[1])))
for number in range(25):
    pys.account_create(samples.create(attrs.evolve(samples.ACCOUNT, login=f"{sys.argv[2]}{number}")))
pys.close()
"""


def test_two_processes_share_one_file_at_once(file: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_MANY, file, name], stdout=subprocess.DEVNULL)
        for name in ("a", "b")
    ]
    with closing(embedded(file)) as pys:
        assert [process.wait() for process in processes] == [0, 0]
        for login in (f"{name}{number}" for name in ("a", "b") for number in range(25)):
            account = attrs.evolve(ACCOUNT, login=login)
            assert pys.account_probe(samples.probe(SECRET, account)).presence is Presence.ENABLED


def test_a_program_that_forgets_to_close_ends_all_the_same(file: Path) -> None:
    code = OPEN_MANY.replace("pys.close()", "")
    done = subprocess.run([sys.executable, "-c", code, file, "a"], stdout=subprocess.DEVNULL, timeout=30, check=False)

    assert done.returncode == 0
