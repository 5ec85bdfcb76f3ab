"""Runs: plans that are previewed and carried out, and operations that are resumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from provisioner.core.api.errors import (
    ClockError,
    InputError,
    NotReadyError,
    StoppedError,
    StoreError,
    TargetError,
    UnsupportedError,
)
from provisioner.core.api.events import OperationRetried
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.limits import Share
from provisioner.core.engine.plan import Plan, PlannedOperation, Refused, Unchanged
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.model import Operation, OperationState, StepError
from provisioner.store import Store

if TYPE_CHECKING:
    from provisioner.core.engine.preview import Preview
    from provisioner.core.policy.follow_up import Followed
    from provisioner.core.policy.notice_messages import Notice

#: Errors that are raised before an operation begins.
_PREVENTING = (ClockError, InputError, NotReadyError)


@attrs.frozen(kw_only=True)
class RunPreview:
    """What a run would do, as one person may read it."""

    #: The operations, and the accounts that need no operation or can have none.
    plan: Plan
    #: By how much the run exceeds the mass-change limit; ``None`` if it keeps the limit.
    excess: Share | None = None
    #: Targets and channels that cannot be used now, although the run goes on without them.
    unusable: tuple[TargetError, ...] = ()
    #: What would become of the attributes of accounts.
    changes: tuple[Preview, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the run would do everything that was asked for."""
        errors = (step.error for work in self.plan.work for step in work.operation.steps)
        return not self.plan.refused and not any(
            error.name == UnsupportedError.__name__ for error in errors if error is not None
        )


@attrs.frozen(kw_only=True)
class RunSummary:
    """What happened to a run so far."""

    #: How many operations are in each state.
    states: Mapping[OperationState, int]
    #: How many accounts needed nothing.
    unchanged: int
    #: How many accounts can have no operation as they stand.
    refused: int

    @property
    def is_held(self) -> bool:
        """Whether operations wait for a release, because the run exceeds the mass-change limit."""
        return OperationState.STAGED in self.states

    @property
    def is_complete(self) -> bool:
        """Whether everything that was asked for is done."""
        return not self.refused and not set(self.states) - {OperationState.DONE}


@attrs.define(eq=False)
class Run:
    """A run that is under way. Iterate over it, or call :meth:`wait`: the work is done meanwhile.

    Args:

        operations: Yields the operations as they end.

        unchanged: Accounts that need nothing.

        refused: Accounts that can have no operation as they stand.

        total: How many operations there are, if that is known.

        notices: Filled while the run is iterated.
    """

    operations: Iterable[Operation]
    unchanged: Sequence[Unchanged] = attrs.field(default=(), kw_only=True)
    refused: Sequence[Refused] = attrs.field(default=(), kw_only=True)
    total: int | None = attrs.field(default=None, kw_only=True)
    #: What people are told of passwords that were not reported as delivered, as far as the run has come.
    notices: Sequence[Notice] = attrs.field(default=(), kw_only=True)
    #: The operations that have ended or stopped, in that order; also if the run breaks off with an error.
    ended: list[Operation] = attrs.field(factory=list, init=False)

    def __iter__(self) -> Iterator[Operation]:
        """Yield each operation as it ends or stops.

        Raises:

            ProvisionerError: The run breaks off. :meth:`is_prevented_by` says whether it had begun.
        """
        for operation in self.operations:
            self.ended.append(operation)
            yield operation

    def wait(self) -> RunSummary:
        """Return what happened to the run at its end.

        Raises:

            ProvisionerError: The run breaks off. :meth:`is_prevented_by` says whether it had begun.
        """
        for _ in self:
            pass
        return self.summary

    @property
    def summary(self) -> RunSummary:
        """What happened to the run so far."""
        states = Counter(operation.state for operation in self.ended)
        return RunSummary(states=states, unchanged=len(self.unchanged), refused=len(self.refused))

    def is_prevented_by(self, error: Exception) -> bool:
        """Whether an error of this run means that no operation began."""
        return not self.ended and isinstance(error, _PREVENTING)


