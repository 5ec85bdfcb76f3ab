"""389 Directory Server, of which Red Hat Directory Server and FreeIPA are made."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import ClassVar

from ldap3.core import results

from provisioner.core.api.errors import ConflictError, RefusedError, SecretRefusedError, TargetError
from provisioner.core.api.messages import PasswordLimits
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text, marked
from provisioner_ldap.entry import PASSWORD, Attributes, Control, Entry
from provisioner_ldap.errors import LdapResult
from provisioner_ldap.families.base import ALL_CHANGES, CHANGES_WITHOUT_PASSWORD, Family, Judgement, encoded, number

POLICY_HIDDEN = marked(
    "the password policy in cn=config cannot be read, so it is unknown whether generated passwords fit it; let the"
    " service account read the attributes that the README of the plug-in lists"
)
HASHES_REFUSED = marked(
    "the directory accepts no hashed passwords, so a former password cannot be restored if another "
    "target refuses the new one; set nsslapd-allow-hashed-passwords to on"
)
TOO_YOUNG = marked(
    "the password policy refuses a new password for some time after the last one, so a password "
    "that did not arrive cannot be replaced immediately; set passwordMinAge to 0"
)

#: The control that asks for effective rights (draft-ietf-ldapext-acl-model).
EFFECTIVE_RIGHTS = "1.3.6.1.4.1.42.2.27.9.5.2"

#: The control that leaves out what roles and classes of service add to an entry.
REAL_ATTRIBUTES = "2.16.840.1.113730.3.4.17"

#: Where the policy is that holds for all accounts, and the switch for hashed passwords.
CONFIG = "cn=config"

#: What the directory says to a password that the account has already; to one that it had before, with a policy error.
IN_HISTORY = "password in history"

#: What the directory may take for a password that is hashed already.
_LOOKS_HASHED = re.compile(r"\{[^{}]*\}")

#: The results of a bind that say "closed" and "locked after wrong passwords", whatever the password.
_CLOSED = frozenset({results.RESULT_UNWILLING_TO_PERFORM, results.RESULT_CONSTRAINT_VIOLATION})

#: What is read of a password policy.
_JUDGED, _MINIMUM_LENGTH, _MINIMUM_AGE = "passwordCheckSyntax", "passwordMinLength", "passwordMinAge"
_EXPIRES, _MAXIMUM_AGE = "passwordExp", "passwordMaxAge"
_TAKES_HASHES = "nsslapd-allow-hashed-passwords"


class Dirsrv389(Family):
    """389 Directory Server 2.3 and later.

    The switch is ``nsAccountLock``. A role can hold it too, so an account is read again after it was enabled.
    """

    switch: ClassVar[str] = "nsAccountLock"
    locks: ClassVar[tuple[str, ...]] = ("nsAccountLock",)
    reset_with_password: ClassVar[tuple[str, ...]] = ("passwordRetryCount",)
    last_change: ClassVar[str] = "pwdUpdateTime"
    shown: ClassVar[tuple[str, ...]] = ("pwdUpdateTime",)
    own_values: ClassVar[Control | None] = (REAL_ATTRIBUTES, None)
    rights: ClassVar[tuple[str, ...]] = (PASSWORD, "nsAccountLock")
    policy: ClassVar[tuple[str, ...]] = (
        _JUDGED,
        _MINIMUM_LENGTH,
        _MINIMUM_AGE,
        _EXPIRES,
        _MAXIMUM_AGE,
        _TAKES_HASHES,
    )

    def recognises(self, root: Entry) -> bool:
        """See who made it."""
        return (root.text("vendorName") or "").startswith("389 Project")

    def lock(self, entry: Entry, now: datetime) -> str:  # noqa: ARG002 - it has no time
        """See whether the switch is on. The directory takes other words than ``true``, and ignores them."""
        text = entry.text(self.switch) or ""
        return f"{self.switch}={text}" if text.casefold() == "true" else ""

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """Turn the switch on."""
        return {} if self.lock(entry, now) else {self.switch: (b"true",)}

    def enabling(self, entry: Entry) -> Attributes:
        """Remove the switch, whatever it says, and the lock after wrong passwords."""
        return {**({self.switch: ()} if entry[self.switch] else {}), **self.after_password(entry)}

    def after_password(self, entry: Entry) -> Attributes:
        """Lift the lock after wrong passwords: the directory does so only after it has answered."""
        return {"passwordRetryCount": (b"0",)} if number(entry, "passwordRetryCount") else {}

    def still_disabled(self, entry: Entry, lock: str) -> TargetError:
        """Say that it must be a role: the entry's own switch was just removed."""
        return ConflictError(
            "{dn} cannot be enabled: {lock} comes from a role",
            cure="remove the account from the role that disables it",
            dn=entry.dn,
            lock=lock,
        )

    def written(self, secret: Secret, request: int) -> Attributes:  # noqa: ARG002 - there is one
        """Replace the password: after the Password Modify operation the holder would have to change it.

        Raises:

            SecretRefusedError: The directory would take it for a hash, or cut it.
        """
        if _LOOKS_HASHED.match(secret.reveal()) or "\0" in secret.reveal():
            raise SecretRefusedError("the directory would not store a password in this form unchanged")
        return {PASSWORD: (encoded(secret),)}

    def same_password(self, answer: LdapResult) -> bool:
        """Check that it is in the history, and that no policy error says that it is an older one."""
        is_refused = answer.code == results.RESULT_CONSTRAINT_VIOLATION
        return is_refused and answer.policy is None and answer.message.strip() == IN_HISTORY

    def refuses_login(self, answer: LdapResult) -> bool:
        """Know the answers for closed and locked accounts, too."""
        return answer.code in _CLOSED or super().refuses_login(answer)

    def not_restored(self, dn: str, reason: Text) -> TargetError:
        """Name the setting that decides whether hashed passwords are taken."""
        return RefusedError(
            "the former password of {dn} cannot be restored: {reason}",
            cure="set nsslapd-allow-hashed-passwords to on, so that hashed passwords can be restored",
            dn=dn,
            reason=reason,
        )

    def rights_control(self, bind_dn: str) -> Control | None:
        """Ask for the effective rights, unless it is unknown who has logged in."""
        return (EFFECTIVE_RIGHTS, f"dn:{bind_dn}".encode()) if bind_dn else None

    def may_create(self, base: Entry, classes: Collection[str]) -> bool:  # noqa: ARG002 - no class has rights of its own
        """See whether entries may be added, and passwords and the switch be written."""
        entry, attributes = base.text("entryLevelRights"), base.text("attributeLevelRights")
        if entry is None or attributes is None:
            return True
        written = dict(part.strip().partition(":")[::2] for part in attributes.split(","))
        return "a" in entry and all("w" in written.get(name, "") for name in self.rights)

    def policy_places(self, policy_dn: str | None, root: Entry) -> tuple[str, ...]:  # noqa: ARG002 - it is the same everywhere
        """Look at a policy of its own first, and at the one that holds for all."""
        return (policy_dn, CONFIG) if policy_dn else (CONFIG,)

    def judge(self, policy: Entry, server: str, *, policed: bool | None) -> Judgement:  # noqa: ARG002 - a policy holds always
        """Read the attributes of ``passwordPolicy``, and whether hashes are taken."""
        restores = policy.text(_TAKES_HASHES) == "on"
        concerns = {
            POLICY_HIDDEN: not policy[_TAKES_HASHES],
            HASHES_REFUSED: bool(policy[_TAKES_HASHES]) and not restores,
            TOO_YOUNG: number(policy, _MINIMUM_AGE) > 0,
        }
        judged, expires = policy.text(_JUDGED) == "on", policy.text(_EXPIRES) == "on"
        return Judgement(
            warnings=tuple(warning for warning, concerns_us in concerns.items() if concerns_us),
            passwords=PasswordLimits(
                minimum_length=number(policy, _MINIMUM_LENGTH) if judged else 0,
                maximum_age=number(policy, _MAXIMUM_AGE) or None if expires else None,
            ),
            undoes=ALL_CHANGES if restores else CHANGES_WITHOUT_PASSWORD,
        )
