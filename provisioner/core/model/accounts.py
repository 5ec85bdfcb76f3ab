"""Units, persons and their accounts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.model.validators import require_utc


class AccountKind(StrEnum):
    """The kind of holder: a unit or a person."""

    UNIT = "unit"
    PERSONAL = "personal"


class AccountState(StrEnum):
    """The state of an account in the store."""

    #: It has a login and was never opened.
    PLANNED = "planned"
    #: Open, with one password that was tested by a log-in on every target that can test it.
    OPEN = "open"
    #: Closed on every target that can close accounts. The state on each target shows exceptions.
    CLOSED = "closed"
    #: An operation is not finished.
    INCOMPLETE = "incomplete"


class Action(StrEnum):
    """The action that a deadline requires."""

    #: Warn the holder.
    WARN = "warn"
    #: Generate a new password and send it to the holder.
    ROTATE = "rotate"
    #: Close the account.
    CLOSE = "close"
    #: Remind a person of something that no program can do, such as a backup, until it is confirmed.
    DUTY = "duty"
    #: Delete a closed account from the targets.
    DELETE = "delete"
    #: Verify the account on its targets. Nothing is changed.
    VERIFY = "verify"


@attrs.frozen(kw_only=True)
class Unit:
    """An organisational unit: a province, a district, a branch, an office or a school (000 m.4)."""

    #: The institution code, or another short name that is unique.
    code: str
    #: The full name, in Turkish spelling.
    name: str
    #: A lower-case word such as ``province``, ``district``, ``branch``, ``office`` or ``school``.
    kind: str
    #: The code of the unit above, or ``None`` at the top.
    parent: str | None = None
    #: The login of the unit's account. It takes precedence over every name rule (000 m.4/f, m.4/h).
    login: str | None = None
    #: The ID of the person who holds the unit's account (000 m.5/b).
    custodian: str | None = None
    #: When it was removed; ``None`` while it is in use. Its accounts and their history stay.
    removed_at: datetime | None = attrs.field(default=None, validator=require_utc)


@attrs.frozen(kw_only=True)
class Person:
    """A member of staff."""

    #: The staff number in the personnel system.
    id: str
    name: str
    #: The code of the unit in which the person works.
    unit: str | None = None
    title: str = ""
    #: The registered mobile number. Passwords are sent only to this number (001 ¶5).
    mobile: str | None = None
    #: The ID of the person who approves this person's requests (001 ¶4).
    supervisor: str | None = None
    #: Another mobile number. Only channels with ``number = "other"`` send to it, and only after it was confirmed.
    other_mobile: str | None = None
    #: Who confirmed it, and when.
    other_mobile_confirmed_by: str | None = None
    other_mobile_confirmed_at: datetime | None = attrs.field(default=None, validator=require_utc)

    @property
    def confirmed_mobile(self) -> str | None:
        """The other mobile number, if it was confirmed."""
        return self.other_mobile if self.other_mobile_confirmed_at else None

    def confirmed_as(self, known: Person | None) -> Person:
        """Return this person with the confirmation that another record of the person has for the same number.

        Args:

            known: The other record, if there is one.
        """
        confirmation: tuple[str | None, datetime | None] = None, None
        if known is not None and known.other_mobile == self.other_mobile:
            confirmation = known.other_mobile_confirmed_by, known.other_mobile_confirmed_at
        if confirmation == (self.other_mobile_confirmed_by, self.other_mobile_confirmed_at):
            return self
        by, at = confirmation
        return attrs.evolve(self, other_mobile_confirmed_by=by, other_mobile_confirmed_at=at)

    def reachable_as(self, known: Person | None) -> Person:
        """Return this person with the other mobile number of another record, unless this one has one.

        Args:

            known: The other record, if there is one.
        """
        if known is None or self.other_mobile:
            return self
        return attrs.evolve(self, other_mobile=known.other_mobile).confirmed_as(known)


@attrs.frozen(kw_only=True)
class Account:
    """A login with the same password on every target (001 ¶6)."""

    #: The user name, without a domain: letters, digits, ``.``, ``-`` and ``_`` (000 m.4/f).
    login: str
    #: The mail domain after the login.
    domain: str
    #: The code of its unit.
    unit: str
    kind: AccountKind = AccountKind.UNIT
    #: The ID of the current holder.
    holder: str | None = None
    state: AccountState = AccountState.PLANNED
    #: When it was last opened or reopened.
    opened_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: When it was closed; ``None`` if it is not closed.
    closed_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: When the current password was set.
    password_changed_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: The next deadline that a rule sets for this account.
    next_deadline: datetime | None = attrs.field(default=None, validator=require_utc)
    #: The action of that deadline.
    next_action: Action | None = None
    #: When a rule closes the account if nothing happens before.
    closes_at: datetime | None = attrs.field(default=None, validator=require_utc)

    @property
    def mail(self) -> str:
        """The mail address."""
        return f"{self.login}@{self.domain}"

    @property
    def password_set_at(self) -> datetime | None:
        """When the current password was set, or else when the account was opened."""
        return self.password_changed_at or self.opened_at


class TargetState(StrEnum):
    """The state of one account on one target, according to the journal."""

    ABSENT = "absent"
    OPEN = "open"
    CLOSED = "closed"
    #: A requested change was not made there, or not yet.
    INCOMPLETE = "incomplete"
    #: The target reported the change as made, and it can't be verified.
    UNPROVED = "unproved"


class SessionsState(StrEnum):
    """Whether sessions or cache entries of one account are left on one target, according to the journal."""

    #: The target has shown that none is left.
    ENDED = "ended"
    #: They were ended, and nothing can show it.
    UNPROVED = "unproved"
    #: They could not be ended, or not yet.
    OPEN = "open"
