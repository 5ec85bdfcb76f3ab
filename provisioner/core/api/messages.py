"""The arguments and results of the hooks.

Every message is frozen. New fields get defaults, so that existing plug-ins keep working. All times are in UTC.

A field means the same in every message. ``operation_id`` is the same on every attempt, and on every target and channel.
``unit`` is the unit of the account, and ``parent`` is the unit above it. ``secret`` is the password: don't store or log
it, and call ``reveal()`` as late as possible. ``entitlements`` are the rights on this target that the configuration
manages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

import attrs

from provisioner.core.model import Account, OperationKind, Outcome, Person, Unit
from provisioner.core.model.masking import OPAQUE
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner.core.model.validators import require_utc


@attrs.frozen(kw_only=True)
class Entitlements:
    """The entitlements of an account on one target, as far as the configuration manages them.

    An entitlement is what the target calls a group, role or right. The ones that are in neither set belong to others,
    and stay as they are.
    """

    #: The names of those that the account has.
    granted: frozenset[str] = frozenset()
    #: The names of those that it doesn't have.
    withdrawn: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class CreateAccount:
    """Ensure that the account exists, is enabled and has this secret."""

    #: The ID of the operation; the same on every attempt.
    operation_id: str
    account: Account
    #: The unit of the account.
    unit: Unit
    #: The holder of the account.
    holder: Person
    secret: Secret
    entitlements: Entitlements = Entitlements()
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None


@attrs.frozen(kw_only=True)
class CloseAccount:
    """Ensure that nobody can log in to the account."""

    operation_id: str
    account: Account
    unit: Unit
    #: All of them are withdrawn.
    entitlements: Entitlements = Entitlements()


@attrs.frozen(kw_only=True)
class RotateSecret:
    """Set a new secret and change nothing else."""

    operation_id: str
    account: Account
    unit: Unit
    secret: Secret


@attrs.frozen(kw_only=True)
class HandOver:
    """Set a new holder and a new secret in one step."""

    operation_id: str
    account: Account
    unit: Unit
    #: The former holder, if there is one.
    outgoing: Person | None
    #: The new holder.
    holder: Person
    secret: Secret
    entitlements: Entitlements = Entitlements()
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None


@attrs.frozen(kw_only=True)
class UpdateAccount:
    """Bring the attributes and entitlements of an account up to date. The secret and the state stay as they are."""

    operation_id: str
    account: Account
    unit: Unit
    #: The holder; ``None`` if the account has none.
    holder: Person | None
    entitlements: Entitlements = Entitlements()
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None


@attrs.frozen(kw_only=True)
class RenameAccount:
    """Bring the container of an account up to date. The login, the secret and the state stay as they are."""

    operation_id: str
    account: Account
    unit: Unit
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None
    #: The entitlements of the account, which an update writes afterwards.
    entitlements: Entitlements = Entitlements()


@attrs.frozen(kw_only=True)
class DeleteAccount:
    """Delete the account completely."""

    operation_id: str
    account: Account
    unit: Unit


@attrs.frozen(kw_only=True)
class EndSessions:
    """End the open sessions of the account, and empty the caches that know it."""

    operation_id: str
    #: The account as it was before the operation; on a later attempt, as it is now.
    account: Account
    unit: Unit
    #: What was done to the account, and verified on the targets that hold it. An update that takes over sessions names
    #: a rotation.
    after: OperationKind
    #: The names with which the account can log in, each once: first those that targets store, spelled as they store
    #: them, then the login and the mail address. Names that differ only in case are different names. There is always at
    #: least one.
    spellings: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    #: The new password, for a log-in that shows that it opens. ``None`` after a closure or deletion; and on a later
    #: attempt, because the product stores no password.
    secret: Secret | None = None


@attrs.frozen(kw_only=True)
class ProbeSessions:
    """Return how many sessions the account has open."""

    account: Account
    #: The names with which the account can log in; see :class:`EndSessions`.
    spellings: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))


#: The messages that change an account.
AccountChange = CreateAccount | CloseAccount | RotateSecret | HandOver | UpdateAccount | RenameAccount | DeleteAccount


@attrs.frozen(kw_only=True)
class PlannedChange:
    """A change of an account that is planned and not started."""

    kind: OperationKind
    #: The unit of the account.
    unit: Unit
    #: The new holder of the account; ``None`` only for an update of an account that has none.
    holder: Person | None
    #: The current holder, if known.
    outgoing: Person | None = None
    entitlements: Entitlements = Entitlements()
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None


@attrs.frozen(kw_only=True)
class ProbeAccount:
    """Return the state of the account."""

    account: Account
    #: If given, also return whether it logs in.
    secret: Secret | None = None
    #: If given, also return what it would do to existing attributes. Given only to targets whose :class:`TargetReport`
    #: declares this.
    planned: PlannedChange | None = None


@attrs.frozen(kw_only=True)
class CheckTarget:
    """Check that the target works, and return what it can do."""


@attrs.frozen(kw_only=True)
class SetCredential:
    """Set a new secret for the product's own account on the target."""

    #: The new secret. It is stored already, as the pending one.
    secret: Secret


