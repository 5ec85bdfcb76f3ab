"""What a reply of a provider means for a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.core.api.errors import (
    ForbiddenError,
    MisconfiguredError,
    RefusedError,
    SystemMisconfiguredError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState
from provisioner.core.model.text import Text
from provisioner_sms.exchange import ReplyMeaning
from provisioner_sms.gateway import SmsMessage

_STATES = {
    ReplyMeaning.ACCEPTED: DeliveryState.ACCEPTED,
    ReplyMeaning.DELIVERED: DeliveryState.DELIVERED,
    ReplyMeaning.REJECTED: DeliveryState.REJECTED,
    ReplyMeaning.MISSING: DeliveryState.MISSING,
    ReplyMeaning.UNKNOWN: DeliveryState.UNKNOWN,
}


def receipt(
    meaning: ReplyMeaning, detail: str | Text, *, reference: str | None = None, retry_after: float | None = None
) -> DeliveryReceipt:
    """Return the receipt that corresponds to a reply.

    Args:

        meaning: What the reply means.

        detail: A few words on it that quote nothing of the reply itself.

        reference: The provider's own ID of the message.

        retry_after: The seconds after which the provider wants to be asked again, if it says so.

    Raises:

        TransientError: Nothing was sent and it may work later.

        UnknownOutcomeError: The provider took the same message before, and doesn't say what became of it.

        MisconfiguredError: Our own credentials or settings are wrong.

        ForbiddenError: We may not send to this number.
    """
    match meaning:
        case ReplyMeaning.THROTTLED:
            raise ThrottledError(
                "the provider limits the rate of messages: {detail}", retry_after=retry_after, detail=detail
            )
        case ReplyMeaning.UNAVAILABLE:
            raise TransientError("the provider cannot accept messages now: {detail}", detail=detail)
        case ReplyMeaning.DUPLICATE:
            raise UnknownOutcomeError("the provider took this message before: {detail}", detail=detail)
        case ReplyMeaning.MISCONFIGURED:
            raise MisconfiguredError("the provider refuses the credentials or settings: {detail}", detail=detail)
        case ReplyMeaning.NO_CREDIT:
            raise SystemMisconfiguredError(
                "the account with the provider has no credit left: {detail}",
                cure="buy credit from the provider, then run 'provisioner resume'",
                detail=detail,
            )
        case ReplyMeaning.FORBIDDEN:
            raise ForbiddenError("the provider does not allow messages to this number: {detail}", detail=detail)
    return DeliveryReceipt(state=_STATES[meaning], reference=reference, detail=detail)


def expect_taken(found: DeliveryReceipt) -> DeliveryReceipt:
    """Return the receipt of a message that was handed to a provider.

    Raises:

        UnknownOutcomeError: The reply doesn't say whether the provider took the message.
    """
    if found.state is DeliveryState.UNKNOWN:
        raise UnknownOutcomeError("the provider's answer is invalid: {detail}", detail=found.detail)
    return found


def receipts_of(messages: Sequence[SmsMessage], found: DeliveryReceipt) -> Mapping[str, DeliveryReceipt]:
    """Return the receipts of several messages about which a provider gave one answer, by the IDs of the messages.

    Args:

        messages: The messages.

        found: What the answer says about all of them.

    Raises:

        RefusedError: The provider took none of them. A single one may be the reason.

        UnknownOutcomeError: The reply doesn't say whether the provider took them.
    """
    if expect_taken(found).state is DeliveryState.REJECTED:
        raise RefusedError("the message was rejected: {detail}", detail=found.detail)
    return {message.delivery_id: found for message in messages}


def expect_success(found: DeliveryReceipt) -> None:
    """Check the receipt of a request that tests the credentials.

    Raises:

        MisconfiguredError: The reply is not that to valid credentials.

        UnavailableError: The reply says nothing.
    """
    if found.state is DeliveryState.UNKNOWN:
        raise UnavailableError("the provider's answer is invalid: {detail}", detail=found.detail)
    if found.state not in {DeliveryState.ACCEPTED, DeliveryState.DELIVERED}:
        raise MisconfiguredError("the provider refuses the credentials: {reason}", reason=found.detail)
