"""What the hooks are given, and what they answer.

Every request is frozen. New fields get defaults, so that a plug-in written today keeps working.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.model import Account, OperationKind, Outcome, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class CreateAccount:
    """Ensure that the account exists, is enabled and takes this secret."""

    #: The operation this is a part of; the same one on every attempt.
    operation_id: str
    account: Account
    #: The unit the account belongs to.
    unit: Unit
    #: Who will hold the account.
    holder: Person
    secret: Secret


@attrs.frozen(kw_only=True)
class CloseAccount:
    """Ensure that nobody can log in to the account."""

    operation_id: str
    account: Account
    unit: Unit


@attrs.frozen(kw_only=True)
class RotateSecret:
    """Set a new secret and touch nothing else."""

    operation_id: str
    account: Account
    unit: Unit
    secret: Secret


@attrs.frozen(kw_only=True)
class HandOver:
    """Give the account a new holder and a new secret in one step."""

    operation_id: str
    account: Account
    unit: Unit
    #: Who held it so far, if anybody did.
    outgoing: Person | None
    #: Who holds it from now on.
    holder: Person
    secret: Secret


@attrs.frozen(kw_only=True)
class DeleteAccount:
    """Ensure that nothing is left of the account."""

    operation_id: str
    account: Account
    unit: Unit


#: What changes an account.
AccountChange = CreateAccount | CloseAccount | RotateSecret | HandOver | DeleteAccount


@attrs.frozen(kw_only=True)
class PlannedChange:
    """A change of an account that is planned and not begun."""

    kind: OperationKind
    #: The unit the account belongs to.
    unit: Unit
    #: Who will hold the account.
    holder: Person
    #: Who holds it now, if that is known.
    outgoing: Person | None = None


@attrs.frozen(kw_only=True)
class ProbeAccount:
    """Tell what is there."""

    account: Account
    #: When given, also tell whether a log-in with it succeeds.
    secret: Secret | None = None
    #: When given, also tell what it would do to attributes that are there. It is given only to targets whose
    #: :class:`TargetReport` says that they can tell.
    planned: PlannedChange | None = None


@attrs.frozen(kw_only=True)
class CheckTarget:
    """Tell whether the target works and what it can do."""


@attrs.frozen(kw_only=True)
class CheckChannel:
    """Tell whether the channel works and could reach these people."""

    recipients: tuple[Person, ...] = ()


@attrs.frozen(kw_only=True)
class DeliverSecret:
    """Bring the secret to its owner."""

    operation_id: str
    #: One id for each message; the same one when the same message is asked about again.
    delivery_id: str
    account: Account
    recipient: Person
    secret: Secret
    #: Whether a message with another password for this account may have reached the recipient before.
    replaces_earlier: bool = False


@attrs.frozen(kw_only=True)
class DeliverNotice:
    """Bring a message without any secret to a person."""

    #: One id for each message; the same one on every attempt.
    delivery_id: str
    recipient: Person
    #: What to say, in the language of messages to people.
    text: str


@attrs.frozen(kw_only=True)
class ProbeDelivery:
    """Tell what became of a message whose answer was lost."""

    delivery_id: str


@attrs.frozen(kw_only=True)
class FindPerson:
    """Tell who this is."""

    #: The staff number.
    person_id: str


@attrs.frozen(kw_only=True)
class ChooseLogin:
    """Choose the login of the account of a unit, or of a person in it."""

    unit: Unit
    #: ``None`` for the unit's own account.
    person: Person | None = None


@attrs.frozen(kw_only=True)
class Receipt:
    """What a call that changes an account did.

    Args:

        outcome: ``APPLIED`` or ``UNCHANGED``. A call that did not apply its change, or does not know, raises.

        detail: A few words for the journal, without any secret.

        reference: What the target calls the account, for example a DN.

        undo: Puts the account back to where it was before the call, without the engine knowing how. It lives in
            memory only and is called at most once, soon, by the thread that holds the account. It raises a
            :class:`~provisioner.core.api.errors.TargetError` if it cannot.
    """

    outcome: Outcome = attrs.field(validator=attrs.validators.in_((Outcome.APPLIED, Outcome.UNCHANGED)))
    detail: str = ""
    reference: str | None = None
    undo: Callable[[], None] | None = attrs.field(default=None, repr=False, eq=False)


class Presence(StrEnum):
    """Whether an account is there, and whether it may log in."""

    ABSENT = "absent"
    ENABLED = "enabled"
    DISABLED = "disabled"


@attrs.frozen(kw_only=True)
class AttributeChange:
    """What a planned change would do to one attribute of an account that is there."""

    name: str
    removes: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    #: The other values, which stay.
    keeps: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class AccountReport:
    """What a probe found."""

    presence: Presence
    #: Whether a log-in with the secret of the request succeeded; ``None`` if none was given or it cannot be told.
    secret_accepted: bool | None = None
    #: What the target knows of the account, for people and for reconciliation. Never a password or its hash.
    attributes: Mapping[str, str] = attrs.field(factory=dict)
    #: What keeps the account from logging in, in the target's own words, for example ``nsAccountLock=true``; empty if
    #: nothing does, or if the target cannot tell. It is shown to administrators, who lift it.
    lock: str = ""
    #: What the planned change of the request would do, for attributes in which anything changes. Never a password.
    changes: tuple[AttributeChange, ...] = ()


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a target can do, as it says itself at run time.

    Which hooks it has is not repeated here: the plug-in manager sees that from the plug-in object.
    """

    #: A probe can tell absent, enabled and disabled apart.
    tells_presence: bool = True
    #: A probe can tell whether a secret logs in.
    proves_secret: bool = True
    #: A closing also ends open sessions. Where it does not, a person who is logged in stays logged in for a while.
    ends_sessions: bool = False
    #: The names of the hooks whose receipt carries an undo.
    undoes: frozenset[str] = frozenset()
    #: Further facts worth showing, for example the server's name and version.
    facts: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class PasswordLimits:
    """What a target itself demands of passwords, as far as it says so."""

    #: The fewest characters it takes.
    minimum_length: int = 0
    #: The most; ``None`` if it sets no limit.
    maximum_length: int | None = None
    #: After how many seconds it accepts a password no longer; ``None`` if it always does.
    maximum_age: int | None = None


