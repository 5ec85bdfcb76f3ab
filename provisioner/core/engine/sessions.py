"""The after-steps of an operation: they end the sessions that a change of the account leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from provisioner.core.api.errors import SessionsOpenError, TargetError, UnknownOutcomeError, UnsupportedError
from provisioner.core.api.kinds import KINDS, KindSpec
from provisioner.core.api.messages import EndSessions, ProbeAccount, Receipt
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.plan import PlannedOperation
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
        self._end_on(self._targets, secret)

    def go_on(self) -> None:
        """End the sessions on the targets on which no earlier attempt has ended them; see :meth:`run`."""
        steps = self.work.operation.steps
        done = {step.name for step in steps if step.hook == SESSIONS and step.outcome in _ENDED}
        self._end_on([target for target in self._targets if target.name not in done])
        for name in dict.fromkeys(step.name for step in steps if step.hook == SESSIONS):
            if name not in done | self._configured:
                self._give_up(name)

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
        if self.work.operation.kind is OperationKind.WITHDRAW:
            return _withdrawn(targets, error)
        return _closed(targets, error) if self._spec.closes else _changed(targets, error)

    @property
    def _spec(self) -> KindSpec:
        return KINDS[self.work.operation.kind]

    @property
    def _configured(self) -> set[str]:
        return {target.name for target in self.context.session_targets}

    def _give_up(self, name: str) -> None:
        """Record that nothing can end or show sessions on a target that has left the configuration."""
        position = self.begin(name, SESSIONS)
        error = UnsupportedError(
            "{target} is no longer configured, so nothing shows that its sessions ended", target=name
        )
        self.log.end(position, Outcome.NOT_APPLIED, error=error)
        self.states[name] = SessionsState.UNPROVED

    @property
    def _targets(self) -> list[Target]:
        return [target for target in self.context.session_targets if target.name in self.work.sessions]

    def _end_on(self, targets: Sequence[Target], secret: Secret | None = None) -> None:
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
            after=self.work.operation.kind,
            spellings=tuple(dict.fromkeys((*names, account.login, account.mail))),
            secret=secret,
        )

    def _asked(self) -> list[Target]:
        return [target for target in able(self.context.targets, PROBE) if self.work.concerns(target.name)]

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
