"""The interface between the plug-in and the gateways that send its messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar, runtime_checkable

import attrs

from provisioner.core.api.errors import RefusedError, StoreError, TargetError, UnknownOutcomeError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.model import MessageState
from provisioner.core.model.mobile import E164
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text

PartT = TypeVar("PartT")

#: How often a later part of a message is sent at most, as long as the gateway can't take it now.
MOST_ATTEMPTS = 10

#: Stores what a gateway reports on a part of a message, by the gateway's ID of the part. Returns whether the message is
#: known.
Report = Callable[[str, MessageState], bool]


def unreported(*_: object) -> bool:
    """Store nothing: there is no store. The gateway keeps the report, or sends it again."""
    raise StoreError("there is no store for delivery reports")


def masked(number: str) -> str:
    """Return the last two digits of *number*, by which people recognise it but can't call it."""
    return f"*{number[-2:]}"


def _require_e164(_: object, __: attrs.Attribute[str], number: str) -> None:
    if not E164.fullmatch(number):
        raise RefusedError(
            "the number is not in the form +905321234567", cure="have the number corrected where it is registered"
        )


@attrs.frozen(kw_only=True)
class SmsMessage:
    """One message to one phone.

    Raises:

        RefusedError: The receiver is not one number in the form E.164. This is checked here, where a message is handed
            to a gateway, because Kannel sends a message to several numbers if spaces separate them.
    """

    #: Our id of it; the same one on every attempt.
    delivery_id: str
    #: The number, as ``+905321234567``.
    to: str = attrs.field(repr=masked, validator=_require_e164)
    text: Secret
    #: Who it comes from; ``None`` for whatever the gateway's account says.
    sender: str | None = None


class SmsGateway(Protocol):
    """Sends messages. Called from several threads at once."""

    def send(self, message: SmsMessage, /) -> DeliveryReceipt:
        """Send one message, once.

        Returns:

            ``ACCEPTED``, ``DELIVERED`` or ``REJECTED``.

        Raises:

            TransientError: Nothing was sent and it may work later.

            UnknownOutcomeError: It was sent and no usable answer came.

            MisconfiguredError: Our own credentials or settings are wrong.
        """

    def probe(self, request: ProbeDelivery, /) -> DeliveryReceipt:
        """Tell what happened to a message; ``UNKNOWN`` if this gateway cannot be asked.

        The request has the reference of the receipt of :meth:`send`, also in a later process; none after a lost answer.

        Raises:

            TransientError: It cannot answer now.

            MisconfiguredError: Our own credentials or settings are wrong.
        """

    def check(self) -> tuple[str | Text, ...]:
        """Send nothing, and see whether messages could be sent now.

        Returns:

            What an administrator should know, one sentence each.

        Raises:

            UnavailableError: It cannot be reached or does not answer.

            MisconfiguredError: Our own credentials or settings are wrong.
        """

    def close(self) -> None:
        """Close all connections."""


@runtime_checkable
class BatchGateway(SmsGateway, Protocol):
    """A gateway that takes several messages in one request, and says what became of each of them."""

    def send_batch(self, messages: Sequence[SmsMessage], /) -> Mapping[str, DeliveryReceipt]:
        """Send several messages without passwords, once.

        Returns:

            For the ID of each message: ``ACCEPTED``, ``DELIVERED`` or ``REJECTED``; ``MISSING`` if it was certainly not
            taken and may be taken by itself.

        Raises:

            UnknownOutcomeError: The request was sent, and no answer came that is about exactly these messages.

            TargetError: Nothing was sent.
        """


def send_parts(
    parts: Iterable[PartT], send: Callable[[PartT], DeliveryReceipt], deadline: float, stop: threading.Event
) -> Sequence[DeliveryReceipt]:
    """Send the parts of a message, one after the other.

    A later part that the gateway can't take now is sent again: the core can't repeat a message whose first part is out.

    Args:

        parts: The parts.

        send: Sends one part.

        deadline: Until when a later part is sent again, on the monotonic clock.

        stop: Ends every pause immediately when it is set.

    Returns:

        The receipt of each part; only that of the first one if it is ``REJECTED``.

    Raises:

        UnknownOutcomeError: A later part was not taken. The phone may show the parts before it.

        TargetError: The first part was not taken.
    """
    first, *others = parts
    receipts = [send(first)]
    if receipts[0].state is not DeliveryState.REJECTED:
        receipts += [_further(part, send, deadline, stop) for part in others]
    return receipts


def _further(
    part: PartT, send: Callable[[PartT], DeliveryReceipt], deadline: float, stop: threading.Event
) -> DeliveryReceipt:
    left = timedelta(seconds=deadline - time.monotonic())
    try:
        receipt = Retry(RetryPolicy(attempts=MOST_ATTEMPTS, total=left), stop).call(lambda _: send(part))
    except TargetError as error:
        reason: str | Text = error.text
    else:
        if receipt.state is not DeliveryState.REJECTED:
            return receipt
        reason = receipt.detail
    raise UnknownOutcomeError("the gateway took only the first parts of the message: {reason}", reason=reason)
