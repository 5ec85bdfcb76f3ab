"""Asks the rules whether operations may be planned, and held ones released."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import Denial, Denied, NotAuthorizedError, TargetError
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.engine.intents import Intent
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import Account, Operation, OperationKind, Unit
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class Authorization:
    """Makes sure that a person may do what a plan or a release does.

    Args:

        authorize: Returns why something may not be done; nothing if it may.

        now: The clock.
    """

    authorize: Callable[[AuthorizeOperation], Sequence[Denial]]
    now: Callable[[], datetime]

    def require(self, intents: Iterable[Intent], initiator: Initiator) -> None:
        """Check that accounts may be changed as requested.

        Raises:

            NotAuthorizedError: Some may not; all of them are named.
        """
        _require(
            Denied(login=intent.account.login, denial=denial)
            for intent in intents
            for denial in self._denials(self._question(intent, initiator))
        )

    def require_release(self, operations: Iterable[tuple[Operation, Account, Unit]], actor: str) -> None:
        """Check that a person may release held operations.

        Args:

            operations: The operations, each with its account and unit.

            actor: The ID of the person.

        Raises:

            NotAuthorizedError: Some may not be released by this person; all of them are named.
        """
        _require(
            Denied(login=account.login, denial=denial)
            for operation, account, unit in operations
            for denial in self._denials(self._release_question(operation, account, unit, actor))
        )

    def _denials(self, question: AuthorizeOperation) -> Sequence[Denial]:
        """Return why something may not be done to an account. Without an answer, it may not."""
        try:
            return self.authorize(question)
        except TargetError as error:
            reason = Text("cannot determine whether this is allowed: {why}", {"why": error.text})
            return [Denial(reason=reason, cure=error.cure)]

    def _question(self, intent: Intent, initiator: Initiator) -> AuthorizeOperation:
        return AuthorizeOperation(
            kind=intent.kind,
            account=intent.account,
            unit=intent.unit,
            actor=initiator.actor,
            by_policy=initiator.by_policy,
            at=self.now(),
            incoming=intent.holder if intent.kind is OperationKind.HANDOVER else None,
            request=initiator.request,
        )

    def _release_question(self, operation: Operation, account: Account, unit: Unit, actor: str) -> AuthorizeOperation:
        return AuthorizeOperation(
            kind=operation.kind,
            account=account,
            unit=unit,
            actor=actor,
            by_policy=False,
            at=self.now(),
            incoming=operation.holder if operation.kind is OperationKind.HANDOVER else None,
            request=operation.request,
            asked_by=operation.actor,
        )


def _require(denials: Iterable[Denied]) -> None:
    if found := list(denials):
        raise NotAuthorizedError(found)