@attrs.frozen(kw_only=True)
class Runs:
    """Carries out plans, and operations that are in the journal.

    Args:

        engine: Carries out the operations.

        store: The stored data.

        authority: Decides who may read personal data.

        follow_up: Follows up messages with passwords.
    """

    engine: Engine
    store: Store
    authority: Authority
    follow_up: Callable[[], Iterator[Followed]] = lambda: iter(())

    def preview(self, plan: Plan, *, viewer: str) -> RunPreview:
        """Return what a run would do.

        Args:

            plan: What to do.

            viewer: Who reads the answer. Personal data that this person may not read are masked.

        Raises:

            NotReadyError: Targets or channels cannot be used now, and the run cannot do without them.

            InputError: A person who is to receive a password cannot be reached.
        """
        from provisioner.core.engine.preview import preview

        unusable = self.engine.preflight(plan.work) if plan.work else ()
        privacy, operations = Privacy(self.authority, viewer), [work.operation for work in plan.work]
        shown = privacy.shown_operations(operations, self.store.accounts.get_many)
        work = [attrs.evolve(work, operation=operation) for work, operation in zip(plan.work, shown, strict=True)]
        changes = preview(plan.work, self.engine.context.targets)
        return RunPreview(
            plan=attrs.evolve(plan, work=tuple(work)),
            excess=self.engine.holds.excess(plan.work),
            unusable=tuple(unusable),
            changes=tuple(privacy.shown_foreseen(list(changes), operations, self.store.accounts.get_many)),
        )

    def start(
        self, plan: Plan, *, prepare: Callable[[], None] | None = None, complete: Callable[[], None] | None = None
    ) -> Run:
        """Carry a plan out while the run is iterated.

        Args:

            plan: What to do.

            prepare: Writes what the plan rests on. Called when it is certain that the plan can be begun.

            complete: Writes what belongs to the plan. Called when the run is iterated and the plan is in the journal,
                before anything is carried out.

        Returns:

            The run. What was prepared is written when this returns.

        Raises:

            NotReadyError: Targets or channels cannot be used now, and the run cannot do without them.

            InputError: A person who is to receive a password cannot be reached.

            StoppedError: The program was asked to stop.

            StoreError: The store failed.
        """
        if prepare and plan.work:
            self.engine.preflight(plan.work)
        if self.engine.context.retry.stop.is_set():
            raise StoppedError("the program was stopped before anything was changed", cure="run the command again")
        if prepare:
            prepare()
        # After the preparation something is changed, so errors of the engine belong to the run.
        operations = self._applied(plan, complete) if prepare or complete else self.engine.iter_apply(plan)
        return Run(operations, unchanged=plan.unchanged, refused=plan.refused, total=len(plan.work))

    def resume(self, *, only_due: bool = False) -> Run:
        """Carry out all operations that have not ended, then follow up messages with passwords.

        Args:

            only_due: Whether to skip operations that wait for a later try.

        Raises:

            NotReadyError: Targets cannot be used now, and no operation can do without them.

            StoreError: The store failed, or lacks its last changes, so that an operation may be of the past.
        """
        self.store.expect_current()
        left = self.engine.iter_retry(self._left(only_due=only_due))
        notices: list[Notice] = []
        return Run(chain(left, self._renewals(notices)), notices=notices)

    def carry_out(self, ids: Collection[str]) -> Run:
        """Carry out some operations, as far as they can be resumed now.

        Others, for example those that another process carries out, stay as they are.

        Args:

            ids: The IDs of the operations.

        Raises:

            NotReadyError: Targets cannot be used now, and no operation can do without them.

            StoreError: The store failed, or lacks its last changes, so that an operation may be of the past.
        """
        self.store.expect_current()
        now = self.engine.context.now()
        return Run(self.engine.iter_retry(self.store.operations.resumable(now, among=ids)))

    def preview_resume(self, *, only_due: bool = False, viewer: str) -> RunPreview:
        """Return what :meth:`resume` would do with operations, and raise what :meth:`preview` raises.

        Args:

            only_due: Whether to skip operations that wait for a later try.

            viewer: Who reads the answer.
        """
        return self.preview_retry(self._left(only_due=only_due), viewer=viewer)

    def retry(self, operations: Iterable[Operation], unchanged: Sequence[Unchanged] = (), *, actor: str) -> Run:
        """Carry out operations that have not ended, without waiting for their next try.

        The audit log says who wanted that; the operations keep those who requested them.

        Args:

            operations: The operations.

            unchanged: Accounts that need nothing.

            actor: Who wants it.

        Raises:

            NotReadyError: Targets cannot be used now, and no operation can do without them.

            StoreError: The store failed.
        """
        again, at = list(operations), self.engine.context.now()
        self.engine.context.record(
            *(
                OperationRetried(at=at, actor=actor, login=operation.login, operation_id=operation.id)
                for operation in again
            )
        )
        return Run(self.engine.iter_retry(again), unchanged=unchanged)

    def preview_retry(
        self, operations: Iterable[Operation], unchanged: Sequence[Unchanged] = (), *, viewer: str
    ) -> RunPreview:
        """Return what :meth:`retry` would do, and raise what :meth:`preview` raises.

        Args:

            operations: The operations.

            unchanged: Accounts that need nothing.

            viewer: Who reads the answer.
        """
        return self.preview_again(self.engine.startable(operations), unchanged, viewer=viewer)

    def preview_again(
        self, again: Iterable[PlannedOperation | Operation], unchanged: Sequence[Unchanged] = (), *, viewer: str
    ) -> RunPreview:
        """Return what would be done with operations from the journal.

        Args:

            again: The work, and those operations that cannot go on now as they are.

            unchanged: Accounts that need nothing.

            viewer: Who reads the answer.

        Raises:

            NotReadyError: Targets or channels cannot be used now, and the operations cannot do without them.

            InputError: A person who is to receive a password cannot be reached.
        """
        found = list(again)
        work = tuple(item for item in found if isinstance(item, PlannedOperation))
        left = self.shown((item for item in found if isinstance(item, Operation)), viewer=viewer)
        plan = Plan(work=work, unchanged=tuple(unchanged), refused=tuple(map(_refused, left)))
        return self.preview(plan, viewer=viewer)

    def is_prevented(self, run: Run, error: Exception) -> bool:
        """Return whether an error of a run means that nothing was changed.

        Args:

            run: The run, of a process that does nothing else.

            error: The error.
        """
        return run.is_prevented_by(error) or (isinstance(error, StoreError) and not self.store.has_written)

    def shown(self, operations: Iterable[Operation], *, viewer: str) -> list[Operation]:
        """Return operations without the personal data that the viewer may not read."""
        return list(Privacy(self.authority, viewer).shown_operations(operations, self.store.accounts.get_many))

    def _applied(self, plan: Plan, complete: Callable[[], None] | None) -> Iterator[Operation]:
        operations = self.engine.iter_apply(plan)
        if complete:
            complete()
        yield from operations

    def shown_notices(self, notices: Iterable[Notice], *, viewer: str) -> list[Notice]:
        """Return notices without the personal data that the viewer may not read."""
        return list(Privacy(self.authority, viewer).shown_notices(notices, self.store.accounts.get_many))

    def _renewals(self, notices: list[Notice]) -> Iterator[Operation]:
        """Follow up messages with passwords, and yield the operations that make new ones."""
        from provisioner.core.policy.notice_messages import Notice

        for followed in self.follow_up():
            if isinstance(followed, Operation):
                yield followed
            elif isinstance(followed, Notice):
                notices.append(followed)

    def _left(self, *, only_due: bool) -> Iterator[Operation]:
        """Yield the operations that have not ended, each once: first what is due, then what waits for its next try."""
        seen = set()
        for operation in self.store.operations.resumable(self.engine.context.now()):
            seen.add(operation.id)
            yield operation
        if not only_due:
            yield from (operation for operation in self._waiting() if operation.id not in seen)

    def _waiting(self) -> list[Operation]:
        """Return the operations that did not work and have a next try, the oldest first."""
        return list(self.store.operations.find(state=OperationState.INCOMPLETE))[::-1]


def _refused(operation: Operation) -> Refused:
    error = operation.error or StepError(name="", message="")
    return Refused(login=operation.login, reason=error.message, cure=error.cure)
