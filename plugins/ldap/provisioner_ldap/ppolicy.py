"""The password policy control of draft-behera-ldap-password-policy, which ldap3 passes on undecoded."""

from __future__ import annotations

from enum import IntEnum

from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, tag, univ

#: The object identifier of the control, in requests and answers alike.
OID = "1.3.6.1.4.1.42.2.27.8.5.1"

#: The Password Modify extended operation (RFC 3062).
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - an object identifier

#: The longest value that is looked at. That of a server that tells every length in five octets has less than 40.
LONGEST = 256


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


def _context(number: int, form: int = tag.tagFormatSimple) -> tag.Tag:
    return tag.Tag(tag.tagClassContext, form, number)


class _Warning(univ.Choice):  # type: ignore[misc] # pyasn1 has no types
    componentType = namedtype.NamedTypes(  # noqa: N815 - pyasn1
        namedtype.NamedType("timeBeforeExpiration", univ.Integer().subtype(implicitTag=_context(0))),
        namedtype.NamedType("graceAuthNsRemaining", univ.Integer().subtype(implicitTag=_context(1))),
    )


class _Response(univ.Sequence):  # type: ignore[misc] # pyasn1 has no types
    componentType = namedtype.NamedTypes(  # noqa: N815 - pyasn1
        namedtype.OptionalNamedType("warning", _Warning().subtype(explicitTag=_context(0, tag.tagFormatConstructed))),
        namedtype.OptionalNamedType("error", univ.Enumerated().subtype(implicitTag=_context(1))),
    )


_RESPONSE = _Response()


def policy_error(value: bytes) -> PolicyError | None:
    """Return the error in the value of a response control, or ``None`` if it has none that is known.

    Warnings are ignored: they count days and log-ins, which mean nothing for a password that was just set.
    """
    if len(value) > LONGEST:
        return None
    try:
        response, _ = decoder.decode(value, asn1Spec=_RESPONSE)
        error = response["error"]
        return PolicyError(int(error)) if error.isValue and int(error) in set(PolicyError) else None
    except PyAsn1Error:
        return None