@attrs.frozen(kw_only=True)
class ProbeCredential:
    """Return whether a secret logs in to the product's own account on the target."""

    secret: Secret


@attrs.frozen(kw_only=True)
class CheckChannel:
    """Check that the channel works and can reach these people."""

    recipients: tuple[Person, ...] = ()


@attrs.frozen(kw_only=True)
class DeliverSecret:
    """Send the secret to its owner."""

    operation_id: str
    #: The ID of the message; the same when the channel is asked about the message again.
    delivery_id: str
    account: Account
    recipient: Person
    secret: Secret
    #: Whether an earlier message with another password for this account may have reached the recipient.
    replaces_earlier: bool = False
    #: The number of the message among those of the account, from 1. With the time, it shows the order of the messages
    #: on the phone.
    number: int = 1
    #: When it is sent, in UTC; ``None`` if that isn't known.
    at: datetime | None = None
    #: The unit of the account; ``None`` if that isn't known.
    unit: Unit | None = None


@attrs.frozen(kw_only=True)
class DeliverNotice:
    """Send a message without any secret to a person."""

    #: The ID of the message; the same on every attempt.
    delivery_id: str
    recipient: Person
    #: The text, in the language of messages to people.
    text: str
    #: Shorter texts that say the same with less detail, the longest first. A channel with limited room sends the first
    #: one that fits.
    shorter: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class DeliverNoticeBatch:
    """Send several messages without any secret, in one request."""

    #: At most as many as the channel registered as ``largest_batch``, each with an ID of its own.
    notices: tuple[DeliverNotice, ...]


@attrs.frozen(kw_only=True)
class ProbeDelivery:
    """Return the state of a message that was sent, or whose answer was lost."""

    delivery_id: str
    #: Which gateway of the channel took the message, as its receipt said; ``None`` if that isn't known.
    gateway: str | None = None
    #: The provider's ID of the message, as its receipt said; ``None`` if that isn't known.
    reference: str | None = None


@attrs.frozen(kw_only=True)
class FindPerson:
    """Find a person."""

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
    """The result of a call that changes an account.

    Args:

        outcome: ``APPLIED`` or ``UNCHANGED``. A call that did not apply its change, or doesn't know, raises an error.

        detail: A short text for the journal, without any secret.

        reference: The target's name of the account, for example a DN.

        undo: Restores the state of the account before the call; the engine doesn't know how. It exists in memory only
            and is called at most once, soon, by the thread that holds the account. It raises a
            :class:`~provisioner.core.api.errors.TargetError` if it fails.

        proved: Only for ``sessions_end``: whether the target has shown that nothing is left open. ``False`` if the
            sessions were ended and nothing can show it. The engine verifies the other changes itself.
    """

    outcome: Outcome = attrs.field(validator=attrs.validators.in_((Outcome.APPLIED, Outcome.UNCHANGED)))
    detail: str = ""
    reference: str | None = None
    undo: Callable[[], None] | None = attrs.field(default=None, repr=False, eq=False)
    proved: bool = True


class Presence(StrEnum):
    """Whether an account exists, and whether it can log in."""

    ABSENT = "absent"
    ENABLED = "enabled"
    DISABLED = "disabled"


#: The name of the change that an account's entitlements are shown as.
ENTITLEMENTS = "entitlements"

#: The name of the change that an account's move to another container is shown as.
CONTAINER = "container"


@attrs.frozen(kw_only=True)
class AttributeChange:
    """What a planned change would do to one attribute of an existing account, or to its entitlements."""

    #: The name of the attribute; :data:`ENTITLEMENTS` for the entitlements, :data:`CONTAINER` for the container.
    name: str
    removes: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    #: The other values, which are kept.
    keeps: tuple[str, ...] = ()

    @classmethod
    def between(cls, name: str, former: Iterable[str], new: Iterable[str]) -> Self:
        """Return the change from some values to others.

        Args:

            name: The name of the attribute.

            former: The values before the change.

            new: The values after it.
        """
        before, after = tuple(former), tuple(new)
        return cls(
            name=name,
            removes=tuple(value for value in before if value not in after),
            adds=tuple(value for value in after if value not in before),
            keeps=tuple(value for value in before if value in after),
        )

    @property
    def is_empty(self) -> bool:
        """Whether the values are the same before and after."""
        return not self.removes and not self.adds


