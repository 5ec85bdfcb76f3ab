"""Records what happens to one operation, as events for the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import attrs

from provisioner.core.api.errors import ProvisionerError, step_error
from provisioner.core.api.events import (
    DeliveryHandedOver,
    Event,
    OperationEnded,
    OperationStarted,
    Recipient,
    StepBegun,
    StepEnded,
)
from provisioner.core.api.messages import DeliveryReceipt
from provisioner.core.engine.ports import Recorder
from provisioner.core.model import (
    Account,
    Handover,
    MessageState,
    Operation,
    OperationState,
    Outcome,
    SessionsState,
    Step,
    StepError,
    TargetState,
)

EventT = TypeVar("EventT", bound=Event)


@attrs.define(eq=False)
class OperationRecorder:
    """Writes the events of one operation into the journal. Used by the thread that carries it out.

    Collected events are stored before the next call that may change another system. They are written together with the
    start of that call.

    Args:

        record: Stores events.

        now: The clock.
    """

    _operation: Operation
    _record: Recorder
    _now: Callable[[], datetime]
    #: The number of attempts, including this one once it has started.
    tries: int = attrs.field(init=False)
    _steps: list[Step] = attrs.field(factory=list, init=False)
    _pending: list[Event] = attrs.field(factory=list, init=False)

    @tries.default
    def _earlier_tries(self) -> int:
        return self._operation.tries

    def start(self, *, continues: bool = False) -> None:
        """Collect the start of the operation; it is written with the first step.

        Args:

            continues: Whether the steps of the earlier attempt stay.
        """
        self.tries += 1
        self._steps = list(self._operation.steps) if continues else []
        self._pending.append(self._event(OperationStarted, tries=self.tries, continues=continues))

    def begin_to_look(self, name: str, hook: str) -> int:
        """Return the position of a step that changes nothing. Only its end is written, with the next event."""
        return self._add(Step(name=name, hook=hook, attempts=1))

    def begin(self, name: str, hook: str, recipient: Recipient | None = None, reference: str | None = None) -> int:
        """Write the start of a step, and return its position. It is stored when this returns.

        Args:

            name: The target or channel.

            hook: The hook that will be called.

            recipient: The receiver, if it delivers a password.

            reference: The ID of the message that it delivers.

        Raises:

            BusyError: It is the first step, and another operation holds the account.

            LeaseLostError: Another process took over the operation.

            StoreError: It could not be written.
        """
        position = self._add(Step(name=name, hook=hook, attempts=1, reference=reference))
        self._write_start(position, recipient)
        return position

    def begin_again(self, name: str, hook: str) -> int:
        """Write the start of a step in the place of that of an earlier attempt, if it stayed; see :meth:`begin`."""
        former = [number for number, step in enumerate(self._steps) if (step.name, step.hook) == (name, hook)]
        if not former:
            return self.begin(name, hook)
        self._steps[former[0]] = Step(name=name, hook=hook, attempts=1)
        self._write_start(former[0])
        return former[0]

    def count(self, position: int, attempts: int) -> None:
        """Collect the number of attempts of the step."""
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
        """Collect the end of the step; it is written with the next event."""
        what = step_error(error) if isinstance(error, ProvisionerError) else error
        former = self._steps[position]
        step = Step(
            name=former.name,
            hook=former.hook,
            outcome=outcome,
            attempts=former.attempts,
            error=what,
            reference=reference or former.reference,
        )
        self._steps[position] = step
        self._pending.append(self._event(StepEnded, position=position, step=step, target_state=target_state))

    def hand_over(
        self, delivery: str, channel: str, receipt: DeliveryReceipt, state: MessageState, deadline: datetime | None
    ) -> None:
        """Collect that a gateway took a message; it is written with the next event."""
        self._pending.append(
            self._event(
                DeliveryHandedOver,
                delivery=delivery,
                channel=channel,
                gateway=receipt.gateway,
                reference=receipt.reference,
                parts=receipt.parts,
                state=state,
                deadline=deadline,
            )
        )

    def finish(
        self,
        state: OperationState,
        account: Account,
        error: ProvisionerError | StepError | None = None,
        next_try_at: datetime | None = None,
        *,
        handover: Handover | None = None,
        sessions: Mapping[str, SessionsState] | None = None,
    ) -> Operation:
        """Write that the operation ended or stopped, and return it. It is stored when this returns.

        Raises:

            LeaseLostError: Another process took over the operation.

            StoreError: It could not be written.
        """
        what = step_error(error) if isinstance(error, ProvisionerError) else error
        event = self._event(
            OperationEnded,
            state=state,
            account=account,
            next_try_at=next_try_at,
            error=what,
            handover=handover,
            sessions=sessions or {},
        )
        self._pending.append(event)
        self._flush()
        return attrs.evolve(
            self._operation,
            state=state,
            tries=self.tries,
            steps=tuple(self._steps),
            finished_at=event.at if state.ended else None,
            next_try_at=next_try_at,
            error=what,
        )

    def _write_start(self, position: int, recipient: Recipient | None = None) -> None:
        self._pending.append(self._event(StepBegun, position=position, step=self._steps[position], recipient=recipient))
        self._flush()

    def _add(self, step: Step) -> int:
        self._steps.append(step)
        return len(self._steps) - 1

    def _flush(self) -> None:
        self._record(*self._pending)
        self._pending = []

    def _event(self, make: Callable[..., EventT], **facts: object) -> EventT:
        operation = self._operation
        return make(at=self._now(), operation_id=operation.id, login=operation.login, actor=operation.actor, **facts)
