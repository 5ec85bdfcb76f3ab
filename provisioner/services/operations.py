"""Operations: finding them, and choosing those that can be retried."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.engine.plan import Unchanged
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Operation, OperationState
from provisioner.core.model.text import Text
from provisioner.services.ids import Named, find_id
from provisioner.services.parts import Clock
from provisioner.services.units import require_unit
from provisioner.store import Store

#: The ends after which there is something to do, but not by the operation itself.
_FAILED = frozenset({OperationState.FAILED, OperationState.UNDONE})

#: The states of operations that were started and have not ended.
_STARTED = frozenset({OperationState.RUNNING, OperationState.INCOMPLETE})

#: How many operations are read together.
_PAGE = 100


@attrs.frozen(kw_only=True)
class Retriable:
    """Operations that somebody wants to retry."""

    #: Those that have not ended.
    left: Sequence[Operation]
    #: Those that are done.
    unchanged: Sequence[Unchanged]


@attrs.frozen(kw_only=True)
class StuckOperations:
    """Operations that somebody should look at, the latest first."""

    #: Those that were started and have not ended.
    unfinished: Sequence[Operation]
    #: Those that failed, if nothing has happened to the account since.
    failed: Sequence[Operation]


@attrs.frozen(kw_only=True)
class Operations:
    """Finds operations. No plug-in is needed.

    Args:

        store: The stored data.

        authority: Decides who may read personal data.

        now: The clock.
    """

    store: Store
    authority: Authority
    now: Clock

    def find(
        self, *, viewer: str, state: OperationState | None = None, unit: str | None = None, ended_too: bool = False
    ) -> Iterator[Operation]:
        """Return operations, the latest first.

        Args:

            viewer: Who reads the answer. Personal data that this person may not read are masked.

            state: Only those in this state.

            unit: Only those of this unit and of the units below it.

            ended_too: Also those that have ended, if no state is wanted.

        Raises:

            InputError: There is no such unit.
        """
        require_unit(self.store, unit or None)
        found = self.store.operations.find(state=state, under=unit, unended=not (ended_too or state))
        return Privacy(self.authority, viewer).shown_operations(found, self.store.accounts.get_many)

    def stuck(self, *, viewer: str, limit: int) -> StuckOperations:
        """Return operations that did not work, or not yet.

        Args:

            viewer: Who reads the answer. Operations on accounts that this person may not read are left out.

            limit: How many of each kind are returned at most.
        """
        find, privacy = self.store.operations.find, Privacy(self.authority, viewer)
        unfinished = (operation for operation in find(unended=True) if operation.state in _STARTED)
        failed = (
            operation
            for operation in heapq.merge(*(find(state=state) for state in _FAILED), key=_time, reverse=True)
            if next(find(login=operation.login)).id == operation.id
        )
        return StuckOperations(
            unfinished=list(islice(self._readable(unfinished, privacy), limit)),
            failed=list(islice(self._readable(failed, privacy), limit)),
        )

    def operation(self, operation_id: str, *, viewer: str) -> Operation:
        """Return one operation.

        Args:

            operation_id: Its id, or the beginning of it.

            viewer: Who reads the answer. Personal data that this person may not read are masked.

        Raises:

            InputError: There is none, or several begin so.
        """
        [operation] = Privacy(self.authority, viewer).shown_operations(
            self._known([operation_id]), self.store.accounts.get_many
        )
        return operation

    def held_until(self, operation: Operation) -> datetime | None:
        """Return until when a process holds an operation; ``None`` if none works on it."""
        return self.store.operations.held_until(operation, self.now())

    def retriable(self, ids: Sequence[str]) -> Retriable:
        """Return the operations with these ids, for :meth:`Runs.retry() <provisioner.services.runs.Runs.retry>`.

        Args:

            ids: Their ids, or the beginnings of them.

        Raises:

            InputError: Some are unknown, or failed permanently; all of them are named.
        """
        operations = self._known(ids)
        _require_retriable(operations)
        done = [operation for operation in operations if operation.state is OperationState.DONE]
        return Retriable(
            left=[operation for operation in operations if not operation.state.ended],
            unchanged=[
                Unchanged(login=operation.login, reason=Text("operation {id} is done", {"id": operation.id}))
                for operation in done
            ],
        )

    def retriable_by(self, operation_id: str, *, actor: str) -> Retriable:
        """Return an operation for a retry that a person wants; see :meth:`retriable`.

        Args:

            operation_id: Its id, or the beginning of it.

            actor: The person, who has to be an officer of the unit of the account.

        Raises:

            DeniedError: The person is none.

            InputError: The operation is unknown, or failed permanently.
        """
        [operation] = self._known([operation_id])
        account = self.store.accounts.get_many([operation.login])[operation.login]
        self.authority.require(actor, {Role.OFFICER}, account.unit)
        return self.retriable([operation.id])

    def _readable(self, operations: Iterator[Operation], privacy: Privacy) -> Iterator[Operation]:
        """Yield the operations on accounts that may be read, page by page."""
        while page := list(islice(operations, _PAGE)):
            accounts = self.store.accounts.get_many({operation.login for operation in page})
            readable = {account.login for account in privacy.readable(accounts.values())}
            yield from (operation for operation in page if operation.login in readable)

    def _known(self, given: Sequence[str]) -> list[Operation]:
        """Return the operations with these ids, each once."""
        ids = list(dict.fromkeys(find_id(self.store, Named.OPERATION, beginning) for beginning in given))
        found = self.store.operations.get_many(ids)
        problems = [Text("there is no operation {id}", {"id": unknown}) for unknown in ids if unknown not in found]
        if problems:
            raise InputError([Problem(field="id", message=message) for message in problems])
        return [found[operation_id] for operation_id in ids]


def _time(operation: Operation) -> datetime:
    return operation.created_at


def _require_retriable(operations: Sequence[Operation]) -> None:
    failed = [operation for operation in operations if operation.state in _FAILED]
    problems = [
        Text(
            "operation {id} on {login} has ended: {state}; run the original command again",
            {"id": operation.id, "login": operation.login, "state": operation.state.value},
        )
        for operation in failed
    ]
    if problems:
        raise InputError([Problem(field="id", message=message) for message in problems])
