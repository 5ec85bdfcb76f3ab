"""The store is what the policy asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from provisioner.core.policy.ports import Agenda, ScheduleState
from provisioner.store import Store


def test_the_store_satisfies_the_types_of_the_ports(tmp_path: Path) -> None:
    """The types are checked by mypy; here, that both nouns are there and answer."""
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        agenda: Agenda = store

        assert list(agenda.schedule.due(datetime(2026, 11, 28, tzinfo=UTC))) == []
        assert agenda.clock.known_times() is None


def test_a_store_without_rule_sets_has_nothing_to_compute(tmp_path: Path) -> None:
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        assert store.schedule.state() == ScheduleState(fingerprint="", cursor=None)
