"""The after-steps of an operation: they end the sessions that a change of the account leaves open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import attrs

from provisioner.core.api.errors import (
    SessionsLeftError,
    SessionsOpenError,
    TargetError,
    UnknownOutcomeError,
    UnsupportedError,
)
from provisioner.core.api.kinds import KINDS, KindSpec
from provisioner.core.api.messages import EndSessions, ProbeAccount, Receipt
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.plan import PlannedOperation, was_refused
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.gateways.gateway import PROBE, SESSIONS, Target, able
from provisioner.core.model import OperationKind, Outcome, SessionsState
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text

#: The outcomes of an after-step that needs no other attempt.
_ENDED = frozenset({Outcome.APPLIED, Outcome.UNCHANGED})


@attrs.define(eq=False)
class AfterSteps:
    """Ends the sessions of one account, target by target. An error on one of them doesn't affect the others.

    Args:

        work: The operation.

        context: The targets, and the retry policy.

        log: Records the steps.

        begin: Writes the start of a step with this target and hook, and returns its position.
    """

    work: PlannedOperation
    context: EngineContext
    log: OperationRecorder
    begin: Callable[[str, str], int]
    #: What is known now, by target.
    states: dict[str, SessionsState] = attrs.field(factory=dict, init=False)
    #: Why sessions are left, by the target on which they are.
    _errors: dict[str, TargetError] = attrs.field(factory=dict, init=False)
    #: Why the names of the account are not all known; ``None`` if they are.
    _unnamed: TargetError | None = attrs.field(default=None, init=False)

    def run(self, secret: Secret | None = None) -> None:
        """End the sessions on every target.

        Args:

            secret: The new password, if it is known.

        Raises:

            StoppedError: The program was stopped before the next target.

            LeaseLostError: Another process took over the operation.

            StoreError: The journal can't be written.
        """
        self._end_on(self.work.sessions, secret)
        self._give_up(self.work.left)

    def run_left(self) -> None:
        """End only the sessions that earlier operations or attempts have left; see :meth:`run`."""
        self._end_on(self.work.left - self.states.keys())
        self._give_up(self.work.left - self.states.keys())

    def drop_own(self) -> None:
        """Forget the sessions of a change that was rolled back; those that earlier operations have left stay."""
        self.states = {name: state for name, state in self.states.items() if name in self.work.left}
        self._errors = {name: error for name, error in self._errors.items() if name in self.work.left}

    def go_on(self) -> None:
        """End the sessions on the targets on which no earlier attempt has ended them; see :meth:`run`."""
        if was_refused(self.work.operation):
            return self.run_left()
        steps = [step for step in self.work.operation.steps if step.hook == SESSIONS]
        done = {step.name for step in steps if step.outcome in _ENDED}
        self._end_on(self.work.sessions - done)
        self._give_up({step.name for step in steps} - done)
        return None

    @property
    def errors(self) -> Sequence[TargetError]:
        """Why sessions are left."""
        return tuple(self._errors.values())

    @property
    def error(self) -> SessionsOpenError | None:
        """Where sessions are left, and why; ``None`` if all were ended."""
        if not self._errors:
            return None
        targets, error = ", ".join(self._errors), self.errors[0]
        match self.work.operation.kind:
            case OperationKind.WITHDRAW:
                return _withdrawn(targets, error)
            case OperationKind.UPDATE:
                return _updated(targets, error)
        return _closed(targets, error) if self._spec.closes else _changed(targets, error)

    def error_beside(self, refusal: Text) -> SessionsLeftError | None:
        """Return where sessions are left, and why, if the operation was refused; ``None`` if all were ended.

        Args:

            refusal: Why it was refused.
        """
        if not self._errors:
            return None
        error = self.errors[0]
        return SessionsLeftError(
            "{why}; sessions may still be open on {targets}: {error}",
            cure=_cure(error),
            why=refusal,
            targets=", ".join(self._errors),
            error=error.text,
        )

    @property
    def _spec(self) -> KindSpec:
        return KINDS[self.work.operation.kind]

    @property
    def _configured(self) -> set[str]:
        return {target.name for target in self.context.session_targets}

    def _give_up(self, names: Collection[str]) -> None:
        """Record that nothing can end or show sessions on targets that have left the configuration."""
        for name in sorted(set(names) - self._configured):
            position = self.begin(name, SESSIONS)
            error = UnsupportedError(
                "{target} is no longer configured, so nothing shows that its sessions ended", target=name
            )
            self.log.end(position, Outcome.NOT_APPLIED, error=error)
            self.states[name] = SessionsState.UNPROVED

    def _end_on(self, names: Collection[str], secret: Secret | None = None) -> None:
        targets = [target for target in self.context.session_targets if target.name in names]
        if targets:
            request = self._request(secret)
            for target in targets:
                self._end(target, request)

    def _request(self, secret: Secret | None) -> EndSessions:
        account = self.work.account
        names = [name for target in self._asked() for name in self._names_on(target)]
        return EndSessions(
            operation_id=self.work.operation.id,
            account=account,
            unit=self.work.unit,
            # An update takes over the sessions that a new password has left.
            after=self.work.operation.kind if self._spec.ends_sessions else OperationKind.ROTATE,
            spellings=tuple(dict.fromkeys((*names, account.login, account.mail))),
            secret=secret,
        )

    def _asked(self) -> list[Target]:
        able_to_tell = able(self.context.targets, PROBE)
        return [target for target in able_to_tell if self.work.left or self.work.concerns(target.name)]

    def _names_on(self, target: Target) -> Sequence[str]:
        """Return the names by which a target knows the account; none if it can't answer now."""
        try:
            return target.probe(ProbeAccount(account=self.work.account)).spellings
        except TargetError as error:
            self._unnamed = error
            return ()

    def _end(self, target: Target, request: EndSessions) -> None:
        position = self.begin(target.name, SESSIONS)

        def attempt(number: int) -> Receipt:
            self.log.count(position, number)
            return target.end_sessions(request)

        try:
            receipt = self.context.retry.call(attempt)
        except TargetError as error:
            outcome = Outcome.UNKNOWN if isinstance(error, UnknownOutcomeError) else Outcome.NOT_APPLIED
            return self._leave(target, position, outcome, error)
        if self._unnamed:
            return self._leave(target, position, Outcome.UNKNOWN, self._unnamed)
        self.log.end(position, receipt.outcome, reference=receipt.reference)
        self.states[target.name] = SessionsState.ENDED if receipt.proved else SessionsState.UNPROVED
        return None

    def _leave(self, target: Target, position: int, outcome: Outcome, error: TargetError) -> None:
        self.log.end(position, outcome, error=error)
        self.states[target.name] = SessionsState.OPEN
        self._errors[target.name] = error


def _closed(targets: str, error: TargetError) -> SessionsOpenError:
    return SessionsOpenError(
        "it is closed, but sessions may still be open on {targets}: {error}",
        cure=_cure(error),
        targets=targets,
        error=error.text,
    )


def _withdrawn(targets: str, error: TargetError) -> SessionsOpenError:
    return SessionsOpenError(
        "it is withdrawn, but sessions may still be open on {targets}: {error}",
        cure=_cure(error),
        targets=targets,
        error=error.text,
    )


def _updated(targets: str, error: TargetError) -> SessionsOpenError:
    return SessionsOpenError(
        "it is up to date, but sessions may still be open on {targets}: {error}",
        cure=_cure(error),
        targets=targets,
        error=error.text,
    )


def _changed(targets: str, error: TargetError) -> SessionsOpenError:
    return SessionsOpenError(
        "the new password is in effect, but sessions may still be open on {targets}: {error}",
        cure=_cure(error),
        targets=targets,
        error=error.text,
    )


def _cure(error: TargetError) -> Text:
    cure = Text("run 'provisioner resume' when {targets} works again", {"targets": error.target})
    return error.cure if error.cure.template else cure
