"""The password policy control of draft-behera-ldap-password-policy, which ldap3 passes on undecoded."""

from __future__ import annotations

from enum import IntEnum

#: The object identifier of the control, in requests and answers alike.
OID = "1.3.6.1.4.1.42.2.27.8.5.1"

#: The tags of the answer: ``SEQUENCE { warning [0] CHOICE ... OPTIONAL, error [1] ENUMERATED ... OPTIONAL }``.
_SEQUENCE, _WARNING, _ERROR = 0x30, 0xA0, 0x81

#: Lengths from here on take more than one octet. No answer of this control is that long.
_LONG = 0x80


class PolicyError(IntEnum):
    """What the password policy has against a bind or a new password."""

    PASSWORD_EXPIRED = 0
    ACCOUNT_LOCKED = 1
    CHANGE_AFTER_RESET = 2
    PASSWORD_MOD_NOT_ALLOWED = 3
    MUST_SUPPLY_OLD_PASSWORD = 4
    INSUFFICIENT_PASSWORD_QUALITY = 5
    PASSWORD_TOO_SHORT = 6
    PASSWORD_TOO_YOUNG = 7
    PASSWORD_IN_HISTORY = 8
    PASSWORD_TOO_LONG = 9


def policy_error(value: bytes) -> PolicyError | None:
    """Return the error in the value of a response control, or ``None`` if it has none that is known.

    Warnings are passed over: they count days and log-ins, which mean nothing for a password that was just set.
    """
    if len(value) < 2 or value[0] != _SEQUENCE:  # noqa: PLR2004 - a tag and a length
        return None
    position = 2
    while position + 2 < len(value) and value[position + 1] < _LONG:
        tag, length = value[position : position + 2]
        if tag == _ERROR and length == 1:
            number = value[position + 2]
            return PolicyError(number) if number in set(PolicyError) else None
        position += 2 + length
    return None
