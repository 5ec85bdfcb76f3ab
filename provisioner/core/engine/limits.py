"""The mass-change limit: a run that would close or delete too many accounts is held until it is released.

Recent closures and deletions count too, so that a run can't bypass the limit by splitting it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import StagedError
from provisioner.core.api.events import Event
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.desired import MAY_BE_OPEN
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.ports import Census, Closings, TargetStateRecords
from provisioner.core.model import (
    AccountState,
    OperationState,
    StepError,
    TargetState,
)
from provisioner.core.model.mass_change import MassChangeLimit

#: Used instead of the name of a target.
IN_TOTAL = ""

_MAY_BE_OPEN = frozenset({AccountState.OPEN, AccountState.INCOMPLETE})


@attrs.frozen(kw_only=True)
class Share:
    """How many accounts would be closed or deleted, including recent closures."""

    #: The target for which it was counted, or :data:`IN_TOTAL`.
    target: str
    affected: int
    #: How many were open when the window started.
    out_of: int


@attrs.frozen(kw_only=True)
class HeldRun:
    """A run that was held as a whole, before anything was changed."""

    id: str
    at: datetime
    #: Who started it: the ID of a person, or the name of the policy.
    actor: str
    reason: str
    #: The target on which the limit is exceeded most, or :data:`IN_TOTAL`.
    target: str
    affected: int
    out_of: int
    #: The limit.
    percent: int
    #: The number of its pending operations.
    operations: int

    def error(self) -> StagedError:
        """Return why its operations are not carried out."""
        values = {"affected": self.affected, "out_of": self.out_of, "percent": self.percent, "target": self.target}
        if self.target == IN_TOTAL:
            return StagedError(
                "held: {affected} of {out_of} accounts would be closed; the limit is {percent} %",
                cure="see 'provisioner policy staged', then run 'provisioner policy release {run}' or discard it",
                run=self.id,
                **values,
            )
        return StagedError(
            "held: {affected} of {out_of} accounts on {target} would be closed; the limit is {percent} %",
            cure="see 'provisioner policy staged', then run 'provisioner policy release {run}' or discard it",
            run=self.id,
            **values,
        )


@attrs.frozen(kw_only=True)
class RunHeld(Event):
    """A run was held. The events that follow record its operations."""

    kind = "run_staged"

    run: HeldRun


@attrs.frozen(kw_only=True)
class RunReleased(Event):
    """A held run was released. Its pending operations are planned again."""

    kind = "run_released"

    run: str
    reason: str


@attrs.frozen(kw_only=True)
class RunDiscarded(Event):
    """A held run was discarded. Its pending operations have failed."""

    kind = "run_discarded"

    run: str
    reason: str
    #: The error of its operations.
    error: StepError


@attrs.frozen(kw_only=True)
class OperationHeld(Event):
    """A planned operation that was not started was held with its run."""

    kind = "operation_staged"

    run: str
    error: StepError


@attrs.frozen(kw_only=True)
class Guard:
    """Compares runs with the limit.

    Args:

        limit: The limit.

        census: Counts the accounts.

        accounts: Tells what is known of them on each target.

        now: The clock.
    """

    limit: MassChangeLimit
    census: Census
    accounts: TargetStateRecords
    now: Callable[[], datetime]

    def excess(self, work: Sequence[PlannedOperation], *, written: bool = False) -> Share | None:
        """Return by how much a run exceeds the limit, where it does so most; ``None`` if it doesn't.

        Args:

            work: The whole run. Operations that are in the journal already count with the running ones.

            written: Whether the rest of the run is in the journal too.
        """
        admitted = _is_recorded if written else _is_admitted
        closing = [planned for planned in work if KINDS[planned.operation.kind].closes and not admitted(planned)]
        if not closing:
            return None
        lately = self.census.closed_since(self.now() - self.limit.window)
        counts = self._counts(closing)
        shares = [self._share(target, 0 if written else counts[target], lately) for target in counts]
        over = [share for share in shares if self._is_exceeded(share)]
        return max(over, key=lambda share: share.affected / share.out_of, default=None)

    def _counts(self, closing: Sequence[PlannedOperation]) -> Counter[str]:
        states = self.accounts.all_target_states([planned.account.login for planned in closing])
        return Counter(
            place for planned in closing for place in _affected(planned, states.get(planned.account.login, {}))
        )

    def _share(self, target: str, count: int, lately: Mapping[str, Closings]) -> Share:
        closed = lately.get(target, Closings())
        affected = count + closed.accounts
        enough = max(self.limit.from_accounts, affected * 100 // self.limit.percent + 1)
        return Share(target=target, affected=affected, out_of=self.census.count_open(target, enough) + closed.gone)

    def _is_exceeded(self, share: Share) -> bool:
        return share.out_of >= self.limit.from_accounts and share.affected * 100 > share.out_of * self.limit.percent


def _is_recorded(work: PlannedOperation) -> bool:
    return work.recorded


def _is_admitted(work: PlannedOperation) -> bool:
    """Whether the operation was in the journal before, and not because it was held."""
    return work.recorded and work.operation.state is not OperationState.STAGED


def _affected(work: PlannedOperation, states: Mapping[str, TargetState]) -> Iterator[str]:
    """Yield the targets on which an existing account would be closed or deleted."""
    spec = KINDS[work.operation.kind]
    deletes = spec.leaves is TargetState.ABSENT
    if spec.alters and (deletes or work.account.state in _MAY_BE_OPEN):
        yield IN_TOTAL
    for target, state in states.items():
        if work.concerns(target) and (state in MAY_BE_OPEN or (deletes and state is not TargetState.ABSENT)):
            yield target
