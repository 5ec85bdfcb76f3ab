"""Plans: what a run would do, as a value that can be shown and then carried out exactly as shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import attrs

from provisioner.core.api.errors import SessionsLeftError, SessionsOpenError
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import AccountChange, CreateAccount, Entitlements, PlannedChange, RenameAccount
from provisioner.core.api.rules import MetDeadline
from provisioner.core.gateways.gateway import DELIVER
from provisioner.core.model import (
    Account,
    AccountState,
    Operation,
    OperationState,
    Outcome,
    Person,
    Unit,
)
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text

#: The prefix of the names of policies, which are used instead of a person's ID; so no ID may begin with it.
POLICY_ACTOR = "policy:"

#: The same for services: programs that use the API for themselves.
SERVICE_ACTOR = "service:"


def is_service(actor: str) -> bool:
    """Whether an actor is a service: a program that acts for itself, and not for a person."""
    return actor.startswith(SERVICE_ACTOR)


@attrs.frozen(kw_only=True)
class PlannedOperation:
    """One operation with everything that is needed to carry it out."""

    operation: Operation
    account: Account
    unit: Unit
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None
    #: The deadlines of the account that were met.
    marks: tuple[MetDeadline, ...] = ()
    #: The receiver of the password; ``None`` if there is no password.
    holder: Person | None = None
    outgoing: Person | None = None
    #: Whether the unit may have moved, so that an operation that sets a password moves the account too.
    unit_moves: bool = False
    #: Whether the journal has the operation already.
    recorded: bool = False
    #: Whether it is continued from the journal, and not requested again.
    resumed: bool = False
    #: When its people were looked up, and the rest read if it is continued, in seconds of a clock that nobody sets.
    read_at: float | None = attrs.field(default=None, eq=False)
    #: The number of the last message with a password to the account, if it was read after the operation. It is right
    #: until this attempt sends another one: the journal lets it begin only if nothing else has worked on the account.
    last_message: int | None = attrs.field(default=None, eq=False)
    #: An unfinished operation on the same account that this one replaces.
    superseded: Operation | None = None
    #: The names of the targets that it concerns; ``None`` for all.
    targets: frozenset[str] | None = None
    #: The names of those on which the open account is opened again.
    joins: frozenset[str] = frozenset()
    #: The entitlements of the account afterwards, by target.
    entitlements: Mapping[str, Entitlements] = attrs.field(factory=dict)
    #: The names of the targets on which sessions of the account are ended.
    sessions: frozenset[str] = frozenset()
    #: The names of those on which earlier operations or attempts have left sessions, also if they are no longer
    #: configured.
    left: frozenset[str] = frozenset()
    #: The names of the channels that may deliver the password; ``None`` for all.
    channels: frozenset[str] | None = None
    #: The ID of the message that was not delivered, if the operation replaces its password.
    undelivered: str | None = None

    def may_use(self, channel: str) -> bool:
        """Whether a channel may deliver the password."""
        return self.channels is None or channel in self.channels

    def concerns(self, target: str) -> bool:
        """Whether it changes something on a target."""
        return self.targets is None or target in self.targets

    @property
    def delivers(self) -> bool:
        """Whether it generates a password and delivers it."""
        return KINDS[self.operation.kind].delivers

    @property
    def recipient(self) -> Person:
        """The receiver of the password. Only for operations that generate one."""
        if self.holder is None:
            msg = f"{self.operation.kind} of {self.account.login} has nobody to receive a password"
            raise ValueError(msg)
        return self.holder

    def request(self, target: str, secret: Secret | None = None) -> AccountChange:
        """Return what a target is asked: the message of the kind, with as much of this as it carries.

        Args:

            target: The name of the target.

            secret: The new password, for operations that make one.
        """
        spec = KINDS[self.operation.kind]
        values: dict[str, Any] = {
            "operation_id": self.operation.id,
            "account": self.account,
            "unit": self.unit,
            "parent": self.parent,
            "outgoing": self.outgoing,
            "holder": self.recipient if spec.delivers else self.holder,
            "secret": secret,
            "entitlements": self.entitlements_on(target),
        }
        return spec.message(**{name: values[name] for name in spec.carries})

    def joining(self, target: str, secret: Secret) -> CreateAccount:
        """Return the message to a target on which the open account is missing.

        Args:

            target: The name of the target.

            secret: The new password.
        """
        return CreateAccount(
            operation_id=self.operation.id,
            account=self.account,
            unit=self.unit,
            holder=self.recipient,
            secret=secret,
            entitlements=self.entitlements_on(target),
            parent=self.parent,
        )

    def renaming(self, target: str) -> RenameAccount:
        """Return the message by which a target moves the account to the container of its unit.

        Args:

            target: The name of the target.
        """
        return RenameAccount(
            operation_id=self.operation.id,
            account=self.account,
            unit=self.unit,
            parent=self.parent,
            entitlements=self.entitlements_on(target),
        )

    def planned_change(self, target: str) -> PlannedChange:
        """Return what a probe is asked about: the values that the operation writes on a target.

        Args:

            target: The name of the target.
        """
        return PlannedChange(
            kind=self.operation.kind,
            unit=self.unit,
            holder=self.holder,
            outgoing=self.outgoing,
            entitlements=self.entitlements_on(target),
            parent=self.parent,
        )

    def entitlements_on(self, target: str) -> Entitlements:
        """Return the entitlements of the account on a target after the operation.

        Args:

            target: The name of the target.
        """
        return self.entitlements.get(target, Entitlements())

    @property
    def only_sessions_left(self) -> bool:
        """Whether an earlier attempt has done everything except to end all sessions."""
        return only_sessions_left(self.operation)

    @property
    def only_ends_sessions(self) -> bool:
        """Whether nothing else is left to do, because the rest is done or was refused permanently."""
        return only_ends_sessions(self.operation)

    @property
    def begun_before(self) -> bool:
        """Whether an earlier attempt, or a replaced operation, may have changed something on the targets."""
        earlier = [operation for operation in (self.operation, self.superseded) if operation]
        crashed = {operation.state for operation in earlier if KINDS[operation.kind].alters}
        return OperationState.RUNNING in crashed or self.account.state is AccountState.INCOMPLETE


def only_sessions_left(operation: Operation) -> bool:
    """Return whether an unfinished operation has done everything except to end all sessions.

    The journal has the end of a delivery only together with the changed account, so that a crash can't separate them.
    """
    if not operation.tries:
        return False
    is_delivered = any(step.hook == DELIVER and step.outcome is Outcome.APPLIED for step in operation.steps)
    return is_delivered or (operation.error is not None and operation.error.name == SessionsOpenError.__name__)


def was_refused(operation: Operation) -> bool:
    """Return whether an unfinished operation was refused permanently, and has only sessions to end.

    They are those that an operation before it has left, or that it has to end on the targets that didn't refuse it.
    """
    return operation.error is not None and operation.error.name == SessionsLeftError.__name__


def only_ends_sessions(operation: Operation) -> bool:
    """Return whether an unfinished operation has nothing left to do except to end sessions."""
    return only_sessions_left(operation) or was_refused(operation)


def is_delivered(operation: Operation) -> bool:
    """Return whether an unfinished operation has delivered its password, so that only sessions are left."""
    return KINDS[operation.kind].delivers and only_sessions_left(operation)


@attrs.frozen(kw_only=True)
class Initiator:
    """Who requested something, and why."""

    #: The ID of a person, or the name of a policy.
    actor: str
    reason: str = ""
    #: Whether the actor is a policy and not a person.
    by_policy: bool = False
    #: The ID of the access request that is executed, if there is one.
    request: str | None = None


@attrs.frozen(kw_only=True)
class Unchanged:
    """An account that needs no change."""

    login: str
    reason: Text


@attrs.frozen(kw_only=True)
class Refused:
    """An account that can't be changed at present. The rest of the plan is carried out."""

    login: str
    #: The obstacle.
    reason: Text
    #: How to remove it.
    cure: Text


@attrs.frozen(kw_only=True)
class Plan:
    """What a run would do."""

    work: tuple[PlannedOperation, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    refused: tuple[Refused, ...] = ()

    @classmethod
    def joined(cls, plans: Iterable[Plan]) -> Plan:
        """Return one run of several plans, which concern different accounts."""
        parts = list(plans)
        return cls(
            work=tuple(chain.from_iterable(plan.work for plan in parts)),
            unchanged=tuple(chain.from_iterable(plan.unchanged for plan in parts)),
            refused=tuple(chain.from_iterable(plan.refused for plan in parts)),
        )
