"""A backup that is made while passwords are rotated, the loss of the machine, and what is proved after the restore."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
from passlib.handlers.pbkdf2 import pbkdf2_sha256

from provisioner.store import Store
from provisioner_sms.simulator import Inbox
from tests.acceptance.leaks import files_in, find
from tests.forks import ForkServer

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "kahramanmaras"

#: How often a backup is killed, each time at a random instant of its duration.
KILLS = 60

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)

#: What happens after the backup, to which account.
CLOSED, HANDED_OVER, ROTATED, OPENED = "hukuk46", "ab46", "ozluk46", "yeni46"
NEW_UNIT = f"code,name,kind,parent,login,custodian\nyeni,Yeni Birim,office,il-mem,{OPENED},460002\n"
#: Who holds an account before and after the handover: the IDs and the mobile numbers.
FORMER, SUCCESSOR = ("460016", "+905940004616"), ("460001", "+905940004601")


@attrs.frozen
class Site:
    """A site with 39 open accounts, whose directory and phones outlive its store."""

    folder: Path
    forks: ForkServer

    @property
    def store(self) -> Path:
        return self.folder / "provisioner.sqlite"

    def run(self, *arguments: str, code: int = 0) -> str:
        found, out, err = self.forks.run(self.folder, "--lang", "en", *arguments)
        assert found == code, f"{arguments}: {found}\n{out}{err}"
        return out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run("--json", *arguments, code=code))

    def differences(self, *options: str, code: int = 4) -> set[tuple[str, str]]:
        """Return the account and the kind of each difference."""
        document = self.json("reconcile", *options, code=code)
        return {(one["login"], one["difference"]) for one in document["items"]}

    def passwords(self, login: str = "", number: str = "%") -> list[str]:
        """Return the passwords that were delivered, about one account or to one phone, the oldest first."""
        with closing(sqlite3.connect(self.folder / "sms.sqlite")) as connection:
            query = "SELECT DISTINCT recipient FROM messages WHERE recipient LIKE ?"
            numbers = [row[0] for row in connection.execute(query, (number,))]
        inbox, found = Inbox(self.folder / "sms.sqlite"), []
        messages = [message for one in numbers for message in inbox.messages(one)]
        for message in sorted(messages, key=lambda message: str(message.received_at)):
            with suppress(LookupError):
                if f"{login}@" in message.text or not login:
                    found.append(message.password)
        return found

    def logs_in(self, login: str, password: str) -> bool:
        with closing(sqlite3.connect(self.folder / "directory.sqlite")) as connection:
            query = "SELECT hash, enabled FROM entries WHERE login = ?"
            [(hashed, enabled)] = connection.execute(query, (login,)).fetchall()
        return bool(enabled) and pbkdf2_sha256.verify(password, hashed)


@pytest.fixture(name="forks", scope="module")
def _forks() -> Iterator[ForkServer]:
    with ForkServer.running() as forks:
        yield forks


@pytest.fixture(name="opened", scope="module")
def _opened(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("opened")
    for file in EXAMPLE.glob("*.csv"):
        shutil.copy(file, folder)
    site = Site(folder, forks)
    site.run("init")
    site.run("person", "import", "persons.csv")
    site.run("unit", "open", "units.csv")
    return folder


@pytest.fixture(name="site")
def _site(opened: Path, forks: ForkServer, tmp_path: Path) -> Site:
    shutil.copytree(opened, tmp_path, dirs_exist_ok=True)
    return Site(tmp_path, forks)


def count_started(site: Site) -> int:
    with closing(sqlite3.connect(site.store)) as connection:
        query = "SELECT count(*) FROM events WHERE kind = 'operation_started'"
        return int(connection.execute(query).fetchone()[0])


def back_up_during_rotations(site: Site) -> None:
    """Rotate every password, and make the backup when some are done and some are not."""
    logins = [account["login"] for account in site.json("account", "list")["items"]]
    before = count_started(site)
    with ForkServer.running() as others:
        others.start(site.folder, "account", "rotate", *logins)
        while count_started(site) < before + len(logins) // 6:
            time.sleep(0.005)
        site.run("backup", "backup.tar")
        assert others.wait() == 0


def go_on(site: Site) -> None:
    """Do what a restored store doesn't know."""
    site.run("account", "close", CLOSED)
    site.run("handover", HANDED_OVER, "--to", SUCCESSOR[0])
    site.run("account", "rotate", ROTATED)
    (site.folder / "new.csv").write_text(NEW_UNIT, encoding="utf-8")
    site.run("unit", "open", "new.csv")


