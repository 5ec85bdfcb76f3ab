"""Carries out one operation: change and verify each target, end sessions, deliver, finish; or roll back, or schedule
another attempt.

The order prevents lost passwords (docs/explanation/why.md). The secret is generated here and exists as long as
:meth:`Execution.run` runs. The journal is written before each call that may change something, and after each call.
After a crash, the next process knows that a call was started, and asks the target what happened.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

import attrs

from provisioner.core.api.errors import (
    BusyError,
    InMaintenanceError,
    LeaseLostError,
    MissingError,
    OmittedError,
    ProvisionerError,
    RefusedError,
    SecretRefusedError,
    SessionsOpenError,
    StoppedError,
    StoreError,
    TargetError,
    ThrottledError,
    UnsupportedError,
    known_or_defect,
    step_error,
)
from provisioner.core.api.events import Recipient
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.kinds import HOOKS, KINDS, KindSpec
from provisioner.core.api.messages import (
    CreateAccount,
    Presence,
    ProbeAccount,
)
from provisioner.core.engine.changes import UNDO, TargetChanges
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.plan import PlannedOperation, was_refused
from provisioner.core.engine.proofs import Proof, proof, proof_of_move
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.engine.secret_delivery import SecretDelivery
from provisioner.core.engine.sessions import AfterSteps
from provisioner.core.gateways.gateway import SESSIONS, Target, able
from provisioner.core.model import (
    Account,
    AccountState,
    Handover,
    Operation,
    OperationKind,
    OperationState,
    Outcome,
    StepError,
    TargetState,
    Unit,
)
from provisioner.core.model.secret import Secret

#: The number of passwords that are drawn, if targets refuse them, before the operation gives up.
DRAWS = 3

#: The hook by which an open account joins a target on which it is missing.
JOIN = HOOKS[CreateAccount]


@attrs.define(eq=False)
class Execution:
    """One operation, carried out by one thread. Used once."""

    work: PlannedOperation
    context: EngineContext
    _log: OperationRecorder = attrs.field(init=False)
    _changes: TargetChanges = attrs.field(init=False)
    _after_steps: AfterSteps = attrs.field(init=False)
    _delivery: SecretDelivery = attrs.field(init=False)
    #: Whether the start is in the journal, and the lease is held.
    _begun: bool = attrs.field(default=False, init=False)
    #: Whether this attempt only ends what an earlier one left: sessions, or the delivery, as a report shows.
    _continues: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._log = OperationRecorder(self.work.operation, self.context.record, self.context.now)
        self._changes = TargetChanges(self.work, self.context, self._log, self._begin)
        self._after_steps = AfterSteps(self.work, self.context, self._log, self._begin_again)
        self._delivery = SecretDelivery(self.work, self.context, self._log, self._begin)

    def run(self) -> Operation:
        """Carry out the operation and return it in its new state.

        Raises:

            BusyError: Another operation holds the account.

            LeaseLostError: Another process took over the operation, or may have. Nothing more was sent.

            StoreError: The journal can't be written. Nothing more was done.
        """
        self._continues = self._has_little_left()
        self._log.start(continues=self._continues)
        try:
            with fenced(self.work.account.login, self._lease):
                return self._carry_out()
        except (BusyError, LeaseLostError, StoreError):
            raise
        except Exception as error:
            return self._break_off(error)

    def _carry_out(self) -> Operation:
        try:
            if self._continues:
                self._after_steps.go_on()
                self._delivery.conclude()
            elif self._spec.delivers:
                self._renew()
            else:
                self._change_everywhere()
        except (TargetError, StoppedError) as error:
            return self._stop(error)
        return self._done()

    def _renew(self) -> None:
        """Set a new password, end the sessions that the former one opened, and deliver it.

        It is in effect, so its owner needs it also if sessions are left.
        """
        with self._delivery.reserved():
            secret = self._accepted_secret()
            self._after_steps.run(secret)
            self._delivery.run(secret)

    def _has_little_left(self) -> bool:
        """Whether an earlier attempt has done everything except to end sessions or to hear of its message."""
        if was_refused(self.work.operation) or self._delivery.is_reported:
            return True
        return self.work.only_sessions_left and (self._spec.delivers or self._is_still_done())

    def _is_still_done(self) -> bool:
        """Whether every target shows what an earlier attempt did. If one can't tell, the change is repeated."""
        try:
            return all(self._proof(target)() for target in self._targets)
        except TargetError:
            return False

    @property
    def has_begun(self) -> bool:
        """Whether the journal has the start of this attempt."""
        return self._begun

    @property
    def _kind(self) -> OperationKind:
        return self.work.operation.kind

    @property
    def _spec(self) -> KindSpec:
        return KINDS[self._kind]

    @property
    def _targets(self) -> list[Target]:
        return [target for target in self.context.targets if self.work.concerns(target.name)]

    @property
    def _lease(self) -> Lease:
        return self.context.lease(self.work.account.login, self.work.operation.id)

    # -- the two courses -------------------------------------------------------------------------------------------

    def _accepted_secret(self) -> Secret:
        """Set a new password on every target, and return it.

        A target may refuse a random password for what is in it by chance, or because it was used before. Then all
        targets get another one.
        """
        able, missing = self._able(self._spec.hook)
        if missing:
            raise missing[0]
        for draw in count(1):
            secret = self.context.passwords.make()
            try:
                for target in able:
                    self._set_secret(target, secret)
            except SecretRefusedError:
                if draw == DRAWS:
                    raise
            else:
                break
        for target in able:
            self._move(target)
        return secret

    def _set_secret(self, target: Target, secret: Secret) -> None:
        """Set the new password on one target.

        An open account that is missing there is created: the target may have been added after the account was opened,
        or somebody may have deleted the account. One that was withdrawn, and belongs there again, is opened again.
        """
        proof = self._proof(target, secret)
        if target.name not in self.work.joins:
            try:
                return self._changes.make(target, self.work.request(target.name, secret), proof)
            except MissingError:
                if not self._spec.renews or target.lacks(JOIN):
                    raise
        return self._changes.make(target, self.work.joining(target.name, secret), proof)

    def _change_everywhere(self) -> None:
        """Close, delete or update on every target, also after one has failed: a part of it is better than nothing.
        Then end the sessions.

        Failing targets come last, so that their timeouts don't delay the others.
        """
        able, missing = self._able(self._spec.hook)
        errors: list[TargetError] = [*missing]
        for target in sorted(able, key=lambda candidate: candidate.breaker.failing):
            try:
                self._move(target)
                self._changes.make(target, self.work.request(target.name), self._proof(target))
            except MissingError as error:
                # Nothing is left to adapt there. A comparison finds out, and a renewal creates it again.
                if self._spec.alters:
                    errors.append(error)
            except TargetError as error:
                errors.append(error)
        if self._changes.are_any or self.work.only_sessions_left:
            self._after_steps.run()
        else:
            self._after_steps.run_left()
        if errors:
            raise min(errors, key=_how_far_off)

    def _move(self, target: Target) -> None:
        """Move the account to the container of its unit, if the target has containers and the operation follows it."""
        follows = self._spec.moves and (self.work.unit_moves or not self._spec.delivers)
        if follows and target.moves():
            # Probes show a move as a part of an update.
            planned = attrs.evolve(self.work.planned_change(target.name), kind=OperationKind.UPDATE)
            probe = ProbeAccount(account=self.work.account, planned=planned)
            self._changes.apply(target, self.work.renaming(target.name), proof_of_move(target, probe))

    def _probe(self, target: Target, secret: Secret | None = None) -> ProbeAccount:
        planned = self.work.planned_change(target.name) if self._spec.leaves is None else None
        return ProbeAccount(account=self.work.account, secret=secret, planned=planned)

    def _proof(self, target: Target, secret: Secret | None = None) -> Proof:
        return proof(self._spec, target, self._probe(target, secret))

    def _able(self, hook: str) -> tuple[list[Target], list[UnsupportedError]]:
        """Return the targets that have the hook, and the errors that keep the operation from being done on the others.

        Targets that the configuration excludes are no reason for an incomplete operation, unless no target is left. All
        of them are recorded as not attempted.
        """
        errors: list[UnsupportedError] = []
        for target in self._targets:
            if error := target.lacks(hook):
                position = self._begin(target.name, hook)
                self._log.end(position, Outcome.NOT_APPLIED, error=error, target_state=self._state_without(target))
                errors.append(error)
        found = able(self._targets, hook)
        return found, [error for error in errors if not found or not isinstance(error, OmittedError)]

    def _state_without(self, target: Target) -> TargetState | None:
        """Return the state of the account on a target that is not changed; ``None`` if it isn't known better now."""
        if self._spec.renews:
            return TargetState.INCOMPLETE
        if self._spec.opens:
            return None
        try:
            return _PRESENT[target.probe(ProbeAccount(account=self.work.account)).presence]
        except TargetError:
            return TargetState.INCOMPLETE

    # -- the steps -------------------------------------------------------------------------------------------------

    def _begin(self, name: str, hook: str, recipient: Recipient | None = None, reference: str | None = None) -> int:
        self._expect_no_stop()
        position = self._log.begin(name, hook, recipient, reference)
        self._note_begun()
        return position

    def _begin_again(self, name: str, hook: str) -> int:
        """Begin an after-step in the place of that of an earlier attempt, if there is one."""
        self._expect_no_stop()
        position = self._log.begin_again(name, hook)
        self._note_begun()
        return position

    def _note_begun(self) -> None:
        if not self._begun:
            self._begun = True
            self._outwait_former_process()

    def _expect_no_stop(self) -> None:
        if self.context.retry.stop.is_set():
            raise StoppedError("the program was stopped", cure="run 'provisioner resume'")

    def _outwait_former_process(self) -> None:
        """Wait until the last call of a process that lost the operation has ended, before the first call here.

        That process doesn't know immediately that it lost the operation, and a request that it has sent can't be
        stopped.
        """
        if self._lease.contested:
            self.context.retry.stop.wait(self.context.takeover_wait.total_seconds())
            self._expect_no_stop()

    # -- the ends --------------------------------------------------------------------------------------------------

    def _done(self) -> Operation:
        if was_refused(self.work.operation):
            return self._fail(self.work.account, _refusal(self.work.operation))
        if error := self._after_steps.error:
            return self._leave_open(error)
        account = self._account_after() if self._spec.alters else self.work.account
        return self._finish(OperationState.DONE, self._planned(account), handover=self._handover())

    def _leave_open(self, error: SessionsOpenError) -> Operation:
        """End an attempt that has done everything except to end all sessions. A closed account is not called closed."""
        account = self.work.account
        if self._delivery.is_done:
            account = self._planned(self._account_after())
        elif self._spec.alters:
            account = attrs.evolve(account, state=AccountState.INCOMPLETE)
        return self._finish(OperationState.INCOMPLETE, account, error, self._next_try_for_sessions(), self._handover())

    def _planned(self, account: Account) -> Account:
        return self.context.plan_ahead(account, self._unit_after(), self.work.marks)

    def _finish(
        self,
        state: OperationState,
        account: Account,
        error: ProvisionerError | StepError | None = None,
        next_try_at: datetime | None = None,
        handover: Handover | None = None,
    ) -> Operation:
        return self._log.finish(
            state, account, error, next_try_at, handover=handover, sessions=self._after_steps.states
        )

    def _account_after(self) -> Account:
        account = self.work.account
        at = self._changes.made_at or self._delivery.sent_at or self.context.now()
        if self.work.only_sessions_left and self._delivery.is_done:
            at = account.password_changed_at or at
        if self._spec.closes:
            return attrs.evolve(account, state=AccountState.CLOSED, closed_at=account.closed_at or at)
        opened_at = account.opened_at if self._spec.renews else at
        return attrs.evolve(
            account,
            state=AccountState.OPEN,
            holder=self.work.operation.holder,
            opened_at=opened_at or at,
            closed_at=None,
            password_changed_at=at,
        )

    def _unit_after(self) -> Unit:
        """Return the unit after the operation: the receiver of its account is its custodian."""
        unit, operation = self.work.unit, self.work.operation
        return attrs.evolve(unit, custodian=operation.holder) if self._kind is OperationKind.HANDOVER else unit

    def _handover(self) -> Handover | None:
        """Return the record for both persons, if this attempt has handed over."""
        if self._kind is not OperationKind.HANDOVER or self.work.only_sessions_left:
            return None
        work, operation = self.work, self.work.operation
        return Handover(
            operation_id=operation.id,
            login=operation.login,
            mail=work.account.mail,
            unit=work.unit.code,
            unit_name=work.unit.name,
            outgoing=operation.outgoing,
            outgoing_name=work.outgoing.name if work.outgoing else None,
            incoming=work.recipient.id,
            incoming_name=work.recipient.name,
            actor=operation.actor,
            reason=operation.reason,
            begun_at=operation.created_at,
            finished_at=self.context.now(),
        )

    def _stop(self, error: ProvisionerError) -> Operation:
        """End an operation that can't be finished now: roll it back if possible, and schedule another attempt if it may
        succeed.
        """
        if not self._spec.alters or self._continues:
            return self._pause(error)
        untouched = not self._changes.are_any and not self.work.begun_before
        whole = untouched or (self._may_roll_back and self._changes.roll_back())
        for_good = isinstance(error, RefusedError) and whole
        account = self.work.account if whole else attrs.evolve(self.work.account, state=AccountState.INCOMPLETE)
        if whole:
            self._after_steps.drop_own()
        if for_good:
            return self._fail(account, step_error(error), undone=not untouched)
        return self._finish(OperationState.INCOMPLETE, account, error, self._next_try_at(error))

    def _pause(self, error: ProvisionerError) -> Operation:
        """End an attempt that doesn't alter the account. What was done so far stays."""
        if isinstance(error, RefusedError):
            return self._fail(self.work.account, step_error(error))
        return self._finish(OperationState.INCOMPLETE, self.work.account, error, self._next_try_at(error))

    def _fail(self, account: Account, refusal: StepError, *, undone: bool = False) -> Operation:
        """End a refused operation, unless sessions are left: those of an earlier operation would be forgotten."""
        try:
            self._after_steps.run_left()
        except StoppedError as error:
            return self._finish(OperationState.INCOMPLETE, account, error, self._next_try_at(error))
        if left := self._after_steps.error_beside(refusal.message):
            return self._finish(OperationState.INCOMPLETE, account, left, self._next_try_for_sessions())
        undone = undone or any(step.hook == UNDO for step in self.work.operation.steps)
        return self._finish(OperationState.UNDONE if undone else OperationState.FAILED, account, refusal)

    def _break_off(self, error: Exception) -> Operation:
        """Stop an operation at which the program failed. Its next attempt generates a new secret, unless this one is
        delivered.
        """
        whole = not self._spec.alters or (not self._begun and not self.work.begun_before)
        account = self._account_after() if self._delivery.is_done else self.work.account
        if not whole:
            account = attrs.evolve(account, state=AccountState.INCOMPLETE)
        failure = known_or_defect(error)
        handover = self._handover() if self._delivery.is_done else None
        return self._finish(OperationState.INCOMPLETE, account, failure, self._next_try_at(failure), handover)

    @property
    def _may_roll_back(self) -> bool:
        """Whether a rollback is allowed: not for a closure, and not for a password that its owner may have read."""
        return self._spec.delivers and not self._delivery.may_be_out

    def _next_try_for_sessions(self) -> datetime:
        return min(self._next_try_at(error) for error in self._after_steps.errors)

    def _next_try_at(self, error: ProvisionerError) -> datetime:
        if isinstance(error, InMaintenanceError):
            return error.until
        if isinstance(error, StoppedError):
            return self.context.now()
        asked = timedelta(seconds=(error.retry_after or 0) if isinstance(error, ThrottledError) else 0)
        return self.context.now() + max(asked, self.context.retry.policy.next_try_after(self._log.tries))


#: What a probe returns for an account on an unchanged target.
_PRESENT = {
    Presence.ABSENT: TargetState.ABSENT,
    Presence.ENABLED: TargetState.OPEN,
    Presence.DISABLED: TargetState.CLOSED,
}


def _refusal(operation: Operation) -> StepError:
    """Return why an operation was refused permanently, as its last attempt recorded."""
    errors = [step.error for step in operation.steps if step.error and step.hook != SESSIONS]
    return errors[-1]


def _how_far_off(error: TargetError) -> int:
    """Rank the errors of several targets: errors that may pass soon come first, permanent ones last."""
    return 2 if isinstance(error, RefusedError) else 1 if isinstance(error, InMaintenanceError) else 0
