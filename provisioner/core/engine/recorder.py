"""Writes down what happens to one operation, as events for the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import attrs

from provisioner.core.api.errors import ProvisionerError, step_error
from provisioner.core.api.events import Event, OperationEnded, OperationStarted, Recipient, StepBegun, StepEnded
from provisioner.core.engine.ports import Recorder
from provisioner.core.model import (
    Account,
    Handover,
    Operation,
    OperationState,
    Outcome,
    Step,
    StepError,
    TargetState,
)

EventT = TypeVar("EventT", bound=Event)


@attrs.define(eq=False)
class OperationRecorder:
    """The journal's page for one operation. Used by the one thread that carries it out.

    What is noted is durable before the next call that may change another system, and that is what matters; it is
    written together with the beginning of that call.

    Args:

        record: Makes events durable.

        now: The clock.
    """

    _operation: Operation
    _record: Recorder
    _now: Callable[[], datetime]
    _steps: list[Step] = attrs.field(factory=list, init=False)
    _pending: list[Event] = attrs.field(factory=list, init=False)

    @property
    def tries(self) -> int:
        """How often the operation was begun, this time included."""
        return self._operation.tries

    @property
    def has_begun(self) -> bool:
        """Whether a step was begun."""
        return bool(self._steps)

    def start(self) -> None:
        """Note that the operation begins; it is written with the first step."""
        tries = self._operation.tries + 1
        self._operation = attrs.evolve(self._operation, state=OperationState.RUNNING, tries=tries, error=None)
        self._pending.append(self._event(OperationStarted, tries=tries))

    def begin_to_look(self, name: str, hook: str) -> int:
        """Return the position of a step that changes nothing. Only its end is written, with whatever comes next."""
        return self._add(Step(name=name, hook=hook, attempts=1))

    def begin(self, name: str, hook: str, recipient: Recipient | None = None, reference: str | None = None) -> int:
        """Write down that a step begins, and return its position. It is durable when this returns.

        Args:

            name: The target or channel.

            hook: The hook that is about to be called.

            recipient: To whom it delivers a password, if it does.

            reference: What the message that it delivers is called.

        Raises:

            BusyError: It is the first step, and somebody else holds the account.

            LeaseLostError: Somebody else took the operation over.

            StoreError: It could not be written.
        """
        position = self._add(Step(name=name, hook=hook, attempts=1, reference=reference))
        self._pending.append(self._event(StepBegun, position=position, step=self._steps[position], recipient=recipient))
        self._flush()
        return position

    def count(self, position: int, attempts: int) -> None:
        """Note how often the step was tried by now."""
        if attempts != self._steps[position].attempts:
            self._steps[position] = attrs.evolve(self._steps[position], attempts=attempts)

    def end(
        self,
        position: int,
        outcome: Outcome,
        *,
        error: ProvisionerError | StepError | None = None,
        reference: str | None = None,
        target_state: TargetState | None = None,
    ) -> None:
        """Note how the step ended; it is written with whatever comes next."""
        what = step_error(error) if isinstance(error, ProvisionerError) else error
        former = self._steps[position]
        step = attrs.evolve(former, outcome=outcome, error=what, reference=reference or former.reference)
        self._steps[position] = step
        self._pending.append(self._event(StepEnded, position=position, step=step, target_state=target_state))

    def finish(
        self,
        state: OperationState,
        account: Account,
        error: ProvisionerError | None = None,
        next_try_at: datetime | None = None,
        handover: Handover | None = None,
    ) -> Operation:
        """Write down that the operation ended or stopped, and return it. It is durable when this returns.

        Raises:

            LeaseLostError: Somebody else took the operation over.

            StoreError: It could not be written.
        """
        what = step_error(error) if error else None
        event = self._event(
            OperationEnded, state=state, account=account, next_try_at=next_try_at, error=what, handover=handover
        )
        self._pending.append(event)
        self._flush()
        return attrs.evolve(
            self._operation,
            state=state,
            steps=tuple(self._steps),
            finished_at=event.at if state.ended else None,
            next_try_at=next_try_at,
            error=what,
        )

    def _add(self, step: Step) -> int:
        self._steps.append(step)
        return len(self._steps) - 1

    def _flush(self) -> None:
        self._record(*self._pending)
        self._pending = []

    def _event(self, make: Callable[..., EventT], **facts: object) -> EventT:
        operation = self._operation
        return make(at=self._now(), operation_id=operation.id, login=operation.login, actor=operation.actor, **facts)
