"""Holds runs that exceed the mass-change limit until they are released or discarded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import InputError, Problem, StagedError, step_error
from provisioner.core.engine.limits import (
    Guard,
    HeldRun,
    OperationHeld,
    RunDiscarded,
    RunHeld,
    RunReleased,
    Share,
)
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.ports import HeldRecords, Recorder
from provisioner.core.model import Operation, OperationState
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class Holds:
    """Records held runs, and what happens to them.

    Args:

        guard: Compares runs with the limit.

        records: The stored data.

        record: Stores events and shows them to the observers.

        now: The clock.
    """

    guard: Guard
    records: HeldRecords
    record: Recorder
    now: Callable[[], datetime]

    def excess(self, work: Sequence[PlannedOperation], *, written: bool = False) -> Share | None:
        """Return by how much a run exceeds the limit; see :meth:`~provisioner.core.engine.limits.Guard.excess`."""
        return self.guard.excess(work, written=written)

    def hold(self, work: Sequence[PlannedOperation], share: Share) -> list[PlannedOperation]:
        """Return a run as it is recorded when it is held: all its new operations have the state staged."""
        new = [item.operation for item in work if not item.recorded]
        if not new:
            return list(work)
        run = self._run(new, share)
        self.record(RunHeld(at=run.at, actor=run.actor, run=run))
        return [item if item.recorded else attrs.evolve(item, operation=_held(item.operation, run)) for item in work]

    def hold_planned(self, planned: Sequence[Operation], share: Share) -> Mapping[str, Operation]:
        """Hold a run that is in the journal already. Return its operations in their new state, by ID."""
        run = self._run(planned, share)
        error = step_error(run.error())
        held = [
            OperationHeld(
                at=run.at, actor=run.actor, login=operation.login, operation_id=operation.id, run=run.id, error=error
            )
            for operation in planned
        ]
        self.record(RunHeld(at=run.at, actor=run.actor, run=run), *held)
        return self.records.operations.get_many([operation.id for operation in planned])

    def operations(self, run: str) -> list[Operation]:
        """Return the pending operations of a run.

        Raises:

            InputError: It has none.
        """
        found = list(self.records.held_runs.operations(run))
        if not found:
            message = Text("there is no held run {run}", {"run": run})
            raise InputError([Problem(field="id", message=message)])
        return found

    def release(self, run: str, *, actor: str, reason: str) -> None:
        """Plan the pending operations of a run, in one transaction."""
        self.record(RunReleased(at=self.now(), actor=actor, run=run, reason=reason))

    def discard(self, run: str, *, actor: str, reason: str) -> list[Operation]:
        """End the pending operations of a run, in one transaction, and return them. They have changed nothing.

        Raises:

            InputError: It has none.
        """
        ids = [operation.id for operation in self.operations(run)]
        error = step_error(_discarded(actor, reason))
        self.record(RunDiscarded(at=self.now(), actor=actor, run=run, reason=reason, error=error))
        return list(self.records.operations.get_many(ids).values())

    def _run(self, operations: Sequence[Operation], share: Share) -> HeldRun:
        first = operations[0]
        return HeldRun(
            id=str(uuid.uuid4()),
            at=self.now(),
            actor=first.actor,
            reason=first.reason,
            target=share.target,
            affected=share.affected,
            out_of=share.out_of,
            percent=self.guard.limit.percent,
            operations=len(operations),
        )


def _discarded(actor: str, reason: str) -> StagedError:
    if reason:
        return StagedError("discarded by {actor}: {reason}", actor=actor, reason=reason)
    return StagedError("discarded by {actor}", actor=actor)


def _held(operation: Operation, run: HeldRun) -> Operation:
    return attrs.evolve(operation, state=OperationState.STAGED, staging=run.id, error=step_error(run.error()))
