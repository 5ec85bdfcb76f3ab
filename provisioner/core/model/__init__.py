"""The classes of the domain. All are frozen; a change creates a new object.

Times are aware and in UTC. The Turkish terms and the rules behind these classes come from the directives cited as
``000`` (provincial directive on unit mailboxes), ``001`` (circular on passwords and PYS) and ``003`` (municipal
regulation), by article (``m.``) or paragraph (``¶``).
"""

from __future__ import annotations

from provisioner.core.model.accounts import (
    Account,
    AccountKind,
    AccountState,
    Action,
    Person,
    SessionsState,
    TargetState,
    Unit,
)
from provisioner.core.model.deliveries import MessageState, PasswordDelivery
from provisioner.core.model.notices import NoticeDelivery
from provisioner.core.model.operations import (
    Handover,
    Operation,
    OperationKind,
    OperationState,
    Outcome,
    Step,
    StepError,
)

__all__ = [
    "Account",
    "AccountKind",
    "AccountState",
    "Action",
    "Handover",
    "MessageState",
    "NoticeDelivery",
    "Operation",
    "OperationKind",
    "OperationState",
    "Outcome",
    "PasswordDelivery",
    "Person",
    "SessionsState",
    "Step",
    "StepError",
    "TargetState",
    "Unit",
]
