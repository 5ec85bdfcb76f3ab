"""Messages of several parts, of which a gateway takes only some."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import attrs
import pytest

from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState
from provisioner_sms.gateway import MOST_ATTEMPTS, send_parts

TAKEN = DeliveryReceipt(state=DeliveryState.ACCEPTED)
REJECTED = DeliveryReceipt(state=DeliveryState.REJECTED, detail="no route")


class Pauses(threading.Event):
    """Pauses that take no time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return self.is_set()


@attrs.define
class Parts:
    """A gateway that answers in this way, one after the other; then it takes everything."""

    answers: list[DeliveryReceipt | TargetError]
    sent: list[int] = attrs.field(factory=list)
    pauses: Pauses = attrs.field(factory=Pauses)

    def send(self, count: int, patience: float = 10) -> Sequence[DeliveryReceipt]:
        return send_parts(range(count), self._take, time.monotonic() + patience, self.pauses)

    def _take(self, part: int) -> DeliveryReceipt:
        self.sent.append(part)
        answer = self.answers.pop(0) if self.answers else TAKEN
        if isinstance(answer, TargetError):
            raise answer
        return answer


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(REJECTED, id="rejected"),
        pytest.param(RefusedError("no route"), id="refused"),
        pytest.param(MisconfiguredError("no route"), id="misconfigured"),
        pytest.param(UnknownOutcomeError("no route"), id="unknown"),
    ],
)
def test_a_message_of_which_the_first_part_is_out_counts_as_not_sent(answer: DeliveryReceipt | TargetError) -> None:
    """Then the next gateway gets it, or the password is undone, though the phone may show it."""
    gateway = Parts([TAKEN, answer])
    with pytest.raises(UnknownOutcomeError, match="took only the first parts of the message: no route"):
        gateway.send(3)

    assert gateway.sent == [0, 1]


@pytest.mark.parametrize("error", [ThrottledError("busy"), UnavailableError("down"), TransientError("not now")])
def test_a_message_is_given_up_because_a_later_part_is_not_taken_at_once(error: TargetError) -> None:
    """The owner would get a second password, for a message that the gateway takes a second later."""
    gateway = Parts([TAKEN, error, error])

    assert gateway.send(3) == [TAKEN] * 3
    assert gateway.sent == [0, 1, 1, 1, 2]


def test_the_pause_for_which_a_gateway_asks_is_not_kept() -> None:
    gateway = Parts([TAKEN, ThrottledError("busy", retry_after=3)])

    gateway.send(2)
    assert gateway.pauses.seconds == [3]


@pytest.mark.parametrize(("retry_after", "patience", "attempts"), [(20, 10, 1), (0, 10, MOST_ATTEMPTS), (None, 0, 1)])
def test_a_later_part_is_sent_without_end(retry_after: float | None, patience: float, attempts: int) -> None:
    gateway = Parts([TAKEN, *[ThrottledError("busy", retry_after=retry_after)] * 99])
    with pytest.raises(UnknownOutcomeError, match="only the first parts of the message: busy"):
        gateway.send(2, patience)

    assert gateway.sent == [0] + [1] * attempts


def test_a_gateway_that_is_closed_waits_on() -> None:
    gateway = Parts([TAKEN, ThrottledError("busy")])
    gateway.pauses.set()
    with pytest.raises(UnknownOutcomeError):
        gateway.send(2)


def test_a_first_part_that_was_not_taken_is_sent_again_or_the_next_one_is() -> None:
    """Nothing is out, so the core decides."""
    assert Parts([REJECTED]).send(2) == [REJECTED]
    throttled = Parts([ThrottledError("later")])
    with pytest.raises(ThrottledError):
        throttled.send(2)

    assert throttled.sent == [0]


def test_all_parts_are_taken() -> None:
    assert Parts([]).send(2) == [TAKEN, TAKEN]
