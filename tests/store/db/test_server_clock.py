"""Processes whose clocks are wrong agree on the time of the server, also while it cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from provisioner.core.api.errors import StoreError
from provisioner.store import Store
from provisioner.store.db.server_clock import INTERVAL, ServerClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Server:
    """A server whose time goes on with the seconds of the test, and that may be down."""

    def __init__(self) -> None:
        self.seconds, self.ahead, self.asked, self.is_down = 1000.0, 0.0, 0, False

    def read(self) -> datetime:
        self.asked += 1
        if self.is_down:
            raise StoreError("down")
        return NOON + timedelta(seconds=self.seconds - 1000 + self.ahead)


def test_a_clock_asks_once_a_minute_and_counts_in_between() -> None:
    server = Server()
    clock = ServerClock(server.read, lambda: server.seconds)

    first = clock()
    server.seconds += INTERVAL - 1
    second = clock()
    server.ahead = 5.0
    third = clock()
    server.seconds += 1
    fourth = clock()

    assert first == NOON
    assert second == third == NOON + timedelta(seconds=INTERVAL - 1)
    assert fourth == NOON + timedelta(seconds=INTERVAL + 5)
    assert server.asked == 2


def test_a_server_that_is_down_is_asked_no_more_than_once_a_minute() -> None:
    """Each question may take ten seconds."""
    server = Server()
    clock = ServerClock(server.read, lambda: server.seconds)
    clock()

    server.is_down = True
    server.seconds += INTERVAL
    assert [clock(), clock()] == 2 * [NOON + timedelta(seconds=INTERVAL)]

    assert server.asked == 2


def test_a_server_that_never_answered_has_no_time() -> None:
    server = Server()
    server.is_down = True

    with pytest.raises(StoreError):
        ServerClock(server.read, lambda: server.seconds)()


@pytest.mark.postgresql
def test_a_process_whose_clock_is_wrong_has_the_time_of_the_server(url: str) -> None:
    before = datetime.now(UTC)
    with time_machine.travel(before + timedelta(minutes=10)), Store.open(url) as store:
        there = store.now()

    assert before <= there < before + timedelta(minutes=5)


@pytest.mark.sqlite
def test_a_file_has_the_time_of_the_process(store: Store, clock: object) -> None:
    assert store.now is clock
