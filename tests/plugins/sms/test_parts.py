"""Messages of several parts, of which a gateway takes only some."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.core.api.errors import RefusedError, TargetError, ThrottledError, UnavailableError, UnknownOutcomeError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState
from provisioner_sms.gateway import send_parts

TAKEN = DeliveryReceipt(state=DeliveryState.ACCEPTED)
REJECTED = DeliveryReceipt(state=DeliveryState.REJECTED, detail="no route")


def answering(*answers: DeliveryReceipt | TargetError) -> Callable[[int], DeliveryReceipt]:
    """Return a gateway that answers the parts in this way."""

    def send(part: int) -> DeliveryReceipt:
        answer = answers[part]
        if isinstance(answer, TargetError):
            raise answer
        return answer

    return send


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(REJECTED, id="rejected"),
        pytest.param(RefusedError("no route"), id="refused"),
        pytest.param(ThrottledError("no route"), id="throttled"),
        pytest.param(UnavailableError("no route"), id="unavailable"),
        pytest.param(UnknownOutcomeError("no route"), id="unknown"),
    ],
)
def test_a_message_of_which_the_first_part_is_out_counts_as_not_sent(answer: DeliveryReceipt | TargetError) -> None:
    """Then the next gateway gets it, or the password is undone, though the phone may show it."""
    with pytest.raises(UnknownOutcomeError, match="took only the first parts of the message: no route"):
        send_parts(range(3), answering(TAKEN, answer, TAKEN))


def test_nothing_is_sent_after_a_first_part_that_was_not_taken() -> None:
    assert send_parts(range(2), answering(REJECTED)) == [REJECTED]
    with pytest.raises(ThrottledError):
        send_parts(range(2), answering(ThrottledError("later")))


def test_all_parts_are_taken() -> None:
    assert send_parts(range(2), answering(TAKEN, TAKEN)) == [TAKEN, TAKEN]
