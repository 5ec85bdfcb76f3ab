"""The nouns of the domain. All are frozen; a change makes a new one.

Times are aware and in UTC. The Turkish terms and the rules behind these classes come from the directives cited as
``000`` (provincial directive on unit mailboxes), ``001`` (circular on passwords and PYS) and ``003`` (municipal
regulation), by article (``m.``) or paragraph (``¶``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import attrs


def _utc(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value.utcoffset() != timedelta(0):
        msg = f"{attribute.name} must be an aware datetime in UTC"
        raise ValueError(msg)


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


class OperationKind(StrEnum):
    """What is done to an account."""

    CREATE = "create"
    CLOSE = "close"
    REOPEN = "reopen"
    ROTATE = "rotate"
    HANDOVER = "handover"
    #: Delete what the targets have of a closed account. Only a retention rule asks for it.
    DELETE = "delete"


#: Operations that give an open account a new password, and keep it open.
RENEWING = frozenset({OperationKind.ROTATE, OperationKind.HANDOVER})

#: Operations after which nobody can log in.
SHUTTING = frozenset({OperationKind.CLOSE, OperationKind.DELETE})


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


class OperationState(StrEnum):
    """Where an operation stands."""

    #: Written down, not begun.
    PLANNED = "planned"
    #: Begun; if its process is gone, ``resume`` takes it over.
    RUNNING = "running"
    #: Everything happened and was proved.
    DONE = "done"
    #: Refused for good by one target, and taken back on the others.
    UNDONE = "undone"
    #: Stuck half-way; it has a next try.
    INCOMPLETE = "incomplete"
    #: Refused for good before anything had changed.
    FAILED = "failed"
    #: Held back by the mass-change limit until somebody releases it.
    STAGED = "staged"

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self in {OperationState.DONE, OperationState.UNDONE, OperationState.FAILED}


class Outcome(StrEnum):
    """What a call did to the system it was sent to."""

    #: The change was made.
    APPLIED = "applied"
    #: Everything was already as asked.
    UNCHANGED = "unchanged"
    #: The change was not made.
    NOT_APPLIED = "not_applied"
    #: Nobody knows yet; a probe has to tell.
    UNKNOWN = "unknown"


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
    opened_at: datetime | None = attrs.field(default=None, validator=_utc)
    #: Since when it is closed; ``None`` if it is not.
    closed_at: datetime | None = attrs.field(default=None, validator=_utc)
    #: When the password in force was set.
    password_changed_at: datetime | None = attrs.field(default=None, validator=_utc)
    #: When a rule next wants something of this account.
    next_deadline: datetime | None = attrs.field(default=None, validator=_utc)
    #: What it then wants.
    next_action: Action | None = None
    #: When a rule closes the account unless something happens before.
    closes_at: datetime | None = attrs.field(default=None, validator=_utc)

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


@attrs.frozen(kw_only=True)
class StepError:
    """Why a step or an operation did not do what it should, as it is stored and shown."""

    #: The name of the error's class in :mod:`provisioner.core.errors`.
    name: str
    message: str
    cure: str = ""


@attrs.frozen(kw_only=True)
class Step:
    """One hook called on one target or channel for one operation."""

    #: The name of the target or channel.
    name: str
    #: The name of the hook.
    hook: str
    #: ``None`` while the step is under way.
    outcome: Outcome | None = None
    #: How often it was tried so far.
    attempts: int = 0
    error: StepError | None = None
    #: What the other side calls it, for example a gateway's message id.
    reference: str | None = None


@attrs.frozen(kw_only=True)
class Operation:
    """One create, close, reopen, rotate or handover of one account, from plan to end."""

    id: str
    kind: OperationKind
    login: str
    #: Who asked for it: a person's id, or the name of the policy.
    actor: str
    created_at: datetime = attrs.field(validator=_utc)
    #: Why, in the words of whoever asked.
    reason: str = ""
    state: OperationState = OperationState.PLANNED
    #: Who holds the account when the operation is done; the password goes to this person.
    holder: str | None = None
    #: In a handover, who held it before.
    outgoing: str | None = None
    #: The request form that it carries out, if there is one.
    request: str | None = None
    #: The run that was held back by the mass-change limit, if it is a part of one.
    staging: str | None = None
    #: How often it was begun.
    tries: int = 0
    finished_at: datetime | None = attrs.field(default=None, validator=_utc)
    next_try_at: datetime | None = attrs.field(default=None, validator=_utc)
    steps: tuple[Step, ...] = ()
    #: Why it is not done, if it was tried.
    error: StepError | None = None


@attrs.frozen(kw_only=True)
class Handover:
    """The record of a handover that took place, for both sides to keep (000 m.5/e; 003 m.12/4).

    Names are kept as they were on that day.
    """

    #: The operation that carried it out.
    operation_id: str
    login: str
    mail: str
    #: The code and the name of the unit.
    unit: str
    unit_name: str
    #: Who held the account before; ``None`` if nobody did.
    outgoing: str | None
    outgoing_name: str | None
    incoming: str
    incoming_name: str
    actor: str
    reason: str
    #: When it was asked for, and when the incoming person's password was proved and on its way.
    begun_at: datetime = attrs.field(validator=_utc)
    finished_at: datetime = attrs.field(validator=_utc)
