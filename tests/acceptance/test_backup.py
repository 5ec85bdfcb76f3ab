"""A backup that is made while passwords are rotated, the loss of the store, and what is proved after the restore.

A backup of a store on PostgreSQL is restored as a file of SQLite, and moves to a new database in the end.
"""

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
from sqlalchemy import func, select

from provisioner.store import Store
from provisioner.store.address import StoreAddress
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import events
from provisioner_sms.simulator import Inbox
from tests.acceptance.leaks import files_in, find
from tests.forks import ForkServer
from tests.postgresql_stores import StoreServer, name_in

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "kahramanmaras"

#: How often a backup is killed, each time at a random instant of its duration.
KILLS, KILLS_ON_POSTGRESQL = 60, 15

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)

#: What happens after the backup, to which account.
CLOSED, HANDED_OVER, ROTATED, OPENED = "hukuk46", "ab46", "ozluk46", "yeni46"
NEW_UNIT = f"code,name,kind,parent,login,custodian\nyeni,Yeni Birim,office,il-mem,{OPENED},460002\n"
#: Who holds an account before and after the handover: the IDs and the mobile numbers.
FORMER, SUCCESSOR = ("460016", "+905940004616"), ("460001", "+905940004601")


@attrs.define
class Site:
    """A site with 39 open accounts, whose directory and phones outlive its store."""

    folder: Path
    forks: ForkServer
    #: The server that has the store; ``None`` if a file of SQLite is the store.
    server: StoreServer | None = None
    #: Where the store is on the server, as long as it is there.
    url: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "provisioner.sqlite"

    def move(self) -> None:
        """Move the store to a new database of the server, if there is one."""
        if self.server:
            self.url = self.server.new(empty=True)
            self.run("store", "move", self.url)
            self._use(self.url)

    def lose(self) -> None:
        """Lose the store, and what is beside it."""
        for file in self.folder.glob("*.sqlite*"):
            if file.name.startswith(self.file.name):
                file.unlink()
        if self.server:
            name = name_in(self.url)
            with self.server.administrator() as administrator:
                administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
            for file in self.folder.glob(f"{name}.*"):
                file.unlink()
            self._use(self.file.name)

    def count_started(self) -> int:
        """Return how many operations were started."""
        query = select(func.count()).where(events.c.kind == "operation_started")
        address = StoreAddress(self.url or f"sqlite:///{self.file}", folder=self.folder)
        with closing(database_at(address)) as database, database.read() as connection:
            return connection.execute(query).scalar_one()

    def _use(self, store: str) -> None:
        """Name another store in the configuration."""
        config = self.folder / "provisioner.toml"
        lines = config.read_text(encoding="utf-8").splitlines()
        lines = [f'store = "{store}"' if line.startswith("store = ") else line for line in lines]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.url = store if store.startswith("postgresql:") else ""

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


@pytest.fixture(name="site", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server("postgresql"))])
def _site(request: pytest.FixtureRequest, opened: Path, forks: ForkServer, tmp_path: Path) -> Site:
    shutil.copytree(opened, tmp_path, dirs_exist_ok=True)
    server = request.getfixturevalue("store_server") if request.param == "postgresql" else None
    site = Site(tmp_path, forks, server)
    site.move()
    return site


def back_up_during_rotations(site: Site) -> None:
    """Rotate every password, and make the backup when some are done and some are not."""
    logins = [account["login"] for account in site.json("account", "list")["items"]]
    before = site.count_started()
    with ForkServer.running() as others:
        others.start(site.folder, "account", "rotate", *logins)
        while site.count_started() < before + len(logins) // 6:
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
    site.lose()
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
    site.file.with_name("provisioner.sqlite.head").unlink()
    site.run("resume")
    site.move()
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
    kills = KILLS_ON_POSTGRESQL if site.server else KILLS
    for number in range(kills):
        file = folder / f"{number}.tar"
        pid = site.forks.start(site.folder, "backup", str(file))
        time.sleep(instants.uniform(0, duration))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if site.forks.wait() == -signal.SIGKILL:
            killed += 1
        else:  # the machine is quicker than it was
            duration /= 2
        whole += file.exists()

    site.run("backup", str(folder / "last.tar"))
    assert killed > kills // 2, SEED
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
