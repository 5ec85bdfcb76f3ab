"""The record of a handover is kept, and both sides find it."""

from __future__ import annotations

from provisioner.core.model import Handover
from provisioner.store import Store


def test_record_is_kept(store: Store, record: Handover) -> None:
    assert store.handovers.get_many([record.operation_id, "none"]) == {record.operation_id: record}


def test_record_is_found_by_both_sides_and_by_the_account(store: Store, record: Handover) -> None:
    for found in ({"person": "p1"}, {"person": "p2"}, {"login": "a"}, {}):
        assert list(store.handovers.find(**found)) == [record]
    assert list(store.handovers.find(person="p9")) == list(store.handovers.find(login="b")) == []