def lose_and_restore(site: Site) -> None:
    for file in site.folder.glob("provisioner.sqlite*"):
        file.unlink()
    for command in (["tar", "-xf", "backup.tar"], ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]):
        subprocess.run(command, cwd=site.folder, check=True)


def test_what_happened_after_a_backup_is_found_and_repaired(site: Site) -> None:
    back_up_during_rotations(site)
    go_on(site)
    lose_and_restore(site)
    sent = site.passwords()

    # The store says itself that it is not the last one, and is as it was written.
    site.run("check", code=4)
    site.run("audit", "verify")
    found = site.differences()
    unfinished = {login for login, kind in found if kind == "unfinished"}
    changed = {(CLOSED, "disabled"), (HANDED_OVER, "holder"), (OPENED, "extra")}
    assert found == {one for one in changed if one[0] not in unfinished} | {(one, "unfinished") for one in unfinished}

    # Nobody is sent a password meanwhile, and nothing is opened or given back.
    site.run("resume", code=2)
    site.run("policy", "sweep", code=2)
    site.run("reconcile", "--repair", "--yes", code=4)
    assert site.passwords() == sent
    if CLOSED in unfinished:
        site.run("account", "close", CLOSED)
    site.run("unit", "import", "new.csv")
    site.run("reconcile", "--adopt", "--yes")
    site.run("handover", HANDED_OVER, "--to", SUCCESSOR[0])
    assert len(site.passwords()) == len(sent) + 1
    site.store.with_name("provisioner.sqlite.head").unlink()
    site.run("resume")
    assert site.differences(code=0) == set()
    site.run("check")
    site.run("audit", "verify")

    for account in site.json("account", "list", "--state", "open")["items"]:
        assert site.logs_in(account["login"], site.passwords(account["login"])[-1]), account["login"]
    assert not site.logs_in(CLOSED, site.passwords(CLOSED)[-1])
    assert site.passwords(HANDED_OVER, FORMER[1])[-1] != site.passwords(HANDED_OVER, SUCCESSOR[1])[-1]
    places = {name: data for name, data in files_in(site.folder).items() if "sms.sqlite" not in name}
    assert any(name.endswith("backup.tar") for name in places)
    assert find(site.passwords(), places) == []


def test_a_backup_that_is_killed_is_whole_or_not_there(site: Site) -> None:
    instants = random.Random(SEED)  # noqa: S311 - instants, no secrets
    folder = site.folder / "backups"
    folder.mkdir()
    began = time.monotonic()
    site.run("backup", str(folder / "first.tar"))
    duration, killed, whole = time.monotonic() - began, 0, 1
    for number in range(KILLS):
        file = folder / f"{number}.tar"
        pid = site.forks.start(site.folder, "backup", str(file))
        time.sleep(instants.uniform(0, duration))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        killed += site.forks.wait() == -signal.SIGKILL
        whole += file.exists()

    site.run("backup", str(folder / "last.tar"))
    assert killed > KILLS // 2, SEED
    assert {path.suffix for path in folder.iterdir()} == {".tar"}, SEED
    for file in folder.iterdir():
        there = site.folder / "there" / file.stem
        there.mkdir(parents=True)
        subprocess.run(["tar", "-xf", file], cwd=there, check=True)
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=there, check=True)
        with Store.open(f"sqlite:///{there / 'provisioner.sqlite'}") as store:
            assert store.audit_log.verify_chain() is None, SEED
            assert store.lost_tail(), SEED
    site.run("audit", "verify")
