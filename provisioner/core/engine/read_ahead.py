"""Reads what operations from the journal need, for some of them together and shortly before they begin.

The facts of an operation are its account, its unit, its holder, and where it is changed. To read them for each
operation alone takes longer than to carry it out. What was read for many can be outdated when the last of them begins,
so facts that are too old by then are read again. An operation that was just planned is carried out as it was shown, but
its people are looked up again: a password must not go to a number that was replaced in the meantime. The operation
itself, and with it its account, can't be outdated: the transaction that takes its lease checks that nobody else has
begun, held or ended it since it was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import attrs

from provisioner.core.api.errors import InputError, StoreError, TargetError, known_or_defect, step_error
from provisioner.core.api.fencing import elapsed
from provisioner.core.api.logs import Logger
from provisioner.core.engine.dispatch import Dispatch
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.model import Operation

log = Logger(__name__)

ItemT = TypeVar("ItemT", bound=PlannedOperation | Operation)

#: How old the facts of an operation may be when it begins, in seconds.
MAX_AGE = 5.0

#: How old they may be when it is given to a thread, which may have to end another operation first.
_MAX_AGE_AHEAD = MAX_AGE / 2

#: For how many operations facts are read together, at first and at most.
_FIRST, _MOST = 8, 64


@attrs.define(eq=False)
class ReadAhead:
    """Plans operations from the journal again, some at a time.

    It reads for twice as many operations as the last time if all of them could begin before the facts were too old, and
    otherwise for half as many. So it doesn't read much in vain if operations, or the personnel system, are slow.

    Args:

        planner: Plans operations again.

        seconds: A clock that nobody sets.

        dispatch: Knows the earlier messages of accounts.
    """

    _planner: Planner
    _seconds: Callable[[], float] = elapsed
    _dispatch: Dispatch = attrs.field(factory=Dispatch, kw_only=True)

    @property
    def now(self) -> float:
        """The time, in seconds of the clock that nobody sets."""
        return self._seconds()

    def plan(self, operations: Iterable[Operation]) -> Iterator[PlannedOperation | Operation]:
        """Yield operations as planned, or unchanged with the reason if they can't continue now.

        Args:

            operations: The operations, as the journal has them.

        Raises:

            StoreError: The store can't be read.
        """
        return self._some_at_a_time(operations, self._planned)

    def keep_current(
        self, work: Iterable[PlannedOperation | Operation], *, read_at: float
    ) -> Iterator[PlannedOperation | Operation]:
        """Yield operations that were just planned, with their people as they are when it is their turn.

        Args:

            work: The operations as planned. Those of the journal are yielded as they are.

            read_at: When the people were looked up, at the earliest; see :attr:`now`.

        Raises:

            StoreError: The store can't be read.
        """
        left = iter(work)
        for planned in left:
            yield attrs.evolve(planned, read_at=read_at) if isinstance(planned, PlannedOperation) else planned
            if self._seconds() - read_at > _MAX_AGE_AHEAD:
                break
        yield from self._some_at_a_time(left, self._with_current_people)

    def numbered(self, work: Iterable[PlannedOperation | Operation]) -> Iterator[PlannedOperation | Operation]:
        """Yield operations with the numbers of the last messages of their accounts, which are read for some together.

        If they can't be read, each operation reads its own later.

        Args:

            work: Operations that the journal has.
        """
        left = iter(work)
        while some := list(islice(left, _MOST)):
            logins = [item.account.login for item in some if isinstance(item, PlannedOperation) and item.delivers]
            try:
                numbers = self._dispatch.last_numbers(logins) if logins else {}
            except StoreError:
                yield from some
                continue
            for item in some:
                if isinstance(item, PlannedOperation) and item.delivers:
                    yield attrs.evolve(item, last_message=numbers.get(item.account.login, 0))
                else:
                    yield item

    def current(self, work: PlannedOperation) -> PlannedOperation | Operation:
        """Return an operation that begins now, with new facts if what is known of it is too old.

        Args:

            work: The operation.

        Raises:

            StoreError: The store can't be read.
        """
        if work.read_at is None or self._seconds() - work.read_at <= MAX_AGE:
            return work
        [current] = self._planned([work.operation]) if work.resumed else self._with_current_people([work])
        return current

    def _some_at_a_time(
        self, items: Iterable[ItemT], read: Callable[[Sequence[ItemT]], Sequence[PlannedOperation | Operation]]
    ) -> Iterator[PlannedOperation | Operation]:
        later = iter(items)
        waiting: deque[ItemT] = deque()
        size = _FIRST
        while True:
            waiting.extend(islice(later, max(size - len(waiting), 0)))
            if not waiting:
                return
            read_at = self._seconds()
            for planned in read([*islice(waiting, size)]):
                waiting.popleft()
                yield planned
                if waiting and self._seconds() - read_at > _MAX_AGE_AHEAD:
                    size = max(size // 2, 1)
                    break
            else:
                size = min(2 * size, _MOST)

    def _planned(self, operations: Sequence[Operation]) -> list[PlannedOperation | Operation]:
        """Plan operations from the journal again."""
        return list(self.numbered(self._read(operations, self._planner.all_again)))

    def _with_current_people(self, work: Sequence[PlannedOperation | Operation]) -> list[PlannedOperation | Operation]:
        """Look up the people of planned operations again."""
        planned = [item for item in work if isinstance(item, PlannedOperation)]
        found = iter(self._read(planned, self._planner.with_current_people))
        return [next(found) if isinstance(item, PlannedOperation) else item for item in work]

    def _read(
        self,
        items: Sequence[ItemT],
        read: Callable[[Sequence[ItemT]], Sequence[PlannedOperation | InputError | TargetError]],
    ) -> list[PlannedOperation | Operation]:
        """Return each item as planned, or its operation with the reason if it can't continue now."""
        read_at = self._seconds()
        try:
            found = read(items)
        except StoreError:
            raise
        except Exception as error:
            if len(items) == 1:
                return [broken_off(_operation_of(items[0]), error)]
            return [planned for item in items for planned in self._read([item], read)]
        return [
            attrs.evolve(planned, read_at=read_at)
            if isinstance(planned, PlannedOperation)
            else attrs.evolve(_operation_of(item), error=step_error(planned))
            for item, planned in zip(items, found, strict=True)
        ]


def _operation_of(item: PlannedOperation | Operation) -> Operation:
    return item.operation if isinstance(item, PlannedOperation) else item


def broken_off(operation: Operation, error: Exception) -> Operation:
    """Return an operation at which the program failed before this could be recorded."""
    failure = known_or_defect(error)
    log.error("operation_broken_off", operation=operation.id, login=operation.login, reason=str(failure))
    return attrs.evolve(operation, error=step_error(failure))
