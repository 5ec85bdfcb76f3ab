"""How one kind of directory tells an enabled account from a disabled one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

import attrs

from provisioner.core.api.messages import Presence
from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.settings import FamilyName

#: How far the clocks of this machine and of the directory may be apart.
CLOCK_SKEW = timedelta(minutes=5)

#: In ``pwdAccountLockedTime``: locked until an administrator unlocks it.
LOCKED_FOR_GOOD = b"000001010000Z"


class Family(Protocol):
    """What directories of one kind have of their own. It only computes; others read and write."""

    #: The attribute that closes an account.
    switch: ClassVar[str]
    #: The operational attributes that tell whether an account is enabled.
    locks: ClassVar[tuple[str, ...]]
    #: The attributes that the directory itself changes when a password is set.
    reset_with_password: ClassVar[tuple[str, ...]]
    #: What the directory says to a password that the account has already.
    same_password: ClassVar[str]

    def lock(self, entry: Entry, now: datetime) -> str:
        """Return what keeps the account from logging in, as the directory writes it; empty if nothing does."""

    def presence(self, entry: Entry, now: datetime) -> Presence:
        """Tell whether the account is there, and whether it may log in."""

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """Return what to replace so that nobody can log in; nothing if that is so already."""

    def enabling(self, entry: Entry) -> Attributes:
        """Return what to replace so that the account may log in; nothing if that is so already."""

    def relocking(self, entry: Entry) -> Attributes:
        """Return what to put back after a password was set, so that a closed account stays closed."""


@attrs.frozen
class OpenLdap:
    """OpenLDAP 2.5 and later, with its password policy overlay.

    The switch is ``pwdEndTime``: unlike ``pwdAccountLockedTime``, it survives a password set by an administrator.
    """

    switch: ClassVar[str] = "pwdEndTime"
    locks: ClassVar[tuple[str, ...]] = ("pwdStartTime", "pwdEndTime", "pwdAccountLockedTime")
    reset_with_password: ClassVar[tuple[str, ...]] = ("pwdAccountLockedTime", "pwdReset")
    same_password: ClassVar[str] = "Password is not being changed from existing value"  # noqa: S105 - a message

    def lock(self, entry: Entry, now: datetime) -> str:
        """See whether now is between the start and the end, and that nobody locked the account for good."""
        start, end = _time(entry, "pwdStartTime"), _time(entry, "pwdEndTime")
        in_force = {
            "pwdAccountLockedTime": LOCKED_FOR_GOOD in entry["pwdAccountLockedTime"],
            "pwdEndTime": bool(end and end <= now),
            "pwdStartTime": bool(start and start > now),
        }
        return next((f"{name}={entry.text(name)}" for name, shut in in_force.items() if shut), "")

    def presence(self, entry: Entry, now: datetime) -> Presence:
        """See whether a lock is in force."""
        if not entry.exists:
            return Presence.ABSENT
        return Presence.DISABLED if self.lock(entry, now) else Presence.ENABLED

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """End the account, early enough for a directory whose clock is behind."""
        ended, end = now - CLOCK_SKEW, _time(entry, "pwdEndTime")
        return {} if end and end <= ended else {self.switch: (f"{ended:%Y%m%d%H%M%SZ}".encode(),)}

    def enabling(self, entry: Entry) -> Attributes:
        """Remove every lock."""
        return {name: () for name in self.locks if entry[name]}

    def relocking(self, entry: Entry) -> Attributes:
        """Put a lock for good back, which the directory lifts when a password is set."""
        return entry.pick(["pwdAccountLockedTime"]) if LOCKED_FOR_GOOD in entry["pwdAccountLockedTime"] else {}


FAMILIES: Mapping[FamilyName, Family] = {FamilyName.OPENLDAP: OpenLdap()}

_GENERALIZED_TIME = re.compile(r"(\d{10,14})(?:[.,]\d+)?(Z|[+-]\d{2,4})")


def generalized_time(text: str) -> datetime:
    """Read a time as directories write it (RFC 4517, section 3.3.13); fractions are dropped.

    What cannot be read, such as the year 0, is the beginning of time.
    """
    if found := _GENERALIZED_TIME.fullmatch(text):
        digits, zone = found.groups()
        full = digits.ljust(14, "0") + (zone if zone == "Z" else zone.ljust(5, "0"))
        with suppress(ValueError, OverflowError):
            return datetime.strptime(full, "%Y%m%d%H%M%S%z").astimezone(UTC)
    return datetime.min.replace(tzinfo=UTC)


def _time(entry: Entry, name: str) -> datetime | None:
    text = entry.text(name)
    return None if text is None else generalized_time(text)
