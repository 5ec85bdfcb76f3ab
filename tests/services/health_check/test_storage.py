"""The store, the clock and the operations that have not ended."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ClockError, StoreError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model.days import utc_now
from provisioner.services.application import Application
from provisioner.services.health_check.results import CheckStatus
from provisioner.services.health_check.storage import check_store
from provisioner.services.parts import open_store
from provisioner.store import Store
from provisioner.store.queue.chunks import QueueDepth
from tests.services.conftest import UNITS


def test_a_store_that_is_not_there_is_a_problem(office_config: LoadedConfiguration) -> None:
    """And is not made by looking at it."""
    file = office_config.file.parent / "provisioner.sqlite"
    file.unlink()

    [found] = check_store(office_config, utc_now)

    assert (found.name, found.error, file.exists()) == ("store", StoreError, False)


def test_a_store_that_takes_no_change_is_said_to_be_writable(office_config: LoadedConfiguration) -> None:
    """A lock for a change is given also by a full disk and by a stand-by."""
    with sqlite3.connect(office_config.file.parent / "provisioner.sqlite") as connection:
        connection.execute("CREATE TRIGGER full BEFORE UPDATE ON chain_head BEGIN SELECT RAISE(ABORT, 'full'); END")

    [found] = check_store(office_config, utc_now)

    assert (found.name, found.error) == ("store", StoreError)


def test_a_clock_that_stands_far_behind_is_a_problem(office_config: LoadedConfiguration) -> None:
    with open_store(office_config) as store:
        store.clock.note(utc_now())

    _, clock = check_store(office_config, lambda: utc_now() - timedelta(days=200))

    assert (clock.name, clock.error) == ("clock", ClockError)


def test_operations_that_have_not_ended_are_counted(app: Application) -> None:
    app.targets.suspend("directory", app.now() + timedelta(hours=1), actor="9000")
    app.runs.start(app.planner.open_units(UNITS, Initiator(actor="9000"))).wait()

    *_, found = check_store(app.config, app.now)

    assert (found.name, found.status, found.message.values["planned"]) == ("operations", CheckStatus.WARNING, 2)


@attrs.frozen
class Queue:
    """What a check asks of a queue."""

    depth_now: QueueDepth

    def require(self) -> None:
        """Be there."""

    def depth(self) -> QueueDepth:
        return self.depth_now


def sharing(config: LoadedConfiguration) -> LoadedConfiguration:
    """Return a configuration in which workers share operations."""
    worker = attrs.evolve(config.content.worker, distribute=True)
    return attrs.evolve(config, content=attrs.evolve(config.content, worker=worker))


def test_workers_without_a_queue_are_a_problem(office_config: LoadedConfiguration) -> None:
    *_, found = check_store(sharing(office_config), utc_now)

    assert (found.name, found.error) == ("queue", StoreError)


@pytest.mark.parametrize(
    ("depth", "status"),
    [
        (QueueDepth(waiting=0, taken=0, workers=0), CheckStatus.OK),
        (QueueDepth(waiting=3, taken=1, workers=2), CheckStatus.OK),
        (QueueDepth(waiting=3, taken=0, workers=0), CheckStatus.WARNING),
        (QueueDepth(waiting=0, taken=1, workers=0), CheckStatus.WARNING),
    ],
)
def test_chunks_that_nobody_carries_out_are_warned_of(
    office_config: LoadedConfiguration, monkeypatch: pytest.MonkeyPatch, depth: QueueDepth, status: CheckStatus
) -> None:
    monkeypatch.setattr(Store, "queue", lambda _: Queue(depth))
    *_, found = check_store(sharing(office_config), utc_now)

    assert (found.name, found.status, found.message.values["waiting"]) == ("queue", status, depth.waiting)


def test_the_queue_is_no_matter_if_workers_share_nothing(office_config: LoadedConfiguration) -> None:
    assert "queue" not in {found.name for found in check_store(office_config, utc_now)}
