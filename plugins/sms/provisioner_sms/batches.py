"""Sends several notices in one request."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.core.api.errors import RefusedError
from provisioner.core.api.messages import (
    DeliverNotice,
    DeliverNoticeBatch,
    DeliveryReceipt,
    DeliveryState,
    NoticeBatchReceipt,
)
from provisioner_sms.gateway import BatchGateway, SmsMessage


def send_batch(
    gateway: BatchGateway, request: DeliverNoticeBatch, compose: Callable[[DeliverNotice], SmsMessage]
) -> NoticeBatchReceipt:
    """Hand notices to a gateway. One that can't be sent as it is doesn't affect the others.

    Args:

        gateway: The gateway.

        request: The notices.

        compose: Returns the message of a notice.

    Raises:

        TargetError: None was taken, or the outcome is unknown.
    """
    messages, receipts = list[SmsMessage](), dict[str, DeliveryReceipt]()
    for one in request.notices:
        try:
            messages.append(compose(one))
        except RefusedError as error:
            receipts[one.delivery_id] = DeliveryReceipt(state=DeliveryState.REJECTED, detail=error.text)
    if messages:
        receipts.update(gateway.send_batch(messages))
    return NoticeBatchReceipt(receipts=receipts)
