"""The changes that one operation makes on targets: make, verify and undo them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from provisioner.core.api.errors import (
    MissingError,
    NotAppliedError,
    OmittedError,
    RefusedError,
    TargetError,
    UnknownOutcomeError,
)
from provisioner.core.api.kinds import HOOKS, KINDS, KindSpec
from provisioner.core.api.messages import AccountChange, CreateAccount, Receipt
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.proofs import Proof, leaves_rest
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.gateways.gateway import PROBE, Target
from provisioner.core.model import AccountState, Outcome, TargetState

#: The name of a step that rolls a change back.
UNDO = "undo"


@attrs.define(eq=False)
class TargetChanges:
    """Makes, verifies and undoes the changes of one account, target by target.

    Args:

        work: The operation.

        context: The retry policy, and the clock.

        log: Records the steps.

        begin: Writes the start of a step with this target and hook, and returns its position.
    """

    work: PlannedOperation
    context: EngineContext
    log: OperationRecorder
    begin: Callable[[str, str], int]
    #: When the first change was made; ``None`` before.
    made_at: datetime | None = attrs.field(default=None, init=False)
    #: Targets that have changed, or may have; with the undo if there is one, the last one first.
    _made: list[tuple[Target, AccountChange, Callable[[], None] | None]] = attrs.field(factory=list, init=False)

    @property
    def are_any(self) -> bool:
        """Whether a target has changed, or may have."""
        return bool(self._made)

    @property
    def _spec(self) -> KindSpec:
        return KINDS[self.work.operation.kind]

    def make(self, target: Target, request: AccountChange, proof: Proof) -> None:
        """Make a change on one target and verify it; see :meth:`apply`."""
        self.apply(target, request, proof)
        self._prove(target, proof)

    def apply(self, target: Target, request: AccountChange, proof: Proof) -> None:
        """Make a change on one target, and find out what happened after a lost answer.

        Args:

            target: The target.

            request: The change.

            proof: Determines whether it was made.

        Raises:

            TargetError: It was not made, or it is unknown whether it was.

            StoppedError: The program was stopped before.

            LeaseLostError: Another process took over the operation.

            StoreError: The journal can't be written.
        """
        position = self.begin(target.name, HOOKS[type(request)])
        doubtful = False

        def attempt(number: int) -> Receipt:
            nonlocal doubtful
            self.log.count(position, number)
            try:
                return target.change(request)
            except UnknownOutcomeError as error:
                doubtful = True
                return self._find_out(target, request, proof, error)
            except RefusedError as error:
                # After a lost answer, a refusal may only mean that the earlier attempt arrived.
                if doubtful:
                    return self._find_out(target, request, proof, error)
                raise

        try:
            receipt = self.context.retry.call(attempt)
        except TargetError as error:
            if doubtful:
                self._made.insert(0, (target, request, None))
            outcome = Outcome.UNKNOWN if doubtful else Outcome.NOT_APPLIED
            self.log.end(position, outcome, error=error, target_state=self._state_after(error, doubtful=doubtful))
            raise
        self.made_at = self.made_at or self.context.now()
        # After a lost answer, an undo may only lead back to what the lost request has made.
        self._made.insert(0, (target, request, None if doubtful else receipt.undo))
        self.log.end(position, receipt.outcome, reference=receipt.reference)

    def roll_back(self) -> bool:
        """Roll back the changes, the last one first. Return whether everything is as it was before."""
        complete = not self.work.begun_before
        for target, request, undo in self._made:
            complete = undo is not None and self._undo(target, request, undo) and complete
        return complete

    def _state_after(self, error: TargetError, *, doubtful: bool) -> TargetState | None:
        """Return the state of the account on a target that failed; ``None`` if it is what it was before."""
        if isinstance(error, MissingError):
            return TargetState.ABSENT
        return TargetState.INCOMPLETE if doubtful and self._spec.alters else None

    def _find_out(self, target: Target, request: AccountChange, proof: Proof, error: TargetError) -> Receipt:
        proved = self.context.retry.call(lambda _: proof())
        if proved is None:
            raise error
        if not proved:
            raise NotAppliedError("{error}; a probe showed that nothing had changed", error=error.text)
        planned = self.work.planned_change(target.name)
        if self.context.retry.call(lambda _: leaves_rest(target, request, planned)):
            raise NotAppliedError("{error}; a probe showed that only a part was changed", error=error.text)
        return Receipt(outcome=Outcome.APPLIED, detail="found by a probe, after the answer was lost")

    def _prove(self, target: Target, proof: Proof) -> None:
        """Verify the change, with a log-in if there is a password."""
        position = self.log.begin_to_look(target.name, PROBE)
        if error := target.lacks(PROBE):
            state = TargetState.UNPROVED if self._spec.leaves else None
            self.log.end(position, Outcome.NOT_APPLIED, error=error, target_state=state)
            if isinstance(error, OmittedError):
                return
            raise error

        def attempt(number: int) -> bool | None:
            self.log.count(position, number)
            if (proved := proof()) is False:
                raise NotAppliedError("the target reported success, but a probe shows that the change is missing")
            return proved

        try:
            proved = self.context.retry.call(attempt)
        except TargetError as error:
            state = TargetState.INCOMPLETE if self._spec.leaves else None
            self.log.end(position, Outcome.NOT_APPLIED, error=error, target_state=state)
            raise
        state = self._spec.leaves if proved or self._spec.leaves is None else TargetState.UNPROVED
        self.log.end(position, Outcome.APPLIED, target_state=state)

    def _undo(self, target: Target, request: AccountChange, undo: Callable[[], None]) -> bool:
        position = self.log.begin(target.name, UNDO)
        try:
            target.undo(undo, request)
        except TargetError as error:
            self.log.end(position, Outcome.UNKNOWN, error=error, target_state=TargetState.INCOMPLETE)
            return False
        self.log.end(position, Outcome.APPLIED, target_state=self._state_before(target, request))
        return True

    def _state_before(self, target: Target, request: AccountChange) -> TargetState:
        """Return the state of the account on a target before a change that was rolled back."""
        if target.name in self.work.joins:
            return TargetState.CLOSED
        joined = self._spec.renews and isinstance(request, CreateAccount)
        return TargetState.ABSENT if joined else _STATE_BEFORE[self.work.account.state]


#: The state of an account on a target before the change that is rolled back.
_STATE_BEFORE = {
    AccountState.PLANNED: TargetState.ABSENT,
    AccountState.OPEN: TargetState.OPEN,
    AccountState.CLOSED: TargetState.CLOSED,
    AccountState.INCOMPLETE: TargetState.INCOMPLETE,
}
