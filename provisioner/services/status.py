"""How the whole is doing, by what the store knows: for people who look, and for monitoring. Nothing is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.model import AccountState, OperationState
from provisioner.core.model.routines import Routine, RoutineRun
from provisioner.core.reconcile.history import PastComparison
from provisioner.services.parts import Clock
from provisioner.services.targets import Condition, System, systems
from provisioner.store import Store
from provisioner.store.queue.chunks import QueueDepth

__all__ = ["Concern", "Routine", "Status", "status_of"]

#: How long an account may be due before it is overdue. Sweeps that run once a day come in time, also after quiet hours.
OVERDUE_AFTER = timedelta(days=1)

#: How long an operation that failed is shown.
RECENT = timedelta(days=1)


class Concern(StrEnum):
    """Something that needs a person."""

    #: The store lacks its last changes, because a backup was restored.
    OUTDATED = "outdated"
    #: Accounts have been due for more than a day.
    OVERDUE = "overdue"
    #: Operations are incomplete, or have failed lately.
    OPERATIONS = "operations"
    #: Operations wait for a worker, and none is running.
    NO_WORKER = "no_worker"
    #: Passwords were not reported as delivered in time.
    UNDELIVERED = "undelivered"
    #: The last comparison of a target found differences, or was incomplete.
    DIFFERENCES = "differences"
    #: A target or channel is quarantined.
    QUARANTINED = "quarantined"
    #: A run exceeds the mass-change limit.
    HELD = "held"


@attrs.frozen(kw_only=True)
class Status:
    """How the whole is doing. It names no account and no person."""

    #: The time, in UTC.
    at: datetime
    #: How many accounts are in each state.
    accounts: Mapping[AccountState, int]
    #: How many accounts have a deadline that has come, and how many of them for more than a day.
    due: int
    overdue: int
    #: The operations that have not ended.
    operations: Mapping[OperationState, int]
    #: How many operations of the last day have failed, or were rolled back.
    failed: int
    #: When the oldest operation that has not ended was planned, in UTC, apart from those of held runs.
    oldest: datetime | None
    #: Of how many passwords a report is awaited, and for how many of them too long.
    open_deliveries: int
    overdue_deliveries: int
    #: How many accounts are open whose last password was not reported as delivered.
    undelivered: int
    held_runs: int
    #: The targets and channels in the order in which they are used.
    systems: Sequence[System]
    #: The last comparison of each target that was ever compared.
    comparisons: Sequence[PastComparison]
    routines: Mapping[Routine, RoutineRun]
    #: The queue by which workers share operations; ``None`` if they don't.
    queue: QueueDepth | None = None
    #: Whether the store lacks its last changes, because a backup was restored.
    is_outdated: bool

    @property
    def concerns(self) -> Sequence[Concern]:
        """What needs a person."""
        return [concern for concern, is_one in self._concerns() if is_one]

    def _concerns(self) -> Iterator[tuple[Concern, bool]]:
        yield Concern.OUTDATED, self.is_outdated
        yield Concern.OVERDUE, self.overdue > 0
        yield Concern.OPERATIONS, bool(self.failed or self.operations.get(OperationState.INCOMPLETE))
        yield Concern.NO_WORKER, self.queue is not None and self.queue.waiting > 0 and not self.queue.workers
        yield Concern.UNDELIVERED, bool(self.undelivered or self.overdue_deliveries)
        yield Concern.DIFFERENCES, any(last.differences or last.error for last in self.comparisons)
        yield Concern.QUARANTINED, any(system.condition is Condition.QUARANTINED for system in self.systems)
        yield Concern.HELD, self.held_runs > 0


def status_of(config: LoadedConfiguration, store: Store, now: Clock) -> Status:
    """Return how the whole is doing. It costs what is due and open, apart from one count of the accounts.

    Args:

        config: Names the targets and channels.

        store: The stored data.

        now: The clock.

    Raises:

        StoreError: The store cannot be read.
    """
    at = now()
    last = [store.comparisons.last(target) for target in config.content.targets]
    return Status(
        at=at,
        accounts=store.accounts.count(),
        due=store.schedule.count_due(at),
        overdue=store.schedule.count_due(at - OVERDUE_AFTER),
        operations=store.operations.count_unended(),
        failed=store.operations.count_failed(at - RECENT),
        oldest=store.operations.oldest_unended(),
        open_deliveries=store.deliveries.count_open(),
        overdue_deliveries=store.deliveries.count_overdue(at),
        undelivered=len(store.deliveries.undelivered()),
        held_runs=len(store.held_runs.all()),
        systems=systems(config, store, now),
        comparisons=[comparison for comparison in last if comparison],
        routines=store.routines.last(),
        queue=store.queue().depth() if config.content.worker.distribute else None,
        is_outdated=store.lost_tail() is not None,
    )
