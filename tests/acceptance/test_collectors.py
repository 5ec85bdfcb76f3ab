"""The audit log at real log collectors, with their configurations from the documentation and random kills."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.audit.framing import Framing
from provisioner.store import Store
from provisioner.testing.collectors import PrivateCollector
from provisioner.testing.kannel import wait_until
from tests.collector_pages import rsyslog, syslog_ng
from tests.forks import STDERR, STDOUT, ForkServer
from tests.planted import plant
from tests.store.conftest import Story

pytestmark = pytest.mark.slow

#: How often a collector or the follower is killed, and how long both may run before, in seconds. Before every second
#: kill, a batch is confirmed.
KILLS, LONGEST_LIFE = 8, 0.8

#: How long a collector must go on running: less than in production, so that batches are confirmed between two kills.
SETTLE = "0.3"

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)

CONFIG = '[accounts]\ndomain = "meb.gov.tr"\n'

MESSAGE = re.compile(rb'\[provisioner@32473 seq="(\d+)" previous="[0-9a-f]{64}" hash="([0-9a-f]{64})"')

CASES = [
    pytest.param(rsyslog, Framing.OCTET_COUNTING, marks=pytest.mark.server("rsyslog"), id="rsyslog-octets"),
    pytest.param(rsyslog, Framing.LINES, marks=pytest.mark.server("rsyslog"), id="rsyslog-lines"),
    *(
        pytest.param(
            partial(syslog_ng, framing), framing, marks=pytest.mark.server("syslog-ng"), id=f"syslog-ng-{framing}"
        )
        for framing in Framing
    ),
]


@pytest.fixture(name="forks", scope="module")
def _forks() -> Iterator[ForkServer]:
    with ForkServer.running() as forks:
        yield forks


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / "provisioner.toml").write_text(CONFIG, encoding="utf-8")
    url = f"sqlite:///{tmp_path}/provisioner.sqlite"
    Store.create(url).close()
    plant(url)
    return tmp_path


@attrs.define(eq=False)
class Scene:
    """A collector and a follower, either of which may be killed at any time."""

    folder: Path
    collector: PrivateCollector
    framing: Framing
    forks: ForkServer
    #: The places that were confirmed, in the order in which they were.
    confirmed: list[int] = attrs.field(factory=list)
    _follower: int = 0

    @property
    def options(self) -> list[str]:
        collector = self.collector
        trust = ["--ca-file", str(collector.ca_file)]
        return ["--to", collector.address, *trust, "--framing", self.framing, "--settle", SETTLE]

    def follow(self) -> None:
        """Start the follower, as systemd does when it has ended, and wait until it has a connection."""
        (self.folder / STDOUT).unlink(missing_ok=True)
        self._follower = self.forks.start(self.folder, "--json", "audit", "follow", *self.options)
        wait_until(lambda: '"connected"' in self._told(), patience=60)

    def wait_for_confirmation(self) -> None:
        before = self._place()
        wait_until(lambda: self._place() > before, patience=60)

    def kill_follower(self) -> None:
        os.kill(self._follower, signal.SIGKILL)
        assert self.forks.wait() == -signal.SIGKILL, (self.folder / STDERR).read_text(encoding="utf-8")
        lines = [json.loads(line) for line in self._told().splitlines()]
        self.confirmed += [line["seq"] for line in lines if line["event"] == "confirmed"]

    def kill_one(self, dice: random.Random) -> None:
        """Kill one of the two at random, and start it again."""
        if dice.random() < 0.5:
            self.collector.kill()
            time.sleep(dice.uniform(0, 0.3))
            self.collector.start()
        else:
            self.kill_follower()
            self.follow()

    def _place(self) -> int:
        with Store.open(f"sqlite:///{self.folder}/provisioner.sqlite") as store:
            place = store.collectors.find(self.collector.address)
        return place.seq if place else 0

    def _told(self) -> str:
        file = self.folder / STDOUT
        return file.read_text(encoding="utf-8") if file.exists() else ""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Write to the audit log for as long as the block runs."""
    stop = threading.Event()

    def write() -> None:
        with Store.open(f"sqlite:///{folder}/provisioner.sqlite") as store:
            number = 0
            while not stop.is_set():
                number += 1
                for submission in Story(f"hesap{number}").submissions():
                    store.write(*submission)
                stop.wait(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def compared(forks: ForkServer, folder: Path, *arguments: str, exit_code: int) -> dict[str, Any]:
    """Return what ``audit compare`` finds out."""
    code, out, err = forks.run(folder, "--json", "audit", "compare", *arguments)
    assert code == exit_code, err
    found: dict[str, Any] = json.loads(out)
    return found


def truth(folder: Path) -> dict[int, str]:
    """Return the hash of each entry of the audit log."""
    with Store.open(f"sqlite:///{folder}/provisioner.sqlite") as store:
        return {entry.seq: entry.hash for entry in store.audit_log.entries()}


def arrived(collector: PrivateCollector) -> dict[int, str]:
    """Return the hash of each entry in the collector's file, read by a rule of this test's own."""
    return {int(seq): digest.decode() for seq, digest in MESSAGE.findall(collector.received.read_bytes())}


@pytest.mark.parametrize(("make", "framing"), CASES)
def test_every_entry_arrives_or_is_named_although_both_are_killed(
    folder: Path, forks: ForkServer, make: Callable[[], PrivateCollector], framing: Framing
) -> None:
    dice = random.Random(SEED)  # noqa: S311
    print(f"SEED = {SEED}")
    with make() as collector:
        scene = Scene(folder, collector, framing, forks)
        with writing(folder):
            scene.follow()
            for number in range(KILLS):
                if number % 2:
                    scene.wait_for_confirmation()
                time.sleep(dice.uniform(0.1, LONGEST_LIFE))
                scene.kill_one(dice)
            scene.kill_follower()
        assert forks.run(folder, "audit", "follow", *scene.options, "--once")[0] == 0

        found = compared(forks, folder, str(collector.received), "--to", collector.address, exit_code=0)

        entries = truth(folder)
        print(f"{len(entries)} entries, {found['repeated']} copies, confirmed {scene.confirmed}")
        assert found["complete"], found
        assert arrived(collector) == entries
        assert found["arrived"] == found["seq"] == len(entries) > 200
        assert scene.confirmed == sorted(scene.confirmed)
        assert_losses_are_named(folder, forks, collector, dice)


def assert_losses_are_named(folder: Path, forks: ForkServer, collector: PrivateCollector, dice: random.Random) -> None:
    """Take every copy of some entries out of the collector's file."""
    lost = set(dice.sample(sorted(arrived(collector)), 20))
    lines = collector.received.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if lost.isdisjoint(int(seq) for seq, _ in MESSAGE.findall(line))]
    copy = folder / "copy.log"
    copy.write_bytes(b"".join(kept))
    gone = truth(folder).keys() - {int(seq) for line in kept for seq, _ in MESSAGE.findall(line)}

    found = compared(forks, folder, str(copy), exit_code=4)

    assert {seq for gap in found["missing"] for seq in range(gap["first"], gap["last"] + 1)} == gone
    assert gone >= lost
