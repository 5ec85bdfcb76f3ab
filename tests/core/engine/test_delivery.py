"""A message whose answer was lost is asked about, and never sent again on a guess."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from provisioner.core.api.errors import (
    NotAppliedError,
    RefusedError,
    TargetError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import DeliverSecret, DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.engine.delivery import deliver
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.testing.harness import ORIGIN, QUICK


class Silent:
    """A channel that cannot be asked what became of a message."""

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        raise NotImplementedError


class Asked(Silent):
    """A channel that answers questions about messages."""

    def __init__(self, answer: DeliveryState | TargetError) -> None:
        self.answer = answer
        self.questions: list[str] = []

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        self.questions.append(request.delivery_id)
        if isinstance(self.answer, TargetError):
            raise self.answer
        return DeliveryReceipt(state=self.answer, reference="r1")


@pytest.fixture(name="channel")
def _channel(plugins: Plugins) -> Callable[[object], Channel]:
    return lambda plugin: plugins.add_channel("sms", plugin, ORIGIN)


def send(channel: Channel, answer: DeliveryState | TargetError) -> DeliveryReceipt:
    def answered() -> DeliveryReceipt:
        if isinstance(answer, TargetError):
            raise answer
        return DeliveryReceipt(state=answer, detail="as it is")

    return deliver(answered, channel, "d1", Retry(QUICK, threading.Event()))


LOST = UnknownOutcomeError("no answer came")


def test_a_lost_answer_is_asked_for(channel: Callable[[object], Channel]) -> None:
    phones = Asked(DeliveryState.DELIVERED)

    assert send(channel(phones), LOST).reference == "r1"
    assert phones.questions == ["d1"]


def test_a_message_that_never_arrived_may_be_sent_again(channel: Callable[[object], Channel]) -> None:
    with pytest.raises(NotAppliedError, match="no answer came; the gateway never received the message"):
        send(channel(Asked(DeliveryState.MISSING)), LOST)


@pytest.mark.parametrize("plugin", [Silent(), Asked(UnavailableError("down")), Asked(DeliveryState.UNKNOWN)])
def test_a_message_that_nobody_can_tell_of_is_not_taken_for_lost(
    channel: Callable[[object], Channel], plugin: object
) -> None:
    with pytest.raises(UnknownOutcomeError, match="it is unknown whether the message was sent"):
        send(channel(plugin), LOST)


def test_a_rejection_is_final_and_says_why(channel: Callable[[object], Channel]) -> None:
    with pytest.raises(RefusedError, match="rejected: as it is"):
        send(channel(Silent()), DeliveryState.REJECTED)


@pytest.mark.parametrize("state", [DeliveryState.ACCEPTED, DeliveryState.DELIVERED])
def test_a_message_that_was_taken_is_not_asked_about(
    channel: Callable[[object], Channel], state: DeliveryState
) -> None:
    phones = Asked(DeliveryState.MISSING)

    assert send(channel(phones), state).state is state
    assert phones.questions == []
