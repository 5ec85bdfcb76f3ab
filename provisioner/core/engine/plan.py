"""Plans: what a run would do, as a value that can be shown and then carried out exactly as shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import AccountChange
from provisioner.core.api.rules import MetDeadline
from provisioner.core.model import (
    Account,
    AccountState,
    Operation,
    OperationState,
    Person,
    Unit,
)
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text

#: A user name: one word of letters and digits (000 m.4/f), with the three signs that mailboxes have inside it.
LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")

#: What begins the name of a policy where a person's id could stand; so nobody's id begins with it.
POLICY_ACTOR = "policy:"


@attrs.frozen(kw_only=True)
class PlannedOperation:
    """One operation with everything it needs to be carried out."""

    operation: Operation
    account: Account
    unit: Unit
    #: Which deadlines of the account were met.
    marks: tuple[MetDeadline, ...] = ()
    #: Who receives the password; ``None`` when there is none to receive.
    holder: Person | None = None
    outgoing: Person | None = None
    #: Whether the journal has the operation already.
    recorded: bool = False
    #: An operation on the same account that did not end and gives way to this one.
    superseded: Operation | None = None

    @property
    def recipient(self) -> Person:
        """Who receives the password. Only for operations that make one."""
        if self.holder is None:
            msg = f"{self.operation.kind} of {self.account.login} has nobody to receive a password"
            raise ValueError(msg)
        return self.holder

    def request(self, secret: Secret | None = None) -> AccountChange:
        """Return what each target is asked: the message of the kind, with as much of this as it carries.

        Args:

            secret: The new password, for operations that make one.
        """
        spec = KINDS[self.operation.kind]
        values: dict[str, Any] = {
            "operation_id": self.operation.id,
            "account": self.account,
            "unit": self.unit,
            "outgoing": self.outgoing,
            "holder": self.recipient if spec.delivers else None,
            "secret": secret,
        }
        return spec.message(**{name: values[name] for name in attrs.fields_dict(spec.message)})

    @property
    def begun_before(self) -> bool:
        """Whether an earlier try, or an operation that gives way, may have left something behind on the targets."""
        crashed = {operation.state for operation in (self.operation, self.superseded) if operation}
        return OperationState.RUNNING in crashed or self.account.state is AccountState.INCOMPLETE


@attrs.frozen(kw_only=True)
class Initiator:
    """Who asked for something, and why."""

    #: A person's id, or the name of a policy.
    actor: str
    reason: str = ""
    #: Whether a policy asks, and no person.
    by_policy: bool = False
    #: The id of the request form that is being carried out, if there is one.
    request: str | None = None


@attrs.frozen(kw_only=True)
class Unchanged:
    """An account for which nothing needs to be done."""

    login: str
    reason: Text


@attrs.frozen(kw_only=True)
class Refused:
    """An account for which nothing can be done as it stands. The rest of the plan is carried out."""

    login: str
    #: What stands in the way.
    reason: Text
    #: What somebody can do about it.
    cure: Text


@attrs.frozen(kw_only=True)
class Plan:
    """What a run would do."""

    work: tuple[PlannedOperation, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    refused: tuple[Refused, ...] = ()


@attrs.frozen(kw_only=True)
class Naming:
    """How mail addresses are made.

    Args:

        domain: What follows the login of an account.

        domain_of_kind: The same for units of a certain kind, where they have their own.
    """

    domain: str
    domain_of_kind: Mapping[str, str] = attrs.field(factory=dict)

    def domain_for(self, unit: Unit) -> str:
        """Return the mail domain of the accounts of *unit*."""
        return self.domain_of_kind.get(unit.kind, self.domain)

    def login(self, text: str) -> str:
        """Return the login in *text*, which may have one of our domains behind it, in lower case.

        Raises:

            ValueError: It is not a login of ours.
        """
        login, _, domain = text.strip().lower().partition("@")
        if domain and domain not in {self.domain, *self.domain_of_kind.values()}:
            raise ValueError(domain)
        if not LOGIN.fullmatch(login):
            raise ValueError(login)
        return login
