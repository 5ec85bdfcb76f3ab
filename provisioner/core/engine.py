"""Carries out plans: preflight, then many operations at once, and what a crash left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from queue import SimpleQueue

import attrs

from provisioner.core.errors import (
    BusyError,
    InputError,
    LeaseLostError,
    NotReadyError,
    Problem,
    SupersededError,
    TargetError,
)
from provisioner.core.events import Event, OperationPlanned
from provisioner.core.execution import Execution, Tools
from provisioner.core.journal import Records
from provisioner.core.logbook import Logbook, step_error
from provisioner.core.model import Account, AccountState, Operation, OperationState, Person
from provisioner.core.plan import Plan, Work
from provisioner.core.planner import Planner
from provisioner.core.requests import CheckChannel
from provisioner.core.text import Text

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

        tools: The targets, the channels and what every operation shares.

        planner: Makes work of operations that are in the journal.

        records: What is known.
    """

    tools: Tools
    planner: Planner
    records: Records

    def preflight(self, work: Sequence[Work]) -> None:
        """Make sure that everything the work needs is there, before the first write.

        Raises:

            NotReadyError: Targets or channels cannot be used now; all of them are named.

            InputError: Somebody who is to receive a password cannot be reached; all of them are named.
        """
        recipients = tuple({one.holder.id: one.holder for one in work if one.holder}.values())
        checks: list[Callable[[], Sequence[Problem]]] = [
            partial(_check_target, target.check if "target_check" in target.hooks else target.expect_no_quarantine)
            for target in self.tools.targets
        ]
        if recipients:
            checks.append(partial(self._check_channels, recipients))
        problems, errors = _all(checks)
        if errors:
            raise NotReadyError(errors)
        if problems:
            raise InputError(problems)

    def apply(self, plan: Plan) -> Iterator[Operation]:
        """Carry a plan out. Each operation is yielded as it ends or stops, in the order in which they do.

        The plan is in the journal when this returns; the work is done while the answer is iterated. When the program
        is asked to stop, the operations that were not begun are yielded as they are, planned, for ``resume``.

        Raises:

            NotReadyError: Targets or channels cannot be used now. Nothing was changed.

            InputError: Somebody who is to receive a password cannot be reached. Nothing was changed.

            StoreError: The journal cannot be written; also while the answer is iterated.
        """
        if not plan.work:
            return iter(())
        self.preflight(plan.work)
        return self._run(self._write_down(plan.work))

    def resume(self) -> Iterator[Operation]:
        """Carry out what was planned and not begun, left by a crash, or is due for its next try.

        Raises:

            NotReadyError: Targets cannot be used now. Nothing was changed.

            StoreError: The journal cannot be read or written.
        """
        due = self.records.resumable(self.tools.now())
        first = next(due, None)
        if first is None:
            return iter(())
        self.preflight(())
        return self._run(self._again(first, due))

    def _check_channels(self, recipients: tuple[Person, ...]) -> list[Problem]:
        """Say who cannot be reached over any channel that works; one working channel is enough."""
        unreachable: list[dict[str, str]] = []
        errors: list[TargetError] = []
        for channel in self.tools.channels:
            try:
                report = channel.check(CheckChannel(recipients=recipients))
                unreachable.append(dict(report.unreachable))
            except TargetError as error:
                errors.append(error)
        if not unreachable:
            raise NotReadyError(errors)
        nowhere = set.intersection(*(set(one) for one in unreachable))
        return [
            Problem(subject=person.id, field="mobile", message=Text("{why}", {"why": unreachable[0][person.id]}))
            for person in recipients
            if person.id in nowhere
        ]

    def _write_down(self, work: Sequence[Work]) -> Iterator[Work | Operation]:
        """Write the plan into the journal; yields the work, or an operation that could not be planned."""
        new = [one for one in work if not one.recorded]
        written: dict[str, Operation] = {}
        for start in range(0, len(new), CHUNK):
            written |= self._write_chunk(new[start : start + CHUNK])
        return iter([written.get(one.operation.id, one) for one in work])

    def _write_chunk(self, work: Sequence[Work]) -> dict[str, Operation]:
        """Write down these operations; answers those that somebody else was faster with, by id."""
        plain = [one for one in work if not one.superseded]
        alone = [one for one in work if one.superseded]
        refused = {}
        try:
            self.tools.record(*(self._planned(one.operation, one.account) for one in plain))
        except BusyError:
            alone += plain
        for one in alone:
            try:
                self._write_alone(one)
            except (BusyError, LeaseLostError) as error:
                refused[one.operation.id] = attrs.evolve(one.operation, error=step_error(error))
        return refused

    def _write_alone(self, work: Work) -> None:
        events: list[Event] = []
        account = work.account
        if work.superseded:
            if work.begun_before:
                account = attrs.evolve(account, state=AccountState.INCOMPLETE)
            book = Logbook(work.superseded, lambda *more: events.extend(more), self.tools.now)
            book.start()
            reason = SupersededError("{kind} of the same account took its place", kind=work.operation.kind.value)
            book.finish(OperationState.FAILED, account, reason)
        self.tools.record(*events, self._planned(work.operation, account))

    def _planned(self, operation: Operation, account: Account) -> OperationPlanned:
        return OperationPlanned(
            at=operation.created_at,
            operation_id=operation.id,
            login=operation.login,
            actor=operation.actor,
            operation=operation,
            account=account,
        )

    def _again(self, first: Operation, rest: Iterator[Operation]) -> Iterator[Work | Operation]:
        for operation in chain((first,), rest):
            try:
                yield self.planner.again(operation)
            except (InputError, TargetError) as error:
                yield attrs.evolve(operation, error=step_error(error))

    def _run(self, work: Iterable[Work | Operation]) -> Iterator[Operation]:
        workers = min(MOST_WORKERS, WORKERS_PER_CALL * max((one.parallel for one in self.tools.targets), default=1))
        pool = ThreadPoolExecutor(workers, thread_name_prefix="operation")
        ended: SimpleQueue[Future[Operation]] = SimpleQueue()
        running = 0
        try:
            for one in work:
                if isinstance(one, Operation):
                    yield one
                    continue
                pool.submit(self._carry_out, one).add_done_callback(ended.put)
                running += 1
                if running == 2 * workers:
                    yield ended.get().result()
                    running -= 1
            for _ in range(running):
                yield ended.get().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _carry_out(self, work: Work) -> Operation:
        if self.tools.retry.stop.is_set():
            return work.operation
        try:
            return Execution(work, self.tools).run()
        except (BusyError, LeaseLostError) as error:
            return attrs.evolve(work.operation, error=step_error(error))


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
