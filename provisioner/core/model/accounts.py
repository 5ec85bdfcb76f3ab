"""Units, persons and their accounts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.model.validators import require_utc


class AccountKind(StrEnum):
    """Whose mailbox it is."""

    UNIT = "unit"
    PERSONAL = "personal"


class AccountState(StrEnum):
    """What the store knows of an account."""

    #: Named, and never opened.
    PLANNED = "planned"
    #: Open, with one password that was proved by a log-in on every target that can prove it.
    OPEN = "open"
    #: Closed on every target that can close accounts; the state on each target says where it is not.
    CLOSED = "closed"
    #: An operation did not come to its end yet.
    INCOMPLETE = "incomplete"


class Action(StrEnum):
    """What a deadline asks for."""

    #: Tell the holder what is going to happen.
    WARN = "warn"
    #: Make a new password and bring it to the holder.
    ROTATE = "rotate"
    #: Close the account.
    CLOSE = "close"
    #: Somebody has to do something that no program can do, for example a backup. It stays until it is confirmed.
    DUTY = "duty"
    #: Delete what the targets have of a closed account.
    DELETE = "delete"


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
    #: The login of the unit's account. A name given here wins over every name rule (000 m.4/f, m.4/h).
    login: str | None = None
    #: The id of the person who holds the unit's account (000 m.5/b).
    custodian: str | None = None


@attrs.frozen(kw_only=True)
class Person:
    """A member of staff."""

    #: The staff number, as the personnel system knows it.
    id: str
    name: str
    #: The code of the unit the person works in.
    unit: str | None = None
    title: str = ""
    #: The registered mobile number; the only place a password is sent to (001 ¶5).
    mobile: str | None = None
    #: The id of the person who approves this person's requests (001 ¶4).
    supervisor: str | None = None


@attrs.frozen(kw_only=True)
class Account:
    """One login with one password on every target (001 ¶6)."""

    #: The user name, without a domain: letters, digits, ``.``, ``-`` and ``_`` (000 m.4/f).
    login: str
    #: The mail domain behind the login.
    domain: str
    #: The code of the unit it belongs to.
    unit: str
    kind: AccountKind = AccountKind.UNIT
    #: The id of the person who holds it today.
    holder: str | None = None
    state: AccountState = AccountState.PLANNED
    #: When it was last opened or reopened.
    opened_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: Since when it is closed; ``None`` if it is not.
    closed_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: When the password in force was set.
    password_changed_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: The next deadline that a rule sets for this account.
    next_deadline: datetime | None = attrs.field(default=None, validator=require_utc)
    #: What that deadline asks for.
    next_action: Action | None = None
    #: When a rule closes the account unless something happens before.
    closes_at: datetime | None = attrs.field(default=None, validator=require_utc)

    @property
    def mail(self) -> str:
        """The mail address."""
        return f"{self.login}@{self.domain}"

    @property
    def password_set_at(self) -> datetime | None:
        """When the password in force was set; when the account was opened, if nothing else is known."""
        return self.password_changed_at or self.opened_at


class TargetState(StrEnum):
    """What the journal knows of one account on one target."""

    ABSENT = "absent"
    OPEN = "open"
    CLOSED = "closed"
    #: Something that was asked for was not done there, or not yet.
    INCOMPLETE = "incomplete"
    #: The target says that it did what was asked, and nothing can show it.
    UNPROVED = "unproved"
