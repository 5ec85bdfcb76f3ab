"""How far each collector has the audit log is remembered."""

from __future__ import annotations

from datetime import timedelta

from provisioner.store import Store
from provisioner.store.collectors import CollectorPlace
from tests.store.conftest import NOON


def place(collector: str, seq: int) -> CollectorPlace:
    return CollectorPlace(collector=collector, seq=seq, hash=f"{seq:064}", at=NOON + timedelta(seconds=seq))


def test_each_collector_has_its_own_place(store: Store) -> None:
    store.collectors.save(place("tls://b:6514", 7))
    store.collectors.save(place("tls://a:6514", 3))
    store.collectors.save(place("tls://a:6514", 5))

    assert store.collectors.find("tls://a:6514") == place("tls://a:6514", 5)
    assert store.collectors.find("tls://c:6514") is None
    assert list(store.collectors.all()) == [place("tls://a:6514", 5), place("tls://b:6514", 7)]


def test_forgotten_collector_begins_at_the_first_entry(store: Store) -> None:
    store.collectors.save(place("tls://a:6514", 3))

    assert store.collectors.forget("tls://a:6514")
    assert store.collectors.find("tls://a:6514") is None
    assert not store.collectors.forget("tls://a:6514")
