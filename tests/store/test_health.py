"""What breakers remember survives the process, and is changed by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from provisioner.core.api.errors import QuarantinedError, StoreError, TransientError
from provisioner.core.api.events import TargetQuarantined
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from provisioner.store import Store

if TYPE_CHECKING:
    from tests.store.conftest import Clock

DOWN = TransientError("connection refused", cure="start it")


@pytest.fixture(name="ill")
def _ill(clock: Clock) -> TargetHealth:
    error = StepError(name="UnavailableError", message="bağlantı yok", cure="start it")
    return TargetHealth(name="posta", failing_since=clock(), error=error)


def test_what_works_is_not_remembered(store: Store) -> None:
    assert store.health.get("posta") is None
    assert store.health.all() == []


def test_it_is_read_as_it_was_written(store: Store, url: str, ill: TargetHealth) -> None:
    later = attrs.evolve(ill, quarantined_at=ill.failing_since + timedelta(hours=1), noticed="UnavailableError: {x}")

    assert store.health.change("posta", lambda _: ill) == ill
    assert store.health.change("posta", lambda known: later if known == ill else None) == later

    with Store.open(url) as other:
        assert other.health.get("posta") == later
        assert other.health.get("pys") is None


def test_all_come_by_name(store: Store, ill: TargetHealth) -> None:
    for name in ("sms", "posta", "pys"):
        store.health.change(name, lambda _, name=name: attrs.evolve(ill, name=name))  # type: ignore[misc]

    assert [one.name for one in store.health.all()] == ["posta", "pys", "sms"]


def test_it_is_forgotten(store: Store, ill: TargetHealth) -> None:
    store.health.change("posta", lambda _: ill)

    assert store.health.change("posta", lambda _: None) is None
    assert store.health.get("posta") is None


def test_a_change_that_fails_changes_nothing(store: Store, ill: TargetHealth) -> None:
    store.health.change("posta", lambda _: ill)

    def broken(_: TargetHealth | None) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        store.health.change("posta", broken)
    assert store.health.get("posta") == ill


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.health.get("posta")
    with pytest.raises(StoreError, match="closed"):
        store.health.change("posta", lambda _: None)


def test_one_of_many_processes_gives_the_notice(store: Store, url: str, clock: Clock) -> None:
    """Each of them has a call under way when the time is over, and they all fail at the same moment."""
    notices: list[TargetQuarantined] = []
    barrier = threading.Barrier(4, timeout=60)

    def failing(health: Store, wait: Callable[[], object] = lambda: None) -> None:
        breaker = Breaker(name="posta", now=clock, health=health.health, notify=notices.append)
        with suppress(TransientError), breaker.probe():
            wait()
            raise DOWN

    failing(store)
    clock.move(timedelta(hours=1))
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        others = [stack.enter_context(Store.open(url, now=clock)) for _ in range(4)]
        list(pool.map(lambda other: failing(other, barrier.wait), others))

    assert [notice.target for notice in notices] == ["posta"]


def test_a_quarantine_survives_the_process(store: Store, url: str, clock: Clock) -> None:
    breaker = Breaker(name="posta", now=clock, health=store.health)
    for _ in range(2):
        with pytest.raises(TransientError), breaker.probe():
            raise DOWN
        clock.move(timedelta(hours=1))

    with Store.open(url, now=clock) as other, pytest.raises(QuarantinedError, match="connection refused"):
        Breaker(name="posta", now=clock, health=other.health).expect_no_quarantine()
