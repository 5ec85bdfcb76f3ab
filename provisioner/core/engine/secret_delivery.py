"""The delivery of a new password to its owner: over which channel, what happened to the message, and until when a
report is awaited.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import attrs

from provisioner.core.api.errors import (
    ItemMisconfiguredError,
    MisconfiguredError,
    RefusedError,
    TargetError,
    TransientError,
    UnknownOutcomeError,
)
from provisioner.core.api.events import Recipient
from provisioner.core.api.messages import DeliverSecret, DeliveryReceipt, DeliveryState
from provisioner.core.engine.allowances import Reservation
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.delivery import deliver
from provisioner.core.engine.plan import PlannedOperation, is_delivered
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.gateways.gateway import DELIVER, Channel
from provisioner.core.model import MessageState, Outcome, PasswordDelivery, Step
from provisioner.core.model.mobile import NumberKind
from provisioner.core.model.secret import Secret


@attrs.define(eq=False)
class SecretDelivery:
    """Delivers the new password of one account.

    Args:

        work: The operation.

        context: The channels, and the earlier messages.

        log: Records the steps.

        begin: Writes the start of a step with this channel, hook, recipient and ID of the message, and returns its
            position.
    """

    work: PlannedOperation
    context: EngineContext
    log: OperationRecorder
    begin: Callable[[str, str, Recipient, str], int]
    _reservation: Reservation = attrs.field(init=False)
    #: Whether a person may have read the new password.
    may_be_out: bool = attrs.field(default=False, init=False)
    #: Whether this or an earlier attempt has delivered the password, so that the account is as the operation leaves it.
    is_done: bool = attrs.field(init=False)
    #: When the delivered message was sent, if this attempt knows it only from a report.
    sent_at: datetime | None = attrs.field(default=None, init=False)
    #: The number of the last message to the account; ``None`` if it was not read yet.
    _last_number: int | None = attrs.field(init=False)
    #: The marks of the numbers of the recipient, by kind.
    _marks: dict[NumberKind, str | None] = attrs.field(factory=dict, init=False)

    @_reservation.default
    def _new_reservation(self) -> Reservation:
        return self.context.allowances.reservation()

    @is_done.default
    def _was_done(self) -> bool:
        return is_delivered(self.work.operation)

    @_last_number.default
    def _read_before(self) -> int | None:
        return self.work.last_message

    @property
    def is_reported(self) -> bool:
        """Whether a report shows that a gateway took the message of the last attempt, whose answer was lost.

        Its password is in effect, because it is sent last.
        """
        return self._unanswered() is not None

    def conclude(self) -> None:
        """Record what :attr:`is_reported` tells. It is written together with the end of the operation."""
        if unanswered := self._unanswered():
            self._take(*unanswered)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep a place for the message during a ``with`` block, on the first channel that may send one today.

        Raises:

            DailyLimitError: No channel may. Nothing was changed.

            StoreError: The store failed. Nothing was changed.
        """
        with self._reservation:
            self._reservation.hold_any([channel.name for channel in self._channels()])
            yield

    def run(self, secret: Secret) -> None:
        """Deliver the password over the first channel that accepts it.

        Args:

            secret: The password.

        Raises:

            TargetError: No channel accepted it, or it is unknown whether one has.

            StoppedError: The program was stopped before the next channel.

            LeaseLostError: Another process took over the operation.

            StoreError: The journal can't be written.
        """
        channels = self._channels()
        last = len(channels) - 1
        for number, channel in enumerate(channels):
            try:
                return self._deliver_over(channel, secret)
            except (RefusedError, TransientError, MisconfiguredError, ItemMisconfiguredError):
                if number == last:
                    raise
        return None

    def _channels(self) -> Sequence[Channel]:
        usable = [channel for channel in self.context.deliverers if self.work.may_use(channel.name)]
        marks = {channel.number: self._mark(channel) for channel in usable}
        return self.context.dispatch.in_order(self.work.account.login, marks, usable)

    def _mark(self, channel: Channel) -> str | None:
        """Return the mark of the number to which a channel sends."""
        kind = channel.number
        if kind not in self._marks:
            self._marks[kind] = self.context.mobile_mark(channel.number_of(self.work.recipient))
        return self._marks[kind]

    def _deliver_over(self, channel: Channel, secret: Secret) -> None:
        self._reservation.hold(channel.name)
        request = self._request(secret)
        # After a crash, the ID shows which message may have been sent.
        position = self.begin(channel.name, DELIVER, self._recipient(request, channel), request.delivery_id)

        def attempt(number: int) -> DeliveryReceipt:
            self.log.count(position, number)
            return deliver(lambda: channel.deliver(request), channel, request.delivery_id, self.context.retry)

        try:
            receipt = self.context.retry.call(attempt)
        except UnknownOutcomeError as error:
            self._reservation.spend()
            self.may_be_out = True
            if message := self._reported(request.delivery_id):
                return self._take(position, message)
            self.log.end(position, Outcome.UNKNOWN, error=error)
            raise
        except TargetError as error:
            self.log.end(position, Outcome.NOT_APPLIED, error=error)
            raise
        self._reservation.spend()
        self.may_be_out = True
        self.log.end(position, Outcome.APPLIED, reference=receipt.reference)
        self.is_done = True
        self._hand_over(channel.name, request.delivery_id, receipt)
        return None

    def _unanswered(self) -> tuple[int, PasswordDelivery] | None:
        """Return the step of the last attempt whose answer was lost, and its message, if a report shows it."""
        if not self.work.resumed:
            return None
        steps = enumerate(self.work.operation.steps)
        lost = [(position, step.reference) for position, step in steps if _is_unanswered(step) and step.reference]
        found = [(position, self._reported(reference)) for position, reference in lost if reference]
        return next(((position, message) for position, message in found if message), None)

    def _reported(self, delivery_id: str) -> PasswordDelivery | None:
        """Return a message if a report shows that a gateway took it."""
        recent = self.context.dispatch.recent(self.work.account.login)
        taken = (message for message in recent if message.state is not MessageState.SENDING)
        return next((message for message in taken if message.id == delivery_id), None)

    def _take(self, position: int, message: PasswordDelivery) -> None:
        """Record that a gateway took a message, as a report shows. Whether it arrived is for the follow-up."""
        self.may_be_out = self.is_done = True
        self.sent_at = message.sent_at
        self.log.end(position, Outcome.APPLIED)
        delivered = message.state is MessageState.DELIVERED
        receipt = DeliveryReceipt(
            state=DeliveryState.DELIVERED if delivered else DeliveryState.ACCEPTED,
            gateway=message.gateway,
            reference=message.reference,
            will_report=not message.state.is_final,
        )
        self._hand_over(message.channel, message.id, receipt)

    def _request(self, secret: Secret) -> DeliverSecret:
        return DeliverSecret(
            operation_id=self.work.operation.id,
            delivery_id=str(uuid.uuid4()),
            account=self.work.account,
            recipient=self.work.recipient,
            secret=secret,
            replaces_earlier=self.log.tries > 1,
            number=self._next_number(),
            at=self.context.now(),
            unit=self.work.unit,
        )

    def _next_number(self) -> int:
        if self._last_number is None:
            self._last_number = self.context.dispatch.last_number(self.work.account.login)
        self._last_number += 1
        return self._last_number

    def _recipient(self, request: DeliverSecret, channel: Channel) -> Recipient:
        return Recipient(person=request.recipient.id, mobile_mark=self._mark(channel), number=request.number)

    def _hand_over(self, channel: str, delivery_id: str, receipt: DeliveryReceipt) -> None:
        """Record that the gateway took the message, together with the end of the operation."""
        delivered = receipt.state is DeliveryState.DELIVERED
        awaited = receipt.will_report and not delivered
        deadline = self.context.now() + self.context.dispatch.rules_of(channel).report_within if awaited else None
        state = MessageState.DELIVERED if delivered else MessageState.HANDED_OVER
        self.log.hand_over(delivery_id, channel, receipt, state, deadline)


def _is_unanswered(step: Step) -> bool:
    return step.hook == DELIVER and step.outcome in {None, Outcome.UNKNOWN}
