"""Carries out plans: the preflight, many operations at the same time, and unfinished operations of a crash."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import chain, islice
from queue import SimpleQueue
from typing import TypeVar

import attrs

from provisioner.core.api.errors import (
    BusyError,
    DeniedError,
    LeaseLostError,
    NotReadyError,
    StoreError,
    SupersededError,
    TargetError,
    step_error,
)
from provisioner.core.api.events import Event, OperationPlanned
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.logs import Logger
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.execution import Execution
from provisioner.core.engine.holds import Holds
from provisioner.core.engine.limits import Share
from provisioner.core.engine.plan import Plan, PlannedOperation, only_ends_sessions
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Distribution, Records
from provisioner.core.engine.preflight import preflight
from provisioner.core.engine.read_ahead import ReadAhead, broken_off
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.engine.waiting import Obstacle, obstacle
from provisioner.core.gateways.maintenance import Calendar, OperationPutOff
from provisioner.core.model import Account, AccountState, Operation, OperationState

log = Logger(__name__)

ItemT = TypeVar("ItemT")

#: The number of operations that are recorded in one transaction.
CHUNK = 500

#: The number of running operations for each simultaneous call of the busiest target. Most of them wait for a target or
#: for the journal, which is more efficient if it serves many with one write.
WORKERS_PER_CALL = 8
MOST_WORKERS = 64


@attrs.define(eq=False, kw_only=True)
class Engine:
    """Carries out operations, several at the same time, and never two on one account.

    Args:

        context: The targets, the channels and the other shared objects.

        planner: Plans operations from the journal again.

        records: The stored data.

        holds: Holds runs that exceed the mass-change limit.

        calendar: Returns which targets and channels are in maintenance.

        require_current: Raises a :class:`~provisioner.core.api.errors.DeniedError` if the data on which an operation is
            based has changed since it was requested. Called before each attempt, regardless of who continues the
            operation.

        distribution: Hands operations to workers; ``None`` to carry them out in this process.

        concurrency: The number of operations that are carried out at the same time; by default, it depends on the
            calls that targets accept.
    """

    context: EngineContext
    planner: Planner
    records: Records
    holds: Holds
    calendar: Calendar
    require_current: Callable[[PlannedOperation], None] = lambda _: None
    distribution: Distribution | None = None
    concurrency: int | None = None
    _ahead: ReadAhead = attrs.field(init=False)

    @_ahead.default
    def _read_ahead(self) -> ReadAhead:
        return ReadAhead(self.planner, dispatch=self.context.dispatch)

    def preflight(self, work: Sequence[PlannedOperation]) -> Sequence[TargetError]:
        """Check that everything that the operations need is available, before the first change.

        Targets in maintenance are not called: the operations wait for them. Closures and deletions need nothing: they
        are carried out where possible, and the rest waits. No operation needs a target that only ends sessions.

        Returns:

            The errors of targets that can't be used now, if the operations continue without them.

        Raises:

            NotReadyError: Targets or channels can't be used now, and a password has to be generated; the error names
                all of them.

            InputError: A receiver of a password can't be reached; the error names all of them.
        """
        return preflight(work, self.context, self.calendar)

    def apply(self, plan: Plan) -> list[Operation]:
        """Carry out a plan, and return its operations in their final state; see :meth:`iter_apply`."""
        return list(self.iter_apply(plan))

    def iter_apply(self, plan: Plan) -> Iterator[Operation]:
        """Carry out a plan while the result is iterated.

        The plan is in the journal when this returns. Each operation is yielded when it ends or stops. If the program is
        stopped, the operations that were not started are yielded in the state planned, for ``resume``.

        A run that exceeds the mass-change limit is held as a whole: its operations are yielded in the state staged, and
        so are later those of a run that requests the same again. While a target is in maintenance, an operation that
        generates a password waits in the state planned.

        Raises:

            NotReadyError: Targets or channels can't be used now, and a password has to be generated. Nothing was
                changed.

            InputError: A receiver of a password can't be reached. Nothing was changed.

            StoreError: The journal can't be written; also while the result is iterated.
        """
        if not plan.work:
            return iter(())
        read_at = self._ahead.now
        self.preflight(plan.work)
        if share := self.holds.excess(plan.work):
            return iter(_operations(self._write_down(self.holds.hold(plan.work, share))))
        work = self._write_down(plan.work)
        if share := self.holds.excess(plan.work, written=True):
            return iter(self._hold_back(work, share))
        if self.distribution:  # workers read what they need
            return self._distribute(work, self.distribution)
        return self._run(self._ahead.keep_current(self._ahead.numbered(work), read_at=read_at))

    def releasable(self, run: str, *, actor: str) -> list[PlannedOperation | Operation]:
        """Return what a release of a held run by this person would carry out.

        Later operations on the same accounts have replaced the others. Operations that can't continue now, for example
        because a person can't be looked up, are returned unchanged, with the reason.

        Raises:

            InputError: There is no such held run.

            NotAuthorizedError: The person may not release it.
        """
        operations = self.holds.operations(run)
        self.planner.require_release(operations, actor)
        return [_released(found) for found in self._ahead.plan(operations)]

    def release(self, run: str, *, actor: str, reason: str = "") -> list[Operation]:
        """Carry out the pending operations of a held run, and return them; see :meth:`iter_release`."""
        return list(self.iter_release(run, actor=actor, reason=reason))

    def iter_release(self, run: str, *, actor: str, reason: str = "") -> Iterator[Operation]:
        """Carry out the pending operations of a held run while the result is iterated; see :meth:`iter_apply`.

        Args:

            run: The ID of the run.

            actor: The ID of the person who releases the run.

            reason: The reason.

        Raises:

            InputError: There is no such held run.

            NotAuthorizedError: The actor may not release it. Nothing was changed.

            NotReadyError: Targets or channels can't be used now, and a password has to be generated. Nothing was
                changed.
        """
        work = self.releasable(run, actor=actor)
        self.preflight([planned for planned in work if isinstance(planned, PlannedOperation)])
        self.holds.release(run, actor=actor, reason=reason)
        return self._run(work)

    def resume(self) -> list[Operation]:
        """Finish operations that are planned, interrupted or due for their next attempt, and return them; see
        :meth:`iter_retry`.
        """
        return list(self.iter_resume())

    def iter_resume(self) -> Iterator[Operation]:
        """Finish the same operations while the result is iterated."""
        return self.iter_retry(self.records.operations.resumable(self.context.now()))

    def iter_retry(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Carry out unfinished operations from the journal, while the result is iterated.

        The time of their next attempt doesn't matter.

        Operations that can't continue now are yielded unchanged, with the reason; see :meth:`startable`.

        Raises:

            NotReadyError: Targets can't be used now, and every operation needs them. Nothing was changed.

            StoreError: The journal can't be read or written.
        """
        if self.distribution:
            return self._hand_on(operations, self.distribution)
        return self._run(self.startable(operations))

    def startable(self, operations: Iterable[Operation]) -> Iterator[PlannedOperation | Operation]:
        """Return operations from the journal as planned operations, or unchanged if they can't continue now.

        While a target can't be used, closures and deletions continue without it, and the other operations wait.

        Raises:

            NotReadyError: Targets can't be used now, and every operation needs them.

            StoreError: The journal can't be read.
        """
        left = iter(operations)
        first = next(left, None)
        if first is None:
            return iter(())
        found = chain((first,), left)
        try:
            self.preflight(())
        except NotReadyError as error:
            waiting = list(found)
            others = [attrs.evolve(planned, error=step_error(error)) for planned in waiting if _needs_all(planned)]
            if len(others) == len(waiting):
                raise
            return chain(self._ahead.plan(planned for planned in waiting if not _needs_all(planned)), others)
        return self._ahead.plan(found)

    def _hold_back(self, work: Sequence[PlannedOperation | Operation], share: Share) -> list[Operation]:
        """Hold a run that exceeds the limit only together with another one that was planned at the same time."""
        new = [planned.operation for planned in work if isinstance(planned, PlannedOperation) and not planned.recorded]
        held = self.holds.hold_planned(new, share)
        return [held.get(operation.id, operation) for operation in _operations(work)]

    def _write_down(self, work: Sequence[PlannedOperation]) -> list[PlannedOperation | Operation]:
        """Write the plan into the journal. Return the planned operations, or an operation that could not be planned.

        Raises:

            StoreError: The plan could not be written.
        """
        work = [planned if planned.recorded else self._waiting(planned) for planned in work]
        new = [planned for planned in work if not planned.recorded]
        written: dict[str, Operation] = {}
        for start in range(0, len(new), CHUNK):
            try:
                written |= self._write_chunk(new[start : start + CHUNK])
            except StoreError as error:
                if start == 0:
                    raise
                unwritten = [attrs.evolve(planned.operation, error=step_error(error)) for planned in new[start:]]
                written |= {operation.id: operation for operation in unwritten}
                break
        return [written.get(planned.operation.id, planned) for planned in work]

    def _waiting(self, work: PlannedOperation) -> PlannedOperation:
        """Return an operation that has to wait, as it is recorded."""
        error = obstacle(work, self.context) if work.operation.state is OperationState.PLANNED else None
        return attrs.evolve(work, operation=_put_off(work.operation, error)) if error else work

    def _write_chunk(self, work: Sequence[PlannedOperation]) -> dict[str, Operation]:
        """Record these operations. Return those that another process recorded first, by ID."""
        plain = [planned for planned in work if not planned.superseded]
        alone = [planned for planned in work if planned.superseded]
        refused = {}
        try:
            self.context.record(*(self._planned(planned, planned.account) for planned in plain))
        except BusyError:
            alone += plain
        for planned in alone:
            try:
                self._write_alone(planned)
            except (BusyError, LeaseLostError) as error:
                refused[planned.operation.id] = attrs.evolve(planned.operation, error=step_error(error))
        return refused

    def _write_alone(self, work: PlannedOperation) -> None:
        events: list[Event] = []
        account = work.account
        if work.superseded:
            if work.begun_before:
                account = attrs.evolve(account, state=AccountState.INCOMPLETE)
            book = OperationRecorder(work.superseded, lambda *more: events.extend(more), self.context.now)
            book.start()
            reason = SupersededError("a later '{kind}' of the same account replaced it", kind=work.operation.kind.value)
            book.finish(OperationState.FAILED, account, reason)
        self.context.record(*events, self._planned(work, account))

    def _planned(self, work: PlannedOperation, account: Account) -> OperationPlanned:
        operation = work.operation
        return OperationPlanned(
            at=operation.created_at,
            operation_id=operation.id,
            login=operation.login,
            actor=operation.actor,
            operation=operation,
            account=account,
            undelivered=work.undelivered,
        )

    def _run(self, work: Iterable[PlannedOperation | Operation]) -> Iterator[Operation]:
        """Carry out operations, several at the same time, and yield each when it ends.

        If the store fails, running operations are awaited, operations that were not started are yielded unchanged, and
        the error is raised last.
        """
        if self.distribution:
            yield from self._distribute(list(work), self.distribution)
            return
        workers = self.concurrency or min(
            MOST_WORKERS, WORKERS_PER_CALL * max((target.parallel for target in self.context.targets), default=1)
        )
        pool = ThreadPoolExecutor(workers, thread_name_prefix="operation")
        ended: SimpleQueue[Future[Operation]] = SimpleQueue()
        failures: list[StoreError] = []
        running = 0
        try:
            for planned in _until_failure(work, failures):
                if isinstance(planned, Operation):
                    yield planned
                    continue
                pool.submit(copy_context().run, self._carry_out, planned, failures).add_done_callback(ended.put)
                running += 1
                if running == 2 * workers:
                    yield ended.get().result()
                    running -= 1
            for _ in range(running):
                yield ended.get().result()
        finally:
            pool.shutdown(cancel_futures=True)
        if failures:
            raise failures[0]

    def _distribute(
        self, work: Sequence[PlannedOperation | Operation], distribution: Distribution
    ) -> Iterator[Operation]:
        """Let workers carry out operations, and yield each when none has it any more."""
        planned = [item for item in work if isinstance(item, PlannedOperation)]
        ready = {item.operation.id for item in planned if _is_ready(item)}
        yield from (operation for operation in _operations(work) if operation.id not in ready)
        for some in _batches(ready, CHUNK):
            distribution.hand_out(some)
        yield from self._returned(ready, distribution)

    def _hand_on(self, operations: Iterable[Operation], distribution: Distribution) -> Iterator[Operation]:
        """Let workers carry out unfinished operations, except for those that they have already."""
        ours: list[str] = []
        for some in _batches(operations, CHUNK):
            new = set(distribution.hand_out([operation.id for operation in some]))
            ours += new
            yield from (_in_other_hands(operation) for operation in some if operation.id not in new)
        yield from self._returned(ours, distribution)

    def _returned(self, ids: Collection[str], distribution: Distribution) -> Iterator[Operation]:
        left = set(ids)
        for some in distribution.returned(ids, self.context.retry.stop):
            left -= set(some)
            for operation in self.records.operations.get_many(some).values():
                yield _in_other_hands(operation) if operation.state in _UNSETTLED else operation
        yield from self.records.operations.get_many(left).values()

    def _carry_out(self, work: PlannedOperation, failures: list[StoreError]) -> Operation:
        """Carry out one operation, unless the program is stopped or the store has failed."""
        if failures or self.context.retry.stop.is_set() or work.operation.state is OperationState.STAGED:
            return work.operation
        try:
            current = self._ahead.current(work)
        except StoreError as error:
            failures.append(error)
            return attrs.evolve(work.operation, error=step_error(error))
        if isinstance(current, Operation):
            return current
        return self._carry_out_current(current, failures)

    def _carry_out_current(self, work: PlannedOperation, failures: list[StoreError]) -> Operation:
        execution = Execution(work, self.context)
        try:
            return self._execute(work, execution)
        except LeaseLostError as error:
            return attrs.evolve(work.operation, state=OperationState.RUNNING, error=step_error(error))
        except (BusyError, DeniedError) as error:
            return attrs.evolve(work.operation, error=step_error(error))
        except StoreError as error:
            failures.append(error)
            state = OperationState.RUNNING if execution.has_begun else work.operation.state
            return attrs.evolve(work.operation, state=state, error=step_error(error))
        except Exception as error:
            return broken_off(work.operation, error)

    def _execute(self, work: PlannedOperation, execution: Execution) -> Operation:
        if obstructed := obstacle(work, self.context):
            return self._wait(work.operation, obstructed)
        if not work.only_ends_sessions:
            self.require_current(work)
        return execution.run()

    def _wait(self, operation: Operation, error: Obstacle) -> Operation:
        """Postpone an operation that has to wait, and record it in the journal."""
        waiting = _put_off(operation, error)
        if operation.next_try_at == error.until or operation.state is OperationState.RUNNING:
            return waiting
        event = OperationPutOff(
            at=self.context.now(),
            actor=operation.actor,
            login=operation.login,
            operation_id=operation.id,
            next_try_at=error.until,
            error=step_error(error),
        )
        self.context.record(event)
        return waiting


