"""What an operator's status means for a message and for a connection."""

from __future__ import annotations

from provisioner.core.api.errors import (
    MisconfiguredError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from provisioner_sms.smpp.pdus import meaning_of

#: The queue is full, or there are too many messages at once.
_TOO_MANY = frozenset({0x14, 0x58})

#: A failure of the operator's system, or one that ends by itself.
_LATER = frozenset({0x08, 0x64})

#: The account is bound already; more connections are open than the operator allows.
_BOUND = 0x05

#: Errors that every message would get: they concern our bind, our sender, our kinds of numbers or our settings.
_OURS = frozenset({0x03, 0x04, 0x0A, 0x0D, 0x0E, 0x0F, 0x15, 0x43, 0x48, 0x49, 0x50, 0x51, 0x53, 0x61, 0x62})


def objection(status: int) -> TargetError | None:
    """Return why an operator took no message from us; ``None`` if the reason is the message itself.

    Args:

        status: The status of its answer; not 0.
    """
    detail = meaning_of(status)
    if status in _TOO_MANY:
        return ThrottledError("the operator limits the rate of messages: {detail}", detail=detail)
    if status in _LATER:
        return TransientError("the operator cannot accept messages now: {detail}", detail=detail)
    return refused_settings(status) if status in _OURS else None


def refused_bind(status: int) -> TargetError:
    """Return why an operator accepted no connection.

    Args:

        status: The status of its answer; not 0.
    """
    if status in _TOO_MANY | _LATER | {_BOUND}:
        return UnavailableError(
            "the operator accepts no connection now: {detail}",
            cure="check that no more connections are open than the operator allows for the account",
            detail=meaning_of(status),
        )
    return refused_settings(status)


def refused_settings(status: int) -> MisconfiguredError:
    """Return that our credentials or settings are wrong.

    Args:

        status: The status of the answer.
    """
    return MisconfiguredError(
        "the operator refuses the credentials or settings: {detail}",
        cure="compare system_id, password, system_type, bind and sender with the operator's data",
        detail=meaning_of(status),
    )
