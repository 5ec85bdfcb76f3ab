"""What is known of a routine."""

from __future__ import annotations

from datetime import UTC, datetime

from provisioner.core.model.routines import Routine, RoutineRun


def test_a_run_that_never_ended_has_no_end() -> None:
    run = RoutineRun(name=Routine.SWEEP, began_at=datetime(2026, 3, 1, tzinfo=UTC))

    assert run.ended_at is None
