"""Carries out plans: preflight, then many operations at once, and what a crash left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from queue import SimpleQueue

import attrs
import structlog

from provisioner.core.api.errors import (
    BusyError,
    CircuitOpenError,
    DeniedError,
    InMaintenanceError,
    InputError,
    LeaseLostError,
    NotReadyError,
    Problem,
    StoreError,
    SupersededError,
    TargetError,
    known_or_defect,
    step_error,
)
from provisioner.core.api.events import Event, OperationPlanned
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import CheckChannel
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.execution import Execution
from provisioner.core.engine.holds import Staging
from provisioner.core.engine.limits import Share
from provisioner.core.engine.plan import Plan, PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Records
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.engine.waiting import obstacle
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.maintenance import Calendar, OperationPutOff
from provisioner.core.model import Account, AccountState, Operation, OperationState, Person
from provisioner.core.model.text import Text

log = structlog.stdlib.get_logger(__name__)

#: How many operations are written down in one transaction.
CHUNK = 500

#: How many operations are under way for each call that the busiest target allows at once. Most of them wait: for a
#: turn at a target, or for the journal, which is the cheaper the more of them it serves with one write.
WORKERS_PER_CALL = 8
MOST_WORKERS = 64


@attrs.define(eq=False, kw_only=True)
class Engine:
    """Carries out operations, several at once, and never two on one account.

    Args:

        context: The targets, the channels and what every operation shares.

        planner: Makes work of operations that are in the journal.

        records: What is known.

        staging: Holds back what is too big to be carried out at once.

        calendar: Knows which targets and channels are in maintenance, as their breakers do.

        require_current: Raises a :class:`~provisioner.core.api.errors.DeniedError` if what an operation rests on has
            changed since it was asked for. Called right before each try, whoever it is that drives it on.
    """

    context: EngineContext
    planner: Planner
    records: Records
    staging: Staging
    calendar: Calendar
    require_current: Callable[[PlannedOperation], None] = lambda _: None

    def preflight(self, work: Sequence[PlannedOperation]) -> Sequence[TargetError]:
        """Make sure that everything the work needs is there, before the first write.

        What is in maintenance is not asked: the work waits for it. Closings and deletions need nothing: they shut the
        doors that can be shut, and the rest of them waits.

        Returns:

            What cannot be used now, if the work goes on without it.

        Raises:

            NotReadyError: Targets or channels cannot be used now, and a password is to be made; all of them are named.

            InputError: Somebody who is to receive a password cannot be reached; all of them are named.
        """
        self.calendar.look()
        recipients = tuple({planned.holder.id: planned.holder for planned in work if planned.holder}.values())
        checks: list[Callable[[], Sequence[Problem]]] = [
            partial(_check_target, target.check if "target_check" in target.hooks else target.expect_no_quarantine)
            for target in self.context.targets
            if target.maintenance() is None
        ]
        if recipients:
            checks.append(partial(self._check_channels, recipients))
        problems, errors = _all(checks)
        if errors and not (work and all(_shuts(planned.operation) for planned in work)):
            raise NotReadyError(errors)
        if problems:
            raise InputError(problems)
        return errors

    def apply(self, plan: Plan) -> list[Operation]:
        """Carry a plan out, and return its operations as they ended; see :meth:`iter_apply`."""
        return list(self.iter_apply(plan))

    def iter_apply(self, plan: Plan) -> Iterator[Operation]:
        """Carry a plan out while the answer is iterated.

        The plan is in the journal when this returns. Each operation is yielded as it ends or stops, in the order in
        which they do. When the program is asked to stop, the operations that were not begun are yielded as they are,
        planned, for ``resume``.

        A run that exceeds the mass-change limit is held back as a whole: its operations are yielded as they are,
        staged, and so are later those of a run that wishes the same again. An operation that makes a password waits,
        planned, while a target is in maintenance.

        Raises:

            NotReadyError: Targets or channels cannot be used now, and a password is to be made. Nothing was changed.

            InputError: Somebody who is to receive a password cannot be reached. Nothing was changed.

            StoreError: The journal cannot be written; also while the answer is iterated.
        """
        if not plan.work:
            return iter(())
        self.preflight(plan.work)
        if share := self.staging.excess(plan.work):
            return iter(_operations(self._write_down(self.staging.stage(plan.work, share))))
        work = self._write_down(plan.work)
        if share := self.staging.excess(plan.work, written=True):
            return iter(self._hold_back(work, share))
        return self._run(work)

    def releasable(self, run: str, *, actor: str) -> list[PlannedOperation | Operation]:
        """Return what would be carried out of a run that was held back if this person released it.

        That is what is left of it: later wishes for the same accounts have taken the place of the rest. Operations that
        cannot go on now, for example because somebody cannot be looked up, are returned as they are, with the reason.

        Raises:

            InputError: There is no such held run.

            NotAuthorizedError: The person may not release it.
        """
        operations = self.staging.operations(run)
        self.planner.require_release(operations, actor)
        return [_released(found) for found in self._again(operations)]

    def release(self, run: str, *, actor: str, reason: str = "") -> list[Operation]:
        """Carry out what is left of a held run, and return its operations; see :meth:`iter_release`."""
        return list(self.iter_release(run, actor=actor, reason=reason))

    def iter_release(self, run: str, *, actor: str, reason: str = "") -> Iterator[Operation]:
        """Carry out what is left of a held run while the answer is iterated; see :meth:`iter_apply`.

        Args:

            run: The id of the run.

            actor: The ID of the person who releases the run.

            reason: Why.

        Raises:

            InputError: There is no such held run.

            NotAuthorizedError: The actor may not release it. Nothing was changed.

            NotReadyError: Targets or channels cannot be used now, and a password is to be made. Nothing was changed.
        """
        work = self.releasable(run, actor=actor)
        self.preflight([planned for planned in work if isinstance(planned, PlannedOperation)])
        self.staging.release(run, actor=actor, reason=reason)
        return self._run(work)

    def resume(self) -> list[Operation]:
        """Finish what was planned, interrupted or is due for its next try, and return it; see :meth:`iter_retry`."""
        return list(self.iter_resume())

    def iter_resume(self) -> Iterator[Operation]:
        """Finish the same while the answer is iterated."""
        return self.iter_retry(self.records.operations.resumable(self.context.now()))

    def iter_retry(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Carry out operations from the journal that have not ended, while the answer is iterated.

        It does not matter when their next try is due.

        Those that cannot go on now are yielded as they are, with the reason; see :meth:`startable`.

        Raises:

            NotReadyError: Targets cannot be used now, and no operation can do without them. Nothing was changed.

            StoreError: The journal cannot be read or written.
        """
        return self._run(self.startable(operations))

    def startable(self, operations: Iterable[Operation]) -> Iterator[PlannedOperation | Operation]:
        """Return the work of operations from the journal, and as they are those that cannot go on now.

        While a target cannot be used, closings and deletions go on without it, and the other operations wait.

        Raises:

            NotReadyError: Targets cannot be used now, and no operation can do without them.

            StoreError: The journal cannot be read.
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
            shutting = [planned for planned in waiting if _shuts(planned)]
            if not shutting:
                raise
            others = [attrs.evolve(planned, error=step_error(error)) for planned in waiting if not _shuts(planned)]
            return chain(self._again(shutting), others)
        return self._again(found)

    def _check_channels(self, recipients: tuple[Person, ...]) -> list[Problem]:
        """Say who cannot be reached over any channel that works; one working channel is enough."""
        unreachable: list[dict[str, str | Text]] = []
        errors: list[TargetError] = []
        channels = [deliverer for deliverer in self.context.deliverers if deliverer.maintenance() is None]
        if not channels:
            return []
        for channel in channels:
            try:
                unreachable.append(_unreachable(channel, recipients))
            except TargetError as error:
                errors.append(error)
        if not unreachable:
            raise NotReadyError(errors)
        nowhere = set.intersection(*(set(persons) for persons in unreachable))
        return [
            Problem(subject=person.id, field="mobile", message=Text("{why}", {"why": unreachable[0][person.id]}))
            for person in recipients
            if person.id in nowhere
        ]

    def _hold_back(self, work: Sequence[PlannedOperation | Operation], share: Share) -> list[Operation]:
        """Stage a run that only together with another one, planned at the same time, exceeds the limit."""
        new = [planned.operation for planned in work if isinstance(planned, PlannedOperation) and not planned.recorded]
        held = self.staging.stage_planned(new, share)
        return [held.get(operation.id, operation) for operation in _operations(work)]

    def _write_down(self, work: Sequence[PlannedOperation]) -> list[PlannedOperation | Operation]:
        """Write the plan into the journal; returns the work, or an operation that could not be planned.

        Raises:

            StoreError: Nothing of it could be written.
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
        """Return work that waits for the end of a maintenance as it is written down."""
        error = obstacle(work.operation, self.context) if work.operation.state is OperationState.PLANNED else None
        return attrs.evolve(work, operation=_put_off(work.operation, error)) if error else work

    def _write_chunk(self, work: Sequence[PlannedOperation]) -> dict[str, Operation]:
        """Write down these operations; answers those that somebody else was faster with, by id."""
        plain = [planned for planned in work if not planned.superseded]
        alone = [planned for planned in work if planned.superseded]
        refused = {}
        try:
            self.context.record(*(self._planned(planned.operation, planned.account) for planned in plain))
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
            reason = SupersededError("{kind} of the same account took its place", kind=work.operation.kind.value)
            book.finish(OperationState.FAILED, account, reason)
        self.context.record(*events, self._planned(work.operation, account))

    def _planned(self, operation: Operation, account: Account) -> OperationPlanned:
        return OperationPlanned(
            at=operation.created_at,
            operation_id=operation.id,
            login=operation.login,
            actor=operation.actor,
            operation=operation,
            account=account,
        )

    def _again(self, operations: Iterable[Operation]) -> Iterator[PlannedOperation | Operation]:
        for operation in operations:
            try:
                yield self.planner.again(operation)
            except (InputError, TargetError) as error:
                yield attrs.evolve(operation, error=step_error(error))
            except StoreError:
                raise
            except Exception as error:
                yield _broken_off(operation, error)

    def _run(self, work: Iterable[PlannedOperation | Operation]) -> Iterator[Operation]:
        """Carry work out, several operations at once, and yield each as it ends.

        When the store fails, what is under way is waited for, what was not begun is yielded as it is, and the failure
        is raised last.
        """
        workers = min(
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
                pool.submit(self._carry_out, planned, failures).add_done_callback(ended.put)
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

    def _carry_out(self, work: PlannedOperation, failures: list[StoreError]) -> Operation:
        """Carry one operation out, unless the program is asked to stop or the store has failed."""
        if failures or self.context.retry.stop.is_set() or work.operation.state is OperationState.STAGED:
            return work.operation
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
            return _broken_off(work.operation, error)

    def _execute(self, work: PlannedOperation, execution: Execution) -> Operation:
        if obstructed := obstacle(work.operation, self.context):
            return self._wait(work.operation, obstructed)
        self.require_current(work)
        return execution.run()

    def _wait(self, operation: Operation, error: InMaintenanceError) -> Operation:
        """Leave an operation alone until the end of a maintenance, and see that the journal says so."""
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


def _until_failure(
    work: Iterable[PlannedOperation | Operation], failures: list[StoreError]
) -> Iterator[PlannedOperation | Operation]:
    """Yield the work as far as the store can tell it."""
    try:
        yield from work
    except StoreError as error:
        failures.append(error)


def _operations(work: Iterable[PlannedOperation | Operation]) -> list[Operation]:
    return [planned.operation if isinstance(planned, PlannedOperation) else planned for planned in work]


def _shuts(operation: Operation) -> bool:
    return KINDS[operation.kind].closes


def _released(found: PlannedOperation | Operation) -> PlannedOperation | Operation:
    """Return what was held back as it is after its release; the reason why it cannot go on stays."""
    if isinstance(found, Operation):
        return attrs.evolve(found, state=OperationState.PLANNED)
    return attrs.evolve(found, operation=attrs.evolve(found.operation, state=OperationState.PLANNED, error=None))


def _put_off(operation: Operation, error: InMaintenanceError) -> Operation:
    return attrs.evolve(operation, next_try_at=error.until, error=step_error(error))


def _broken_off(operation: Operation, error: Exception) -> Operation:
    """Return an operation at which the program failed before it could be written down that it did."""
    failure = known_or_defect(error)
    log.error("operation_broken_off", operation=operation.id, login=operation.login, reason=str(failure))
    return attrs.evolve(operation, error=step_error(failure))


def _unreachable(channel: Channel, recipients: tuple[Person, ...]) -> dict[str, str | Text]:
    """Return who cannot be reached over a channel, by id; one that has no check may reach everybody."""
    if "channel_check" not in channel.hooks:
        channel.expect_no_quarantine()
        return {}
    try:
        return _refused_by(channel, recipients)
    except CircuitOpenError:
        raise
    except TargetError as error:
        return _told_apart(channel, recipients, error)


def _refused_by(channel: Channel, recipients: tuple[Person, ...]) -> dict[str, str | Text]:
    return dict(channel.check(CheckChannel(recipients=recipients)).unreachable)


def _told_apart(channel: Channel, recipients: tuple[Person, ...], error: TargetError) -> dict[str, str | Text]:
    """Return who cannot be reached over a channel whose check fails, if it fails for some of these people only.

    Raises:

        TargetError: It fails without them, too: it is the channel that does not work.
    """
    try:
        channel.check(CheckChannel())
    except TargetError:
        raise error from None
    found = _searched(channel, recipients, error)
    channel.check(CheckChannel())  # so that its breaker remembers that it works
    return found


def _searched(channel: Channel, recipients: tuple[Person, ...], error: TargetError) -> dict[str, str | Text]:
    """Halve the recipients until those are found for whom the check fails."""
    if len(recipients) == 1:
        return {recipients[0].id: error.text}
    middle, found = len(recipients) // 2, dict[str, str | Text]()
    for half in (recipients[:middle], recipients[middle:]):
        try:
            found |= _refused_by(channel, half)
        except TargetError as failure:
            found |= _searched(channel, half, failure)
    return found


def _check_target(check: Callable[[], object]) -> list[Problem]:
    check()
    return []


def _all(checks: Sequence[Callable[[], Sequence[Problem]]]) -> tuple[list[Problem], list[TargetError]]:
    """Make all checks at once, and collect what they find and how they fail."""
    problems: list[Problem] = []
    errors: list[TargetError] = []
    with ThreadPoolExecutor(len(checks) or 1, thread_name_prefix="preflight") as pool:
        for future in [pool.submit(check) for check in checks]:
            try:
                problems += future.result()
            except NotReadyError as error:
                errors += error.errors
            except TargetError as error:
                errors.append(error)
    return problems, errors