@attrs.frozen(kw_only=True)
class AccountReport:
    """The result of a probe."""

    presence: Presence
    #: Whether the secret of the request logged in; ``None`` if none was given or it can't be determined.
    secret_accepted: bool | None = None
    #: What the target knows of the account, for people and for reconciliation. Never a password or its hash.
    attributes: Mapping[str, str] = attrs.field(factory=dict)
    #: What prevents the account from logging in, in the target's own words, for example ``nsAccountLock=true``; empty
    #: if nothing does, or if it can't be determined. It is shown to administrators, who remove the lock.
    lock: str = ""
    #: The effect of the planned change in the request, for attributes that change. Never a password.
    changes: tuple[AttributeChange, ...] = ()
    #: The names with which the account can log in, as the target stores them: the login, then mail addresses and
    #: aliases. Empty if the target can't determine them. Other targets end the sessions of all these names.
    spellings: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class SessionsReport:
    """The open sessions of an account."""

    #: How many log-ins of the account go on now.
    count: int = attrs.field(validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class ListAccounts:
    """List the accounts of the target."""


@attrs.frozen(kw_only=True)
class ListedAccount:
    """An account in the list of a target."""

    #: The login, as the target stores it.
    login: str
    #: ``ENABLED`` or ``DISABLED``; ``None`` if the target can't determine it.
    presence: Presence | None
    #: The target's name of the account, for example a DN.
    reference: str | None = None
    #: The ID of the holder that the target stores; ``None`` if it stores none.
    holder: str | None = None
    #: What the target knows of the account, for people and for adoption: the first value of each attribute. Never a
    #: password or its hash.
    attributes: Mapping[str, str] = attrs.field(factory=dict)
    #: The other values of attributes that have several.
    further_values: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    #: What prevents an enabled account from logging in, for example a lockout; empty if nothing does.
    lock: str = ""
    #: When its password was set, in UTC; ``None`` if the target doesn't store it.
    password_changed_at: datetime | None = attrs.field(default=None, validator=require_utc)
    #: Data of the plug-in for ``account_compare``, for example the entry as it was read. The core doesn't look into it.
    entry: object = attrs.field(default=None, repr=False, eq=False, metadata=OPAQUE)

    def values(self) -> Iterator[tuple[str, str]]:
        """Yield each value of each attribute, with the name of the attribute."""
        yield from self.attributes.items()
        for name, others in self.further_values.items():
            yield from ((name, value) for value in others)


@attrs.frozen(kw_only=True)
class AccountPage:
    """A part of the list of a target's accounts."""

    accounts: tuple[ListedAccount, ...] = ()
    #: Whether the target declared that nothing follows. A list that ends without such a page is incomplete.
    is_last: bool = False


@attrs.frozen(kw_only=True)
class CompareAccount:
    """Compare a listed account with what an update would write."""

    #: The account, as the same target has listed it.
    listed: ListedAccount
    account: Account
    unit: Unit
    #: The holder; ``None`` if the account has none.
    holder: Person | None
    entitlements: Entitlements = Entitlements()
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None


@attrs.frozen(kw_only=True)
class AccountComparison:
    """The result of the comparison of a listed account."""

    #: What an update would change.
    changes: tuple[AttributeChange, ...] = ()


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a target can do, as it declares at run time.

    It doesn't include the hooks, which the plug-in manager reads from the plug-in object.
    """

    #: A probe can distinguish absent, enabled and disabled.
    tells_presence: bool = True
    #: A probe can determine whether a secret logs in.
    proves_secret: bool = True
    #: ``account_close`` itself ends open sessions. Otherwise, a person who is logged in stays logged in for a while,
    #: unless a target has ``sessions_end``.
    ends_sessions: bool = False
    #: It has entitlements, such as groups, and sets those that a message grants or withdraws.
    sets_entitlements: bool = False
    #: Accounts are in containers that depend on their units, such as that of a district. A probe shows that an account
    #: is in another one, as the change :data:`CONTAINER`, and ``account_rename`` moves it.
    moves_accounts: bool = False
    #: The names of the hooks whose receipt carries an undo.
    undoes: frozenset[str] = frozenset()
    #: Further facts to show, for example the server's name and version.
    facts: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class PasswordLimits:
    """The password requirements of a target, as far as they are known."""

    #: The minimum number of characters.
    minimum_length: int = 0
    #: The maximum number; ``None`` if there is no limit.
    maximum_length: int | None = None
    #: The number of seconds after which a password expires; ``None`` if it doesn't.
    maximum_age: int | None = None


@attrs.frozen(kw_only=True)
class TargetReport:
    """The result of the check of a target that works."""

    capabilities: Capabilities = Capabilities()
    #: Problems that may occur later, and inadvisable settings, with the cure; one sentence each.
    warnings: tuple[str | Text, ...] = ()
    #: When the certificates of its servers expire, in UTC, by the server's name.
    certificates: Mapping[str, datetime] = attrs.field(factory=dict)
    #: Its password requirements; ``provisioner check`` compares them with the generated passwords and the rules.
    passwords: PasswordLimits = PasswordLimits()
    #: Whether a probe can determine what a planned change would do to attributes.
    foresees: bool = False


@attrs.frozen(kw_only=True)
class CredentialReport:
    """Which servers of a target accept a secret of the product's own account. Each server is in one of the two."""

    accepted_by: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ChannelReport:
    """The result of the check of a channel that works."""

    #: For each recipient of the request who can't be reached: the person's ID, and the reason.
    unreachable: Mapping[str, str | Text] = attrs.field(factory=dict)
    warnings: tuple[str | Text, ...] = ()


class DeliveryState(StrEnum):
    """The state of a message."""

    #: The gateway accepted it and is responsible for it.
    ACCEPTED = "accepted"
    #: It is on the phone.
    DELIVERED = "delivered"
    #: It will not be sent; nobody received it.
    REJECTED = "rejected"
    #: The result of a probe: the gateway never received it, so it can be sent again.
    MISSING = "missing"
    #: The state is unknown.
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class DeliveryReceipt:
    """What a channel returns for one message."""

    state: DeliveryState
    #: Which gateway of the channel took the message, if the channel has several. ``delivery_probe`` gets it back.
    gateway: str | None = None
    #: The provider's ID of the message. ``delivery_probe`` gets it back.
    reference: str | None = None
    #: The reason, without any secret and without the message's text.
    detail: str | Text = ""
    #: Whether more becomes known later: the gateway sends reports, or ``delivery_probe`` can ask it.
    will_report: bool = False
    #: The gateway's IDs of the parts of the message, if its reports name these and not our ID; see
    #: :meth:`Registrar.report <provisioner.core.api.registration.Registrar.report>`.
    parts: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class NoticeBatchReceipt:
    """What a channel returns for several notices."""

    #: The receipt of each notice, by its ID. ``MISSING`` means that this notice was certainly not taken; it is then
    #: sent by itself. ``UNKNOWN`` means that it may have been taken.
    receipts: Mapping[str, DeliveryReceipt]


@attrs.frozen(kw_only=True)
class CharacterClass:
    """A set of characters of which a password needs a minimum number."""

    #: The name, which is the same in all policies that mean this class.
    name: str
    characters: str = attrs.field(validator=attrs.validators.min_len(1))
    at_least: int = attrs.field(default=1, validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class PasswordPolicy:
    """Password requirements, for generating and checking passwords.

    Several policies apply together: classes of the same name are intersected, the larger minimum is used, and a
    character or word that one policy forbids is forbidden.
    """

    #: The origin of the policy, for messages.
    source: str
    classes: tuple[CharacterClass, ...] = ()
    #: The minimum number of characters.
    minimum_length: int = 1
    #: The maximum number of characters.
    maximum_length: int = 64
    #: The minimum entropy of a generated password, in bits.
    minimum_bits: float = 0
    #: Characters that must not occur.
    excluded: str = ""
    #: Words that must not occur, in any case.
    forbidden_words: tuple[str, ...] = ()


class Passage(StrEnum):
    """The kind of clearance (000 m.5/f)."""

    LEAVING = "leaving"
    STARTING = "starting"


@attrs.frozen(kw_only=True)
class AskClearance:
    """Ask whether a person may leave or start."""

    person_id: str
    passage: Passage


@attrs.frozen(kw_only=True)
class ClearanceBlock:
    """One thing that prevents a person from leaving or starting."""

    #: The login, operation or other item that it concerns.
    subject: str
    reason: Text
    #: What has to be done before the personnel office may continue.
    cure: Text


@attrs.frozen(kw_only=True)
class AuthorizeOperation:
    """Ask whether an actor may do this to this account now."""

    kind: OperationKind
    account: Account
    unit: Unit
    #: A person's id, or the name of a policy.
    actor: str
    #: Whether the actor is a policy and not a person.
    by_policy: bool
    #: The time, in UTC.
    at: datetime
    #: In a handover or an adoption, the ID of the person who receives the account.
    incoming: str | None = None
    #: The ID of the access request that is executed, if there is one.
    request: str | None = None
    #: If the actor releases a held run, the person who started it.
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
