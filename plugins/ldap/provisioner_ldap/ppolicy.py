"""The password policy control of draft-behera-ldap-password-policy, which ldap3 passes on undecoded."""

from __future__ import annotations

from enum import IntEnum

from provisioner_ldap.ber import elements

#: The object identifier of the control, in requests and answers alike.
OID = "1.3.6.1.4.1.42.2.27.8.5.1"

#: The Password Modify extended operation (RFC 3062).
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - an object identifier

#: The tag of the error: ``error [1] ENUMERATED``.
_ERROR = 0x81


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


_KNOWN = {bytes([error]): error for error in PolicyError}


def policy_error(value: bytes) -> PolicyError | None:
    """Return the error in the value of a response control, or ``None`` if it has none that is known.

    Warnings are ignored: they count days and log-ins, which mean nothing for a password that was just set.
    """
    try:
        [(_, response)] = elements(value, 0, len(value))
        error = dict(elements(response, 0, len(response))).get(_ERROR)
    except (IndexError, ValueError):
        return None
    return _KNOWN.get(error or b"")