#: The states of operations that a worker had and could not carry out, for example because another one has the account.
_UNSETTLED = frozenset({OperationState.PLANNED, OperationState.RUNNING})


def _is_ready(work: PlannedOperation) -> bool:
    """Whether an operation neither is held nor waits for something."""
    return work.operation.state is not OperationState.STAGED and not work.operation.next_try_at


def _in_other_hands(operation: Operation) -> Operation:
    if operation.error:
        return operation
    error = BusyError(
        "operation {operation} on {login} waits for a worker",
        cure="wait; the workers continue it",
        operation=operation.id,
        login=operation.login,
    )
    return attrs.evolve(operation, error=step_error(error))


def _batches(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _until_failure(
    work: Iterable[PlannedOperation | Operation], failures: list[StoreError]
) -> Iterator[PlannedOperation | Operation]:
    """Yield operations until the store fails."""
    try:
        yield from work
    except StoreError as error:
        failures.append(error)


def _operations(work: Iterable[PlannedOperation | Operation]) -> list[Operation]:
    return [planned.operation if isinstance(planned, PlannedOperation) else planned for planned in work]


def _needs_all(operation: Operation) -> bool:
    """Whether an operation needs every target: it sets a password, and doesn't only end sessions."""
    return KINDS[operation.kind].delivers and not only_ends_sessions(operation)


def _released(found: PlannedOperation | Operation) -> PlannedOperation | Operation:
    """Return a held operation after its release; the reason why it can't continue is kept."""
    if isinstance(found, Operation):
        return attrs.evolve(found, state=OperationState.PLANNED)
    return attrs.evolve(found, operation=attrs.evolve(found.operation, state=OperationState.PLANNED, error=None))


def _put_off(operation: Operation, error: Obstacle) -> Operation:
    return attrs.evolve(operation, next_try_at=error.until, error=step_error(error))
