"""Sends a message, and determines what happened to it."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.core.api.errors import NotAppliedError, RefusedError, TargetError, UnknownOutcomeError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model.text import Text


def deliver(send: Callable[[], DeliveryReceipt], channel: Channel, delivery_id: str, retry: Retry) -> DeliveryReceipt:
    """Send a message over a channel, and determine what happened to it.

    Args:

        send: Sends the message.

        channel: The channel.

        delivery_id: The ID of the message.

        retry: The retry policy for asking the channel after a lost answer.

    Returns:

        The receipt of an accepted or delivered message.

    Raises:

        NotAppliedError: The gateway never received it.

        RefusedError: It will not be sent.

        UnknownOutcomeError: The outcome is unknown.

        TargetError: What the channel raised.
    """
    lost: Text | None = None
    try:
        receipt = send()
    except UnknownOutcomeError as error:
        lost = error.text
        receipt = DeliveryReceipt(state=DeliveryState.UNKNOWN, detail=lost)
    if receipt.state is DeliveryState.UNKNOWN and "delivery_probe" in channel.hooks:
        probe = ProbeDelivery(delivery_id=delivery_id, gateway=receipt.gateway, reference=receipt.reference)
        receipt = _probed(channel, probe, retry)
    if receipt.state is DeliveryState.MISSING and lost:
        raise NotAppliedError("{error}; the gateway never received the message", error=lost)
    if receipt.state is DeliveryState.MISSING:
        raise NotAppliedError("the gateway never received the message")
    if receipt.state is DeliveryState.UNKNOWN:
        raise UnknownOutcomeError("it is unknown whether the message was sent: {detail}", detail=receipt.detail)
    if receipt.state is DeliveryState.REJECTED:
        raise RefusedError("the message was rejected: {detail}", detail=receipt.detail)
    return receipt


def _probed(channel: Channel, probe: ProbeDelivery, retry: Retry) -> DeliveryReceipt:
    try:
        return retry.call(lambda _: channel.probe(probe))
    except TargetError as error:
        return DeliveryReceipt(state=DeliveryState.UNKNOWN, detail=error.text)