@attrs.frozen(kw_only=True)
class TargetReport:
    """The answer of a target that works."""

    capabilities: Capabilities = Capabilities()
    #: What works today and may not tomorrow, or is unwise, with the cure; one sentence each.
    warnings: tuple[str | Text, ...] = ()
    #: Until when the certificates that its servers show are good, in UTC, by the server's name.
    certificates: Mapping[str, datetime] = attrs.field(factory=dict)
    #: What it demands of passwords; ``provisioner check`` compares it with the passwords that are made and the rules.
    passwords: PasswordLimits = PasswordLimits()
    #: Whether a probe can tell what a planned change would do to attributes.
    foresees: bool = False


@attrs.frozen(kw_only=True)
class ChannelReport:
    """The answer of a channel that works."""

    #: For each recipient of the request who cannot be reached: the person's id, and why.
    unreachable: Mapping[str, str | Text] = attrs.field(factory=dict)
    warnings: tuple[str | Text, ...] = ()


class DeliveryState(StrEnum):
    """How far a message got."""

    #: The gateway took it and answers for it from here.
    ACCEPTED = "accepted"
    #: It is on the phone.
    DELIVERED = "delivered"
    #: It will not be sent; nobody got it.
    REJECTED = "rejected"
    #: The answer of a probe: the gateway never got it, so it may be handed over again.
    MISSING = "missing"
    #: Nobody knows.
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class DeliveryReceipt:
    """What a channel says of one message."""

    state: DeliveryState
    #: The provider's own id of the message.
    reference: str | None = None
    #: Why, without any secret and without the message's text.
    detail: str | Text = ""


@attrs.frozen(kw_only=True)
class CharacterClass:
    """A set of characters of which a password needs some."""

    name: str
    characters: str = attrs.field(validator=attrs.validators.min_len(1))
    at_least: int = attrs.field(default=1, validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class PasswordPolicy:
    """Declares password requirements, for generating passwords and for checking them.

    Several policies hold at once: classes of the same name are intersected, the larger minimum wins, and everything
    forbidden by one is forbidden.
    """

    #: Where the policy comes from, for messages.
    source: str
    classes: tuple[CharacterClass, ...] = ()
    minimum_length: int = 1
    maximum_length: int = 64
    #: The least information a generated password carries.
    minimum_bits: float = 0
    #: Characters that must not occur.
    excluded: str = ""
    #: Words that must not occur, whatever their case.
    forbidden_words: tuple[str, ...] = ()


class Passage(StrEnum):
    """Which permission of the personnel office is asked for (000 m.5/f)."""

    LEAVING = "leaving"
    STARTING = "starting"


@attrs.frozen(kw_only=True)
class AskClearance:
    """May this person leave, or take up the post?"""

    person_id: str
    passage: Passage


@attrs.frozen(kw_only=True)
class ClearanceBlock:
    """One thing that keeps a person from leaving or starting."""

    #: The login, operation or other thing it is about.
    subject: str
    reason: Text
    #: What has to be done before the personnel office may go on.
    cure: Text


@attrs.frozen(kw_only=True)
class AuthorizeOperation:
    """May this actor do this to this account, now?"""

    kind: OperationKind
    account: Account
    unit: Unit
    #: A person's id, or the name of a policy.
    actor: str
    #: Whether a policy asks, and no person.
    by_policy: bool
    #: When, in UTC.
    at: datetime
    #: In a handover, the id of whoever is to receive the account.
    incoming: str | None = None
    #: The id of the request form that is being carried out, if there is one.
    request: str | None = None
    #: If the actor releases it from a run that was held back, who had asked for that run.
    asked_by: str | None = None


@attrs.frozen(kw_only=True)
class CliCommand:
    """A further command of the command line."""

    #: What the user types after ``provisioner``.
    name: str
    #: One line for ``--help``.
    help: str
    #: Where the click command is, as ``package.module:attribute``; imported only when the command is used.
    location: str
