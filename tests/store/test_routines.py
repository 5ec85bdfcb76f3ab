"""When a routine last ran stays known, also while another run is under way or was killed."""

from __future__ import annotations

from datetime import timedelta

from provisioner.core.api.events import BackupBegan, BackupMade, TimesCorrected
from provisioner.core.model.routines import Routine, RoutineRun
from provisioner.store import Store
from tests.store.conftest import NOON

HOUR = timedelta(hours=1)


def test_a_run_that_was_killed_does_not_count_as_the_last_that_ended(store: Store) -> None:
    store.routines.begin(Routine.SWEEP, NOON)
    store.routines.end(Routine.SWEEP, NOON + HOUR)
    store.routines.begin(Routine.SWEEP, NOON + 2 * HOUR)

    sweep = RoutineRun(name=Routine.SWEEP, began_at=NOON + 2 * HOUR, ended_at=NOON + HOUR)
    assert store.routines.last() == {Routine.SWEEP: sweep}


def test_a_backup_counts_when_it_was_made(store: Store) -> None:
    place = {"file": "backup.tar", "seq": 1, "hash": "0"}
    store.write(BackupBegan(at=NOON, actor="p1", **place))  # type: ignore[arg-type]
    assert store.routines.last() == {}

    store.write(BackupMade(at=NOON + HOUR, actor="p1", began_at=NOON, sha256="1", size=2, **place))  # type: ignore[arg-type]

    backup = RoutineRun(name=Routine.BACKUP, began_at=NOON, ended_at=NOON + HOUR)
    assert store.routines.last() == {Routine.BACKUP: backup}


def test_a_clock_that_was_ahead_does_not_make_a_run_the_last_one_for_ever(store: Store) -> None:
    store.routines.begin(Routine.SWEEP, NOON + 400 * 24 * HOUR)
    store.routines.end(Routine.SWEEP, NOON + 400 * 24 * HOUR)

    store.write(TimesCorrected(at=NOON, actor="p1", latest_at=NOON + 400 * 24 * HOUR))

    assert store.routines.last()[Routine.SWEEP] == RoutineRun(name=Routine.SWEEP, began_at=NOON, ended_at=NOON)
