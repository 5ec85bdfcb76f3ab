"""What was sent, what counts as read, and what is sent again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from provisioner.audit import follower as module
from provisioner.audit.collector import Collector
from provisioner.audit.follower import Confirmed, Connected, Follower, Lost, Progress
from provisioner.audit.framing import Framing
from provisioner.audit.syslog import Syslog
from provisioner.core.api.errors import UnavailableError
from provisioner.store import Store
from provisioner.store.audit.verification import ChainFault, ChainFinding
from provisioner.testing.kannel import wait_until
from tests.audit.peer import Peer, die_after_reading
from tests.store.conftest import Story

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SYSLOG = Syslog(hostname="host.example", framing=Framing.LINES)


@attrs.define(eq=False)
class Following:
    """Followers of one store, and what they told."""

    store: Store
    stop: threading.Event = attrs.field(factory=threading.Event)
    told: list[Progress] = attrs.field(factory=list)

    def follow(
        self, collector: Collector, *, once: bool = True, tell: Callable[[Progress], None] | None = None
    ) -> ChainFinding | None:
        return Follower(
            collector=collector,
            audit_log=self.store.audit_log,
            places=self.store.collectors,
            message=SYSLOG.message,
            now=lambda: NOON,
            stop=self.stop,
            tell=tell or self.told.append,
            settle=0.05,
        ).follow(once=once)

    def write(self, login: str = "mehmet46") -> None:
        for submission in Story(login).submissions():
            self.store.write(*submission)

    @property
    def lines(self) -> bytes:
        """What a collector should have of the whole audit log."""
        verifier = self.store.audit_log.after(0)
        previous, lines = verifier.head.hash, b""
        for entry in verifier:
            lines += SYSLOG.message(entry, previous)
            previous = entry.hash
        return lines

    @property
    def places(self) -> list[int]:
        return [place.seq for place in self.store.collectors.all()]

    def confirmed(self) -> list[int]:
        return [one.place.seq for one in self.told if isinstance(one, Confirmed)]


@pytest.fixture(name="following")
def _following(store: Store) -> Following:
    return Following(store)


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL", 0.02)
    monkeypatch.setattr(module, "_ONCE", 0.05)


def test_everything_arrives_and_the_place_is_stored(following: Following) -> None:
    peer = Peer()
    with peer.listening() as collector:
        assert following.follow(collector) is None

        assert peer.received == following.lines
    assert (following.places, following.confirmed()) == ([14], [14])


def test_only_what_is_new_is_sent_the_next_time(following: Following) -> None:
    peer = Peer()
    with peer.listening() as collector:
        following.follow(collector)
        following.write()
        following.follow(collector)

        assert peer.received == following.lines
    assert following.confirmed() == [14, 21]


def test_what_a_killed_collector_had_only_read_is_sent_again(following: Following) -> None:
    """It has closed the connection properly after reading everything, and written nothing."""
    with Peer(die_after_reading).listening() as collector, pytest.raises(UnavailableError):
        following.follow(collector)
    assert following.places == []
    assert isinstance(following.told[-1], Lost)

    restarted = Peer()
    with restarted.listening(collector.port):
        following.follow(collector)

        assert restarted.received == following.lines


def test_batches_are_confirmed_one_by_one(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was confirmed before a connection broke is not sent again."""
    monkeypatch.setattr(module, "BATCH", 5)
    peer = Peer()

    def tell(progress: Progress) -> None:
        following.told.append(progress)
        if isinstance(progress, Confirmed) and progress.place.seq == 5:
            wait_until(lambda: len(peer.connections) == 2)  # the second is open before the first is confirmed
            peer.hang_up()

    with peer.listening() as collector:
        following.follow(collector, tell=tell)

    assert following.confirmed() == [5, 10, 14]
    assert [one.place.seq for one in following.told if isinstance(one, Connected)] == [0, 5]
    assert peer.received.count(b'seq="1"') == 1


def test_what_is_written_later_follows_until_it_is_stopped(following: Following) -> None:
    peer = Peer()

    def tell(progress: Progress) -> None:
        following.told.append(progress)
        if following.confirmed() == [14]:
            following.write()
        elif following.confirmed():
            following.stop.set()

    with peer.listening() as collector:
        assert following.follow(collector, once=False, tell=tell) is None

        assert peer.received == following.lines
    assert following.places == [21]


def test_stop_ends_the_wait_for_a_collector_that_is_not_there(following: Following) -> None:
    with Peer().listening() as collector:
        pass

    def tell(progress: Progress) -> None:
        following.told.append(progress)
        following.stop.set()

    assert following.follow(collector, once=False, tell=tell) is None
    assert [type(one) for one in following.told] == [Lost]


def test_changed_entry_ends_it_and_is_not_sent(following: Following, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("UPDATE events SET body = replace(body, 'ab46', 'xx46') WHERE seq = 3")
    peer = Peer()
    with peer.listening() as collector:
        finding = following.follow(collector)

        assert peer.received.count(b"\n") == 2
    assert finding
    assert (finding.seq, finding.fault, following.places) == (3, ChainFault.CHANGED, [2])
