"""What needs a person is told, and nothing that is as it should be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.engine.plan import Initiator
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import AccountState, OperationState, StepError
from provisioner.core.model.routines import Routine
from provisioner.core.reconcile.history import PastComparison
from provisioner.services.application import Application
from provisioner.services.status import Concern, Status, status_of
from provisioner.services.targets import System, SystemKind
from provisioner.store.queue.chunks import QueueDepth

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WELL = Status(
    at=NOW,
    accounts={AccountState.OPEN: 2},
    due=1,
    overdue=0,
    operations={OperationState.RUNNING: 1, OperationState.PLANNED: 1},
    failed=0,
    oldest=NOW,
    open_deliveries=2,
    overdue_deliveries=0,
    undelivered=0,
    held_runs=0,
    systems=[],
    comparisons=[PastComparison(target="posta", started_at=NOW, ended_at=NOW, listed=2, differences={})],
    routines={},
    is_outdated=False,
)
ERROR = StepError(name="UnavailableError", message="it is down")
QUARANTINED = System(
    name="posta",
    kind=SystemKind.TARGET,
    plugin="ldap",
    health=TargetHealth(name="posta", failing_since=NOW, error=ERROR, quarantined_at=NOW),
)


@pytest.mark.parametrize(("waiting", "taken", "workers"), [(0, 0, 0), (0, 0, 2), (9, 4, 2)])
def test_work_that_goes_on_concerns_nobody(waiting: int, taken: int, workers: int) -> None:
    assert WELL.concerns == []
    queue = QueueDepth(waiting=waiting, taken=taken, workers=workers)
    assert attrs.evolve(WELL, queue=queue).concerns == []


@pytest.mark.parametrize(
    ("changes", "concern"),
    [
        ({"is_outdated": True}, Concern.OUTDATED),
        ({"overdue": 1}, Concern.OVERDUE),
        ({"queue": QueueDepth(waiting=1, taken=0, workers=0)}, Concern.NO_WORKER),
        ({"failed": 1}, Concern.OPERATIONS),
        ({"operations": {OperationState.INCOMPLETE: 1}}, Concern.OPERATIONS),
        ({"undelivered": 1}, Concern.UNDELIVERED),
        ({"overdue_deliveries": 1}, Concern.UNDELIVERED),
        ({"comparisons": [attrs.evolve(WELL.comparisons[0], differences={"extra": 1})]}, Concern.DIFFERENCES),
        ({"comparisons": [attrs.evolve(WELL.comparisons[0], error=ERROR)]}, Concern.DIFFERENCES),
        ({"systems": [QUARANTINED]}, Concern.QUARANTINED),
        ({"held_runs": 1}, Concern.HELD),
    ],
)
def test_a_concern_is_hidden(changes: dict[str, Any], concern: Concern) -> None:
    assert attrs.evolve(WELL, **changes).concerns == [concern]


def test_the_numbers_are_those_of_the_store(app: Application, tmp_path: Path) -> None:
    initiator = Initiator(actor="9000")
    app.units.open(["il-mem", "ar-ge"], initiator=initiator).wait()
    with closing(sqlite3.connect(tmp_path / "provisioner.sqlite")) as connection, connection:
        times = [(app.now() - age).strftime("%Y-%m-%d %H:%M:%S.%f") for age in (2 * DAY, DAY / 2)]
        rows = list(zip(times, ("arge46", "kmarasmem"), strict=True))
        connection.executemany("UPDATE accounts SET next_deadline = ? WHERE login = ?", rows)
        connection.execute("UPDATE operations SET state = 'failed' WHERE login = 'arge46'")
    app.store.routines.begin(Routine.SWEEP, NOW)

    status = status_of(app.config, app.store, app.now)

    assert (status.accounts, status.due, status.overdue) == ({AccountState.OPEN: 2}, 2, 1)
    assert (status.failed, status.operations, status.oldest) == (1, {}, None)
    assert [system.name for system in status.systems] == ["directory", "sms"]
    assert status.routines[Routine.SWEEP].ended_at is None
    assert status.concerns == [Concern.OVERDUE, Concern.OPERATIONS]
