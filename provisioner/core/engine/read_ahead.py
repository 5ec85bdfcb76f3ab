"""Reads what operations from the journal need, for some of them together and shortly before they begin.

The facts of an operation are its account, its unit, its holder, and where it is changed. To read them for each
operation alone takes longer than to carry it out. What was read for many can be outdated when the last of them begins,
so facts that are too old by then are read again. The operation itself, and with it its account, can't be outdated: the
transaction that takes its lease checks that nobody else has begun, held or ended it since it was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import attrs

from provisioner.core.api.errors import StoreError, known_or_defect, step_error
from provisioner.core.api.fencing import elapsed
from provisioner.core.api.logs import Logger
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.model import Operation

log = Logger(__name__)

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
    """

    _planner: Planner
    _seconds: Callable[[], float] = elapsed

    def plan(self, operations: Iterable[Operation]) -> Iterator[PlannedOperation | Operation]:
        """Yield operations as planned, or unchanged with the reason if they can't continue now.

        Args:

            operations: The operations, as the journal has them.

        Raises:

            StoreError: The store can't be read.
        """
        later = iter(operations)
        waiting: deque[Operation] = deque()
        size = _FIRST
        while True:
            waiting.extend(islice(later, max(size - len(waiting), 0)))
            if not waiting:
                return
            read_at = self._seconds()
            for planned in self._planned([*islice(waiting, size)]):
                waiting.popleft()
                yield planned
                if waiting and self._seconds() - read_at > _MAX_AGE_AHEAD:
                    size = max(size // 2, 1)
                    break
            else:
                size = min(2 * size, _MOST)

    def current(self, work: PlannedOperation) -> PlannedOperation | Operation:
        """Return an operation that begins now, planned again if what is known of it is too old.

        Args:

            work: The operation.

        Raises:

            StoreError: The store can't be read.
        """
        if work.read_at is None or self._seconds() - work.read_at <= MAX_AGE:
            return work
        [current] = self._planned([work.operation])
        return current

    def _planned(self, operations: Sequence[Operation]) -> list[PlannedOperation | Operation]:
        read_at = self._seconds()
        try:
            found = self._planner.all_again(operations)
        except StoreError:
            raise
        except Exception as error:
            if len(operations) == 1:
                return [broken_off(operations[0], error)]
            return [planned for operation in operations for planned in self._planned([operation])]
        return [
            attrs.evolve(planned, read_at=read_at)
            if isinstance(planned, PlannedOperation)
            else attrs.evolve(operation, error=step_error(planned))
            for operation, planned in zip(operations, found, strict=True)
        ]


def broken_off(operation: Operation, error: Exception) -> Operation:
    """Return an operation at which the program failed before this could be recorded."""
    failure = known_or_defect(error)
    log.error("operation_broken_off", operation=operation.id, login=operation.login, reason=str(failure))
    return attrs.evolve(operation, error=step_error(failure))
