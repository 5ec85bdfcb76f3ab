"""What became of a message: the answer of a channel, or of its probe when the answer was lost."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.core.api.errors import NotAppliedError, RefusedError, TargetError, UnknownOutcomeError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model.text import Text


def deliver(send: Callable[[], DeliveryReceipt], channel: Channel, delivery_id: str, retry: Retry) -> DeliveryReceipt:
    """Hand a message to a channel, and find out what became of it.

    Args:

        send: Hands it over.

        channel: Where.

        delivery_id: The id of the message.

        retry: How patiently the channel is asked when its answer was lost.

    Returns:

        The receipt of a message that was accepted or delivered.

    Raises:

        NotAppliedError: The gateway never got it.

        RefusedError: It will not be sent.

        UnknownOutcomeError: Nobody knows.

        TargetError: What the channel raised.
    """
    lost: Text | None = None
    try:
        receipt = send()
    except UnknownOutcomeError as error:
        lost = error.text
        receipt = DeliveryReceipt(state=DeliveryState.UNKNOWN, detail=lost)
    if receipt.state is DeliveryState.UNKNOWN and "delivery_probe" in channel.hooks:
        receipt = _probed(channel, delivery_id, retry)
    if receipt.state is DeliveryState.MISSING and lost:
        raise NotAppliedError("{error}; the gateway never got the message", error=lost)
    if receipt.state is DeliveryState.MISSING:
        raise NotAppliedError("the gateway never got the message")
    if receipt.state is DeliveryState.UNKNOWN:
        raise UnknownOutcomeError("nobody knows whether the message was sent: {detail}", detail=receipt.detail)
    if receipt.state is DeliveryState.REJECTED:
        raise RefusedError("the message was rejected: {detail}", detail=receipt.detail)
    return receipt


def _probed(channel: Channel, delivery_id: str, retry: Retry) -> DeliveryReceipt:
    probe = ProbeDelivery(delivery_id=delivery_id)
    try:
        return retry.call(lambda _: channel.probe(probe))
    except TargetError as error:
        return DeliveryReceipt(state=DeliveryState.UNKNOWN, detail=error.text)
