"""The delivery of a new password to its owner: over which channel, what happened to the message, and until when a
report is awaited.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

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
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.delivery import deliver
from provisioner.core.engine.plan import PlannedOperation, is_delivered
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.gateways.gateway import DELIVER, Channel
from provisioner.core.model import MessageState, Outcome
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
    #: Whether a person may have read the new password.
    may_be_out: bool = attrs.field(default=False, init=False)
    #: Whether this or an earlier attempt has delivered the password, so that the account is as the operation leaves it.
    is_done: bool = attrs.field(init=False)

    @is_done.default
    def _was_done(self) -> bool:
        return is_delivered(self.work.operation)

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
        mark = self.context.mobile_mark(self.work.recipient.mobile)
        usable = [channel for channel in self.context.deliverers if self.work.may_use(channel.name)]
        channels = self.context.dispatch.in_order(self.work.account.login, mark, usable)
        last = len(channels) - 1
        for number, channel in enumerate(channels):
            try:
                return self._deliver_over(channel, secret)
            except (RefusedError, TransientError, MisconfiguredError, ItemMisconfiguredError):
                if number == last:
                    raise
        return None

    def _deliver_over(self, channel: Channel, secret: Secret) -> None:
        request = self._request(secret)
        # After a crash, the ID shows which message may have been sent.
        position = self.begin(channel.name, DELIVER, self._recipient(request), request.delivery_id)

        def attempt(number: int) -> DeliveryReceipt:
            self.log.count(position, number)
            return deliver(lambda: channel.deliver(request), channel, request.delivery_id, self.context.retry)

        try:
            receipt = self.context.retry.call(attempt)
        except UnknownOutcomeError as error:
            self.may_be_out = True
            self.log.end(position, Outcome.UNKNOWN, error=error)
            raise
        except TargetError as error:
            self.log.end(position, Outcome.NOT_APPLIED, error=error)
            raise
        self.may_be_out = True
        self.log.end(position, Outcome.APPLIED, reference=receipt.reference)
        self.is_done = True
        self._hand_over(channel, request.delivery_id, receipt)

    def _request(self, secret: Secret) -> DeliverSecret:
        return DeliverSecret(
            operation_id=self.work.operation.id,
            delivery_id=str(uuid.uuid4()),
            account=self.work.account,
            recipient=self.work.recipient,
            secret=secret,
            replaces_earlier=self.log.tries > 1,
            number=self.context.dispatch.next_number(self.work.account.login),
            at=self.context.now(),
            unit=self.work.unit,
        )

    def _recipient(self, request: DeliverSecret) -> Recipient:
        return Recipient(
            person=request.recipient.id,
            mobile_mark=self.context.mobile_mark(request.recipient.mobile),
            number=request.number,
        )

    def _hand_over(self, channel: Channel, delivery_id: str, receipt: DeliveryReceipt) -> None:
        """Record that the gateway took the message, together with the end of the operation."""
        delivered = receipt.state is DeliveryState.DELIVERED
        awaited = receipt.will_report and not delivered
        deadline = self.context.now() + self.context.dispatch.rules_of(channel.name).report_within if awaited else None
        state = MessageState.DELIVERED if delivered else MessageState.HANDED_OVER
        self.log.hand_over(delivery_id, channel.name, receipt, state, deadline)
