"""How what is known of an account can differ from what a target has."""

from __future__ import annotations

from enum import StrEnum


class DifferenceKind(StrEnum):
    """The kind of a difference."""

    #: The account is open and doesn't exist on the target.
    MISSING = "missing"
    #: The target has an account that the product doesn't know.
    EXTRA = "extra"
    #: The account is closed, and enabled on the target.
    ENABLED = "enabled"
    #: The account is closed, and someone is still logged in on the target.
    LOGGED_IN = "logged_in"
    #: The account is open, and disabled on the target.
    DISABLED = "disabled"
    #: The account is open, and the target locks it.
    LOCKED = "locked"
    #: The account is open and belongs on the target, and has never been there.
    NOT_JOINED = "not_joined"
    #: The account is open on a target whose scope doesn't include it.
    OUT_OF_SCOPE = "out_of_scope"
    #: The target names another holder.
    HOLDER = "holder"
    #: The target has other attributes than the unit and the holder have.
    ATTRIBUTES = "attributes"
    #: The account is in another container than that of its unit.
    MISPLACED = "misplaced"
    #: The account has too many or too few entitlements.
    ENTITLEMENTS = "entitlements"
    #: The holder is not the custodian of the unit. This concerns no target.
    CUSTODIAN = "custodian"
    #: The target has several accounts with this login.
    DUPLICATE = "duplicate"
    #: The target couldn't be compared, and nothing else has shown the account there for long.
    NOT_SEEN = "not_seen"
    #: The account has an operation that was interrupted and waits. It isn't compared until that has ended. This
    #: concerns no target.
    UNFINISHED = "unfinished"
