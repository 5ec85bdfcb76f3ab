"""OpenLDAP with its password policy overlay."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from provisioner.core.api.errors import MisconfiguredError, RefusedError, TargetError
from provisioner.core.api.messages import PasswordLimits
from provisioner.core.model.text import Text, marked
from provisioner_ldap import ppolicy
from provisioner_ldap.entry import OBJECT_CLASS, Attributes, Entry
from provisioner_ldap.errors import LdapResult
from provisioner_ldap.families.base import ALL_CHANGES, CHANGES_WITHOUT_PASSWORD, Family, Judgement, number
from provisioner_ldap.ppolicy import PASSWORD_MODIFY, PolicyError
from provisioner_ldap.times import CLOCK_SKEW, generalized_time

#: In ``pwdAccountLockedTime``: locked until an administrator unlocks it.
LOCKED_FOR_GOOD = b"000001010000Z"

#: What the directory says to a password that the account has already.
SAME_PASSWORD = "Password is not being changed from existing value"  # noqa: S105 - a message


NOT_POLICED = marked(
    "cannot determine whether a password policy applies to the accounts, because none applies to the service account;"
    " without one, closed accounts can still log in; use an ordinary entry of the same database as service account"
)
POLICY_UNKNOWN = marked(
    "cannot determine whether a password policy applies to the accounts, because the service account logs in without a"
    " password; without one, closed accounts can still log in; run the check once with bind_dn and bind_password"
)
NOT_RESTORABLE = marked(
    "the password policy accepts no hashed passwords, so a former password cannot be restored if "
    "another target refuses the new one; set pwdCheckQuality to 1"
)
TOO_YOUNG = marked(
    "the password policy refuses a new password for some time after the last one, so a password "
    "that did not arrive cannot be replaced immediately; remove pwdMinAge"
)

#: What a password policy calls its demand that new passwords come in clear text, so that they can be judged.
_QUALITY, _ONLY_CLEAR_TEXT = "pwdCheckQuality", "2"

#: What else is read of a password policy.
_MINIMUM_LENGTH, _MAXIMUM_LENGTH = "pwdMinLength", "pwdMaxLength"
_MINIMUM_AGE, _MAXIMUM_AGE, _OLD_PASSWORD = "pwdMinAge", "pwdMaxAge", "pwdSafeModify"


class OpenLdap(Family):
    """OpenLDAP 2.5 and later, with its password policy overlay.

    The switch is ``pwdEndTime``: unlike ``pwdAccountLockedTime``, it survives a password set by an administrator.
    """

    switch: ClassVar[str] = "pwdEndTime"
    locks: ClassVar[tuple[str, ...]] = ("pwdStartTime", "pwdEndTime", "pwdAccountLockedTime")
    reset_with_password: ClassVar[tuple[str, ...]] = ("pwdAccountLockedTime", "pwdReset")
    last_change: ClassVar[str] = "pwdChangedTime"
    revision: ClassVar[str] = "entryCSN"
    shown: ClassVar[tuple[str, ...]] = ("pwdChangedTime",)
    policy: ClassVar[tuple[str, ...]] = (
        _QUALITY,
        _MINIMUM_LENGTH,
        _MAXIMUM_LENGTH,
        _MINIMUM_AGE,
        _MAXIMUM_AGE,
        _OLD_PASSWORD,
    )

    def recognises(self, root: Entry) -> bool:
        """See whether the root DSE is of OpenLDAP's own class."""
        return b"OpenLDAProotDSE" in root[OBJECT_CLASS]

    def lock(self, entry: Entry, now: datetime) -> str:
        """See whether now is between the start and the end, and that nobody locked the account permanently."""
        if not any(entry[name] for name in self.locks):
            return ""
        start, end = _time(entry, "pwdStartTime"), _time(entry, "pwdEndTime")
        in_force = {
            "pwdAccountLockedTime": LOCKED_FOR_GOOD in entry["pwdAccountLockedTime"],
            "pwdEndTime": bool(end and end <= now),
            "pwdStartTime": bool(start and start > now),
        }
        return next((f"{name}={entry.text(name)}" for name, shut in in_force.items() if shut), "")

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """End the account, early enough for a directory whose clock is behind."""
        ended, end = now - CLOCK_SKEW, _time(entry, "pwdEndTime")
        return {} if end and end <= ended else {self.switch: (f"{ended:%Y%m%d%H%M%SZ}".encode(),)}

    def enabling(self, entry: Entry) -> Attributes:
        """Remove every lock."""
        return {name: () for name in self.locks if entry[name]}

    def after_password(self, entry: Entry) -> Attributes:
        """Put a lock permanently back, which the directory lifts when a password is set."""
        return entry.pick(["pwdAccountLockedTime"]) if LOCKED_FOR_GOOD in entry["pwdAccountLockedTime"] else {}

    def same_password(self, answer: LdapResult) -> bool:
        """Compare the words, because the policy error is the same for a password that was used before."""
        return answer.policy is PolicyError.PASSWORD_IN_HISTORY and answer.message == SAME_PASSWORD

    def not_restored(self, dn: str, reason: Text) -> TargetError:
        """Name the setting that decides whether hashed passwords are taken."""
        return RefusedError(
            "the former password of {dn} cannot be restored: {reason}",
            cure="set pwdCheckQuality to 1 in the password policy, so that hashed passwords can be restored",
            dn=dn,
            reason=reason,
        )

    def expect_support(self, root: Entry, server: str) -> None:
        """Check that passwords can be set (RFC 3062) and that there is a password policy."""
        if PASSWORD_MODIFY.encode() not in root["supportedExtension"]:
            raise MisconfiguredError(
                "{server} cannot set passwords: it has no Password Modify operation (RFC 3062)", server=server
            )
        if ppolicy.OID.encode() not in root["supportedControl"]:
            raise MisconfiguredError(
                "{server} cannot close accounts: it has no password policy",
                cure="load the module ppolicy, and put its overlay on the database of the accounts",
                server=server,
            )

    def judge(self, policy: Entry, server: str, *, policed: bool | None) -> Judgement:
        """Read the attributes of ``pwdPolicy``."""
        if policy.text(_OLD_PASSWORD) == "TRUE":
            raise MisconfiguredError(
                "{server} sets no password without the old one, which is not stored",
                cure="set pwdSafeModify to FALSE in the password policy",
                server=server,
            )
        restores = policy.text(_QUALITY) != _ONLY_CLEAR_TEXT
        concerns = {
            NOT_POLICED: policed is False,
            POLICY_UNKNOWN: policed is None,
            NOT_RESTORABLE: not restores,
            TOO_YOUNG: number(policy, _MINIMUM_AGE) > 0,
        }
        return Judgement(
            warnings=tuple(warning for warning, concerns_us in concerns.items() if concerns_us),
            passwords=_limits(policy),
            undoes=ALL_CHANGES if restores else CHANGES_WITHOUT_PASSWORD,
        )


def _limits(policy: Entry) -> PasswordLimits:
    """Return what a password policy demands. Lengths count only where passwords are judged."""
    judged = number(policy, _QUALITY) > 0
    return PasswordLimits(
        minimum_length=number(policy, _MINIMUM_LENGTH) if judged else 0,
        maximum_length=number(policy, _MAXIMUM_LENGTH) or None if judged else None,
        maximum_age=number(policy, _MAXIMUM_AGE) or None,
    )


def _time(entry: Entry, name: str) -> datetime | None:
    text = entry.text(name)
    return None if text is None else generalized_time(text)
