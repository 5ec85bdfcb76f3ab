"""Active Directory, as Windows Server and Samba speak it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from provisioner.core.api.errors import RefusedError, SecretRefusedError, TargetError
from provisioner.core.api.messages import PasswordLimits
from provisioner.core.model.secret import Secret
from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.errors import LdapResult, TakenError, from_answer
from provisioner_ldap.families.base import (
    CHANGES_WITHOUT_PASSWORD,
    STRUCTURAL_CLASS,
    Family,
    Judgement,
    encoded,
    number,
)
from provisioner_ldap.schema import Schema
from provisioner_ldap.times import generalized_time

#: Among ``supportedCapabilities``: this is Active Directory.
CAPABILITY = b"1.2.840.113556.1.4.800"

#: ``userAccountControl``: an ordinary account, and the bit that disables one.
NORMAL, DISABLED = 512, 2

#: The longest password, and the longest login (``sAMAccountName`` of a user), that Windows takes.
LONGEST_PASSWORD, LONGEST_LOGIN = 256, 20

#: What no login may contain.
FORBIDDEN = frozenset('"/\\[]:;|=,+*?<>@')

#: How a message of a domain controller begins.
WINDOWS_CODE = re.compile("[0-9A-F]{8}:")

#: What the codes of Windows mean that are more exact than the result code they come with: the policy refuses the
#: password, its form is wrong, a value that only one may have is taken.
WINDOWS_CODES: Mapping[str, type[TargetError]] = {
    "0000052D": SecretRefusedError,
    "00002035": SecretRefusedError,
    "0000202F": TakenError,
}

#: When the times of Active Directory begin, and how many of its units are a second.
EPOCH, UNITS = datetime(1601, 1, 1, tzinfo=UTC), 10_000_000

#: What ``accountExpires`` says where an account never expires.
NEVER = frozenset({0, 2**63 - 1})


class ActiveDirectory(Family):
    """Active Directory, over TLS.

    For an hour after a password is set the former one is good too, except where the same new password is set a second
    time, in a request of its own. Between the two nobody can log in, because the first one also demands a change of the
    password: so a trial shows whether both were made.
    """

    switch: ClassVar[str] = "userAccountControl"
    locks: ClassVar[tuple[str, ...]] = ("userAccountControl", "accountExpires")
    last_change: ClassVar[str] = "pwdLastSet"
    member_of: ClassVar[str] = "memberOf"
    reset_with_password: ClassVar[tuple[str, ...]] = ("lockoutTime",)
    policy: ClassVar[tuple[str, ...]] = ("minPwdLength", "maxPwdAge", "pwdProperties")
    rights: ClassVar[tuple[str, ...]] = ("allowedChildClassesEffective",)
    password_requests: ClassVar[int] = 2
    adds_with_password: ClassVar[bool] = True
    repeats_lost_changes: ClassVar[bool] = True
    refers_to_other_domains: ClassVar[bool] = True

    def recognises(self, root: Entry) -> bool:
        """See whether it says that it is Active Directory."""
        return CAPABILITY in root["supportedCapabilities"]

    def lock(self, entry: Entry, now: datetime) -> str:
        """See whether the account is disabled or has expired."""
        expires = number(entry, "accountExpires")
        in_force = {
            "userAccountControl": bool(number(entry, "userAccountControl") & DISABLED),
            "accountExpires": expires not in NEVER and _moment(expires) <= now,
        }
        return next((f"{name}={entry.text(name)}" for name, shut in in_force.items() if shut), "")

    def password_changed_at(self, entry: Entry) -> datetime | None:
        """Read ``pwdLastSet``; 0 demands a change of the password, and tells no time."""
        time = number(entry, self.last_change)
        return None if time in NEVER else _moment(time)

    def disabling(self, entry: Entry, now: datetime) -> Attributes:  # noqa: ARG002 - a disabled account has no time
        """Set the bit, and keep the others."""
        flags = number(entry, self.switch) or NORMAL
        return {} if flags & DISABLED else {self.switch: _text(flags | DISABLED)}

    def enabling(self, entry: Entry) -> Attributes:
        """Clear the bit, keep the others, and take an end and a lock after wrong passwords away."""
        flags = number(entry, self.switch)
        changes: dict[str, tuple[bytes, ...]] = {}
        if flags & DISABLED:
            changes[self.switch] = _text(flags & ~DISABLED)
        if number(entry, "accountExpires") not in NEVER:
            changes["accountExpires"] = _text(0)
        return {**changes, **self.after_password(entry)}

    def after_password(self, entry: Entry) -> Attributes:
        """Lift the lock after wrong passwords, which setting a password does not."""
        return {"lockoutTime": _text(0)} if number(entry, "lockoutTime") else {}

    def written(self, secret: Secret, request: int) -> Attributes:
        """Write the password, and demand a change of it with the first request until the second.

        Raises:

            SecretRefusedError: It is too long, or the directory would cut it.
        """
        return {**_password(secret), "pwdLastSet": _text(0 if request == 0 else -1)}

    def written_to_own(self, secret: Secret, request: int) -> Attributes:  # noqa: ARG002 - both are the same
        """Write the password and nothing else. Between the two requests, the former one is good as well."""
        return _password(secret)

    def fresh(self, secret: Secret) -> Attributes:
        """Give a new account its password and enable it: nobody had one before, so once is enough."""
        return {**_password(secret), self.switch: _text(NORMAL)}

    def restores_password(self, former: Entry) -> bool:  # noqa: ARG002 - it can never be read
        """Say no: a password cannot be read, and to set it again would leave the new one good for an hour."""
        return False

    def explain(self, answer: LdapResult, *, to_password: bool = False) -> TargetError:
        """Read the code of Windows at the start of the message."""
        kind = WINDOWS_CODES.get(answer.message[:8])
        if kind is None:
            return from_answer(answer, to_password=to_password)
        return kind("{server} answered: {answer}", server=answer.server, answer=str(answer))

    def leaves_doubt(self, answer: LdapResult) -> bool:
        """Say no if there is a code of Windows: then it is the domain controller that has refused the change."""
        return not WINDOWS_CODE.match(answer.message) and super().leaves_doubt(answer)

    def kind(self, entry: Entry, schema: Callable[[], Schema]) -> str:  # noqa: ARG002 - the entry says it
        """Take the last structural class: here all are listed, the most general first."""
        return next(reversed(entry.texts(STRUCTURAL_CLASS)), "")

    def expect_login(self, login: str) -> None:
        """Check that it can be the name of an account for Windows, before the first request.

        Raises:

            RefusedError: It cannot.
        """
        super().expect_login(login)
        if not login.isascii() or len(login) > LONGEST_LOGIN or FORBIDDEN & set(login) or login.endswith("."):
            raise RefusedError(
                "an account cannot be named {login} in Active Directory",
                cure="give the account a login of at most 20 letters without marks, digits, '.', '-' and '_'",
                login=ascii(login[:40]),
            )

    def scope(self, base: str) -> str:
        """Return the domain: logins are unique in it."""
        found = re.search(r"(?:^|,)(dc=.*)$", base, re.IGNORECASE)
        return found[1] if found else base

    def policy_places(self, policy_dn: str | None, root: Entry) -> tuple[str, ...]:
        """Look at the head of the domain."""
        domain = root.text("defaultNamingContext")
        return tuple(place for place in (policy_dn, domain) if place)

    def clock(self, root: Entry) -> datetime | None:
        """Read the time of the domain controller, by which accounts expire."""
        text = root.text("currentTime")
        return generalized_time(text) if text else None

    def may_create(self, base: Entry, classes: Collection[str]) -> bool:
        """See whether the delegated rights include one of the classes."""
        allowed = {name.lower() for name in base.texts("allowedChildClassesEffective")}
        return any(name.lower() in allowed for name in classes)

    def judge(self, policy: Entry, server: str, *, policed: bool | None) -> Judgement:  # noqa: ARG002 - a policy holds always
        """Read the policy of the domain."""
        age = int(policy.text("maxPwdAge") or 0)
        return Judgement(
            passwords=PasswordLimits(
                minimum_length=number(policy, "minPwdLength"),
                maximum_length=LONGEST_PASSWORD,
                maximum_age=-age // UNITS if -(2**63) < age < 0 else None,
            ),
            undoes=CHANGES_WITHOUT_PASSWORD,
        )


def _password(secret: Secret) -> Attributes:
    if "\0" in secret.reveal() or len(secret.reveal()) > LONGEST_PASSWORD:
        raise SecretRefusedError("the directory would not store a password in this form unchanged")
    return {"unicodePwd": (b'"\0' + encoded(secret, "utf-16-le") + b'"\0',)}


def _text(value: int) -> tuple[bytes, ...]:
    return (str(value).encode(),)


def _moment(time: int) -> datetime:
    return EPOCH + timedelta(seconds=time // UNITS)
